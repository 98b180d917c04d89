/* SPDX-License-Identifier: MIT */
/* The inference thread's end of a source's rings: samples become pictures and sound
 * in plain structs, mapped in place. */
#include <stdlib.h>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "base/clock.h"
#include "pipeline/source/internal.h"

/* From the NTP era of RTCP (1900) to the Unix one. */
#define NTP_UNIX_S 2208988800ull
/* RTCP's seconds are 32 bits: in 2036 they begin anew. Those of their first half are of after then.
 */
#define NTP_ERA_S (1ull << 32)
#define NTP_HALF_S (1ull << 31)

/* What a ring holds: a GstSample, or a GstEvent (GAP, EOS); of a source that is filled what comes
 * of them. */
struct tyto_source_item {
    GstMiniObject *object; /* NULL: media, and the memory that it refers to */
    struct tyto_media media;
    void *memory;
    enum tyto_turn turn;
    uint64_t in_ns;
    GstMapInfo map;
};

struct held_picture {
    struct tyto_picture picture;
    GstSample *sample; /* NULL: the picture is a copy */
    GstVideoFrame frame;
    void *copy; /* upright; NULL: the sample is as it should be */
};

struct tyto_source_item *tyto_source_new_item(GstMiniObject *object, enum tyto_turn turn)
{
    struct tyto_source_item *item = calloc(1, sizeof(*item));
    if (!item)
        return NULL;
    item->object = object;
    item->turn = turn;
    item->in_ns = tyto_clock_mono_ns();
    return item;
}

void tyto_source_stamp_item(struct tyto_source_item *item)
{
    item->in_ns = tyto_clock_mono_ns();
}

void tyto_source_free_item(struct tyto_source_item *item)
{
    if (!item)
        return;
    if (item->object)
        gst_mini_object_unref(item->object);
    tyto_picture_unref(&item->media.picture);
    free(item->memory);
    free(item);
}

struct tyto_source_item *tyto_source_new_whole_item(const struct tyto_media *media, void *memory)
{
    struct tyto_source_item *item = calloc(1, sizeof(*item));
    if (!item)
        return NULL;
    item->media = *media;
    item->memory = memory;
    return item;
}

static void release_picture(struct tyto_picture *picture)
{
    struct held_picture *held = picture->owner;
    if (held->sample) {
        gst_video_frame_unmap(&held->frame);
        gst_sample_unref(held->sample);
    }
    free(held->copy);
    free(held);
}

static bool describe(const GstVideoFrame *from, struct tyto_frame *ret_frame)
{
    const GstVideoInfo *info = &from->info;
    struct tyto_frame frame = {
        .width = (uint32_t)GST_VIDEO_FRAME_WIDTH(from),
        .height = (uint32_t)GST_VIDEO_FRAME_HEIGHT(from),
        .bt709 = info->colorimetry.matrix == GST_VIDEO_COLOR_MATRIX_BT709,
        .full_range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255,
    };
    const GstVideoFormat format = GST_VIDEO_FRAME_FORMAT(from);
    if (format == GST_VIDEO_FORMAT_I420)
        frame.format = TYTO_PIXEL_I420;
    else if (format == GST_VIDEO_FORMAT_NV12)
        frame.format = TYTO_PIXEL_NV12;
    else if (format == GST_VIDEO_FORMAT_RGB)
        frame.format = TYTO_PIXEL_RGB;
    else
        return false;
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(from); i++) {
        const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE(from, i);
        if (stride <= 0)
            return false;
        frame.planes[i] = GST_VIDEO_FRAME_PLANE_DATA(from, i);
        frame.strides_bytes[i] = (uint32_t)stride;
    }
    if (tyto_frame_check(&frame) != TYTO_OK)
        return false;
    *ret_frame = frame;
    return true;
}

/* The copy stands upright; the sample is let go of. False: out of memory. */
static bool turn_upright(struct held_picture *held, enum tyto_turn turn)
{
    struct tyto_frame upright;
    const enum tyto_err err =
        tyto_turn_frame_copy(&held->picture.frame, turn, &held->copy, &upright);
    gst_video_frame_unmap(&held->frame);
    if (!err)
        held->picture.frame = upright;
    return !err;
}

static struct tyto_picture *make_picture(GstSample *sample, enum tyto_turn turn, int64_t pts_ns,
                                         uint64_t in_ns)
{
    struct held_picture *held = calloc(1, sizeof(*held));
    GstVideoInfo info;
    GstCaps *caps = gst_sample_get_caps(sample);
    if (!held || !caps || !gst_video_info_from_caps(&info, caps) ||
        !gst_video_frame_map(&held->frame, &info, gst_sample_get_buffer(sample), GST_MAP_READ)) {
        free(held);
        return NULL;
    }
    if (!describe(&held->frame, &held->picture.frame)) {
        gst_video_frame_unmap(&held->frame);
        free(held);
        return NULL;
    }
    if (turn == TYTO_TURN_NONE) {
        held->sample = gst_sample_ref(sample);
    } else if (!turn_upright(held, turn)) {
        free(held);
        return NULL;
    }
    held->picture.pts_ns = pts_ns;
    held->picture.in_ns = in_ns;
    atomic_init(&held->picture.num_refs, 1);
    held->picture.owner = held;
    held->picture.release = release_picture;
    return &held->picture;
}

/* Capture time by the camera's clock, where RTCP sender reports told it. */
static uint64_t capture_of(GstBuffer *buffer)
{
    static GstStaticCaps ntp_caps = GST_STATIC_CAPS("timestamp/x-ntp");
    GstCaps *caps = gst_static_caps_get(&ntp_caps);
    const GstReferenceTimestampMeta *meta = gst_buffer_get_reference_timestamp_meta(buffer, caps);
    gst_caps_unref(caps);
    uint64_t ntp_ns = meta ? meta->timestamp : 0;
    if (ntp_ns > 0 && ntp_ns < NTP_HALF_S * TYTO_NS_PER_S)
        ntp_ns += NTP_ERA_S * TYTO_NS_PER_S;
    return ntp_ns < NTP_UNIX_S * TYTO_NS_PER_S ? 0 : ntp_ns - NTP_UNIX_S * TYTO_NS_PER_S;
}

/* False: this sample says nothing (no time, cut away, not mappable). */
static bool open_sample(const struct tyto_source_stream *stream, struct tyto_source_item *item,
                        struct tyto_media *media)
{
    GstSample *sample = GST_SAMPLE(item->object);
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    const GstSegment *segment = gst_sample_get_segment(sample);
    if (!buffer || !segment || segment->format != GST_FORMAT_TIME ||
        !GST_BUFFER_PTS_IS_VALID(buffer))
        return false;
    const guint64 running_ns =
        gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (!GST_CLOCK_TIME_IS_VALID(running_ns) || running_ns > INT64_MAX)
        return false;
    media->pts_ns = (int64_t)running_ns;
    media->capture_unix_ns = capture_of(buffer);
    if (stream->which == TYTO_STREAM_VIDEO) {
        media->kind = TYTO_MEDIA_PICTURE;
        media->picture = make_picture(sample, item->turn, media->pts_ns, item->in_ns);
        return media->picture != NULL;
    }
    if (!gst_buffer_map(buffer, &item->map, GST_MAP_READ))
        return false;
    media->kind = TYTO_MEDIA_SOUND;
    media->samples = (const float *)(const void *)item->map.data;
    media->num_samples = (uint32_t)(item->map.size / sizeof(float));
    media->map = &item->map;
    return true;
}

static void open_event(const struct tyto_source_item *item, struct tyto_media *media)
{
    GstEvent *event = GST_EVENT(item->object);
    GstClockTime pts;
    media->kind = TYTO_MEDIA_END;
    if (GST_EVENT_TYPE(event) != GST_EVENT_GAP)
        return;
    gst_event_parse_gap(event, &pts, NULL);
    media->kind = TYTO_MEDIA_PASSED;
    media->pts_ns = pts > INT64_MAX ? INT64_MAX : (int64_t)pts;
}

/* False: this item says nothing. */
static bool open_item(const struct tyto_source_stream *stream, struct tyto_source_item *item,
                      struct tyto_media *ret_media)
{
    struct tyto_media media = {.in_ns = item->in_ns, .sample = item};
    bool is_open = true;
    if (!item->object) {
        media = item->media;
        media.sample = item;
        item->media.picture = NULL;
    } else if (GST_IS_EVENT(item->object)) {
        open_event(item, &media);
    } else {
        is_open = open_sample(stream, item, &media);
    }
    if (is_open)
        *ret_media = media;
    return is_open;
}

enum tyto_err tyto_source_pop(struct tyto_source *source, enum tyto_stream which,
                              struct tyto_media *ret_media)
{
    struct tyto_source_stream *stream = &source->streams[which];
    if (stream->end_popped)
        return TYTO_ERR_CLOSED;
    for (;;) {
        void *popped;
        const enum tyto_err err = tyto_ring_pop(stream->ring, &popped);
        if (err)
            return err;
        atomic_fetch_add(&stream->num_taken, 1);
        if (source->filler.on_wish)
            source->filler.on_wish(source->filler.user);
        if (!open_item(stream, popped, ret_media)) {
            tyto_source_free_item(popped);
            continue;
        }
        stream->end_popped = ret_media->kind == TYTO_MEDIA_END;
        return TYTO_OK;
    }
}

void tyto_media_release(struct tyto_media *media)
{
    struct tyto_source_item *item = media->sample;
    tyto_picture_unref(&media->picture);
    if (media->map)
        gst_buffer_unmap(gst_sample_get_buffer(GST_SAMPLE(item->object)), &item->map);
    tyto_source_free_item(item);
    *media = (struct tyto_media){0};
}
