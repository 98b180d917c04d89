/* SPDX-License-Identifier: MIT */
/* The coded data of a stream, on their way to its decoder, for the source's tap. */
#include <string.h>

#include <gst/gst.h>

#include "base/clock.h"
#include "pipeline/source/internal.h"

static int64_t running_ns(const GstSegment *segment, GstClockTime time)
{
    guint64 ns = 0;
    /* Decoding times may lie before the segment: then negative. */
    const gint sign = segment->format == GST_FORMAT_TIME
                          ? gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, time, &ns)
                          : 0;
    if (!GST_CLOCK_TIME_IS_VALID(time) || sign == 0 || ns > INT64_MAX)
        return TYTO_CODED_NO_TIME;
    return sign > 0 ? (int64_t)ns : -(int64_t)ns;
}

static GstPadProbeReturn on_buffer(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    struct tyto_tap *tap = stream->source->tap;
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    GstCaps *caps = gst_pad_get_current_caps(pad);
    const GstSegment *segment;
    if (event && caps) {
        gst_event_parse_segment(event, &segment);
        const int64_t shift_ns =
            stream->source->base_ns - (stream->which == TYTO_STREAM_AUDIO ? tap->av_offset_ns : 0);
        struct tyto_coded coded = {
            .pts_ns = running_ns(segment, GST_BUFFER_PTS(buffer)),
            .dts_ns = running_ns(segment, GST_BUFFER_DTS(buffer)),
            .num_bytes = (uint32_t)gst_buffer_get_size(buffer),
            .is_key = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT),
        };
        if (GST_BUFFER_DURATION_IS_VALID(buffer) &&
            GST_BUFFER_DURATION(buffer) < 60 * TYTO_NS_PER_S)
            coded.duration_ns = (int64_t)GST_BUFFER_DURATION(buffer);
        if (coded.pts_ns != TYTO_CODED_NO_TIME) {
            coded.pts_ns += shift_ns;
            coded.dts_ns += coded.dts_ns != TYTO_CODED_NO_TIME ? shift_ns : 0;
            coded.sample = gst_sample_new(buffer, caps, NULL, NULL);
            tap->on_coded(tap, stream->which, &coded);
        }
    }
    if (caps)
        gst_caps_unref(caps);
    if (event)
        gst_event_unref(event);
    return GST_PAD_PROBE_OK;
}

void tyto_source_tap(struct tyto_source_stream *stream, GstPad *pad)
{
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, stream, NULL);
}

/* A recording may begin at any keyframe: each needs its parameter sets with it. */
static void on_element(GstBin *bin, GstBin *inner, GstElement *element, gpointer user)
{
    (void)bin;
    (void)inner;
    (void)user;
    const GstElementFactory *factory = gst_element_get_factory(element);
    const char *name = factory ? GST_OBJECT_NAME(factory) : "";
    if (strcmp(name, "h264parse") == 0 || strcmp(name, "h265parse") == 0)
        g_object_set(element, "config-interval", -1, NULL);
}

void tyto_source_prepare_tap(struct tyto_source *source)
{
    g_signal_connect(source->pipeline, "deep-element-added", G_CALLBACK(on_element), NULL);
}
