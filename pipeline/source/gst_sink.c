/* SPDX-License-Identifier: MIT */
/* The end of a chain: an appsink fills its stream's ring on GStreamer's threads. The notes that a
 * stream leaves are here too, because every file of the source leaves them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "base/clock.h"
#include "pipeline/source/internal.h"

enum { BLOCK_US = 2000 };

void tyto_source_touch(struct tyto_source_stream *stream)
{
    atomic_store(&stream->last_data_ns, tyto_clock_mono_ns());
    if (stream->source->kind != TYTO_URI_RTSP)
        atomic_store(&stream->source->num_pending, 0);
}

void tyto_source_step(struct tyto_source *source)
{
    atomic_store(&source->last_step_ns, tyto_clock_mono_ns());
}

/* Of a stream, until its next keyframe. */
enum { MAX_HELD_BYTES = 8 << 20 };

void tyto_source_drop_held(struct tyto_source_stream *stream)
{
    while (stream->num_held > 0)
        gst_buffer_unref(stream->held[--stream->num_held]);
    stream->num_held_bytes = 0;
}

/* Nothing of a group of pictures can be decoded without all that was before. */
void tyto_source_hold(struct tyto_source_stream *stream, GstBuffer *buffer)
{
    const size_t num_bytes = gst_buffer_get_size(buffer);
    if (stream->num_held_bytes + num_bytes > MAX_HELD_BYTES ||
        stream->num_held == TYTO_SOURCE_MAX_HELD ||
        GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT))
        stream->is_held_whole = false;
    if (!stream->is_held_whole) {
        tyto_source_drop_held(stream);
        return;
    }
    stream->held[stream->num_held++] = gst_buffer_ref(buffer);
    stream->num_held_bytes += num_bytes;
}

void tyto_source_pass(struct tyto_source_stream *stream, int64_t ns)
{
    if (ns <= atomic_load(&stream->pos_ns))
        return;
    atomic_store(&stream->pos_ns, ns);
    tyto_source_step(stream->source);
}

/* Of a file, before what comes reaches the sink: a sink that waited itself would hold a lock that
 * the pipeline needs to start playing, and who empties the ring does so only once it plays. */
static void wait_for_room(struct tyto_source_stream *stream)
{
    struct tyto_source *source = stream->source;
    while (source->is_file && tyto_ring_is_full(stream->ring) && !atomic_load(&source->stopping)) {
        usleep(BLOCK_US);
        tyto_source_step(source);
    }
}

static GstPadProbeReturn on_sink_buffer(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    (void)pad;
    (void)info;
    wait_for_room(user);
    return GST_PAD_PROBE_OK;
}

/* object is taken. */
static GstFlowReturn push(struct tyto_source_stream *stream, GstMiniObject *object)
{
    struct tyto_source *source = stream->source;
    struct tyto_source_item *item =
        tyto_source_new_item(object, (enum tyto_turn)atomic_load(&stream->turn));
    if (!item) {
        gst_mini_object_unref(object);
        return GST_FLOW_ERROR;
    }
    enum tyto_err err;
    if (source->is_file) {
        while ((err = tyto_ring_push(stream->ring, item)) == TYTO_ERR_FULL) {
            if (atomic_load(&source->stopping))
                break;
            usleep(BLOCK_US);
            tyto_source_stamp_item(item);
            tyto_source_step(source);
        }
    } else {
        void *dropped = NULL;
        err = tyto_ring_push_drop_oldest(stream->ring, item, &dropped);
        if (!err)
            tyto_source_free_item(dropped);
    }
    if (!err) {
        tyto_source_step(source);
        return GST_FLOW_OK;
    }
    tyto_source_free_item(item);
    return GST_FLOW_FLUSHING;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstSample *sample = gst_app_sink_try_pull_sample(sink, 0);
    if (!sample)
        return GST_FLOW_OK;
    tyto_source_touch(stream);
    return push(stream, GST_MINI_OBJECT_CAST(sample));
}

static void on_eos(GstAppSink *sink, gpointer user)
{
    struct tyto_source_stream *stream = user;
    (void)sink;
    if (stream->source->kind != TYTO_URI_RTSP)
        atomic_store(&stream->source->num_pending, 0); /* no data came, nor will */
    if (!atomic_exchange(&stream->ended, true))
        (void)push(stream, GST_MINI_OBJECT_CAST(gst_event_new_eos()));
}

/* "flip-rotate-90": mirrored, then turned right. */
static enum tyto_turn turn_of(const char *tag)
{
    static const struct {
        const char *tag;
        enum tyto_turn turn;
    } turns[] = {
        {"rotate-90", TYTO_TURN_RIGHT},           {"rotate-180", TYTO_TURN_180},
        {"rotate-270", TYTO_TURN_LEFT},           {"flip-rotate-0", TYTO_TURN_MIRROR},
        {"flip-rotate-90", TYTO_TURN_TRANSVERSE}, {"flip-rotate-180", TYTO_TURN_UPSIDE_DOWN},
        {"flip-rotate-270", TYTO_TURN_TRANSPOSE},
    };
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        if (strcmp(tag, turns[i].tag) == 0)
            return turns[i].turn;
    }
    return TYTO_TURN_NONE;
}

static void take_tags(struct tyto_source_stream *stream, GstEvent *event)
{
    GstTagList *tags = NULL;
    gchar *text = NULL;
    gst_event_parse_tag(event, &tags);
    if (gst_tag_list_get_string(tags, GST_TAG_IMAGE_ORIENTATION, &text))
        atomic_store(&stream->turn, (int)turn_of(text));
    g_free(text);
}

/* Holes that the demuxer knows of; running time is put into the event we keep. */
static GstPadProbeReturn on_sink_event(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    struct tyto_source_stream *stream = user;
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
    GstClockTime pts, duration;
    if (GST_EVENT_TYPE(event) == GST_EVENT_TAG)
        take_tags(stream, event);
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
        wait_for_room(stream);
    if (GST_EVENT_TYPE(event) != GST_EVENT_GAP)
        return GST_PAD_PROBE_OK;
    gst_event_parse_gap(event, &pts, &duration);
    GstEvent *segment_event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!segment_event)
        return GST_PAD_PROBE_OK;
    const GstSegment *segment;
    gst_event_parse_segment(segment_event, &segment);
    if (GST_CLOCK_TIME_IS_VALID(pts) && GST_CLOCK_TIME_IS_VALID(duration))
        pts += duration;
    const guint64 running_ns = segment->format == GST_FORMAT_TIME
                                   ? gst_segment_to_running_time(segment, GST_FORMAT_TIME, pts)
                                   : GST_CLOCK_TIME_NONE;
    if (GST_CLOCK_TIME_IS_VALID(running_ns))
        (void)push(stream, GST_MINI_OBJECT_CAST(gst_event_new_gap(running_ns, 0)));
    gst_event_unref(segment_event);
    return GST_PAD_PROBE_OK;
}

/* Decoders may then hand out their own frames, strides and all, without a copy. */
static GstPadProbeReturn on_sink_query(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    (void)pad;
    (void)user;
    GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return GST_PAD_PROBE_OK;
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    return GST_PAD_PROBE_HANDLED;
}

void tyto_source_connect_sink(struct tyto_source_stream *stream, GstElement *sink)
{
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample, .eos = on_eos};
    /* HTTP may serve a recording at once: then its own time is kept to. */
    const gboolean sync = stream->source->kind == TYTO_URI_HTTP;
    g_object_set(sink, "sync", sync, "async", FALSE, "max-buffers", 1, "enable-last-sample", FALSE,
                 "qos", FALSE, NULL);
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, stream, NULL);
    GstPad *pad = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_sink_event, stream, NULL);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_sink_buffer, stream, NULL);
    if (stream->which == TYTO_STREAM_VIDEO)
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_sink_query, NULL, NULL);
    gst_object_unref(pad);
}

void tyto_source_set_note(struct tyto_source *source, const char *text)
{
    pthread_mutex_lock(&source->note_lock);
    if (source->note[0] == '\0')
        snprintf(source->note, sizeof(source->note), "%s", text);
    pthread_mutex_unlock(&source->note_lock);
}

GstElement *tyto_source_make(struct tyto_source *source, const char *factory)
{
    GstElement *element = gst_element_factory_make(factory, NULL);
    if (!element) {
        char text[TYTO_SOURCE_NOTE_MAX];
        snprintf(text, sizeof(text), "GStreamer element '%s' is not installed", factory);
        tyto_source_set_note(source, text);
    }
    return element;
}
