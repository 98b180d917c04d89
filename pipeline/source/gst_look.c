/* SPDX-License-Identifier: MIT */
/* Small pictures beside those that are popped: made where they are decoded, so that none of the
 * large ones has to be kept. */
#include <stdlib.h>
#include <string.h>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "pipeline/source/internal.h"

/* Only the plane of brightness is looked at. */
static bool is_planar(GstVideoFormat format)
{
    return format == GST_VIDEO_FORMAT_I420 || format == GST_VIDEO_FORMAT_YV12 ||
           format == GST_VIDEO_FORMAT_NV12 || format == GST_VIDEO_FORMAT_NV21 ||
           format == GST_VIDEO_FORMAT_Y42B || format == GST_VIDEO_FORMAT_Y444 ||
           format == GST_VIDEO_FORMAT_GRAY8;
}

static bool shrink(GstPad *pad, GstBuffer *buffer, uint8_t grey[TYTO_SYNC_GREY_BYTES])
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    GstVideoInfo info;
    GstVideoFrame frame;
    bool ok = caps && gst_video_info_from_caps(&info, caps) &&
              is_planar(GST_VIDEO_INFO_FORMAT(&info)) &&
              gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ);
    if (caps)
        gst_caps_unref(caps);
    if (!ok)
        return false;
    const struct tyto_frame small = {
        .format = TYTO_PIXEL_NV12,
        .width = (uint32_t)GST_VIDEO_FRAME_WIDTH(&frame),
        .height = (uint32_t)GST_VIDEO_FRAME_HEIGHT(&frame),
        .planes = {GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)},
        .strides_bytes = {(uint32_t)GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0)},
    };
    ok = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0) >= GST_VIDEO_FRAME_WIDTH(&frame);
    if (ok)
        tyto_sync_shrink(&small, grey);
    gst_video_frame_unmap(&frame);
    return ok;
}

void tyto_source_fill_look(struct tyto_source *source, int64_t pts_ns,
                           const uint8_t grey[TYTO_SYNC_GREY_BYTES])
{
    struct tyto_source_look *look = source->looks ? malloc(sizeof(*look)) : NULL;
    if (!look)
        return;
    look->pts_ns = pts_ns;
    memcpy(look->grey, grey, TYTO_SYNC_GREY_BYTES);
    void *dropped = NULL;
    if (tyto_ring_push_drop_oldest(source->looks, look, &dropped) != TYTO_OK)
        dropped = look;
    free(dropped);
}

void tyto_source_keep_look(struct tyto_source_stream *stream, GstPad *pad, GstBuffer *buffer,
                           int64_t pts_ns)
{
    struct tyto_ring *looks = stream->source->looks;
    struct tyto_source_look *look = looks ? malloc(sizeof(*look)) : NULL;
    if (!look)
        return;
    look->pts_ns = pts_ns;
    void *dropped = NULL;
    if (!shrink(pad, buffer, look->grey) ||
        tyto_ring_push_drop_oldest(looks, look, &dropped) != TYTO_OK)
        dropped = look;
    free(dropped);
}

void tyto_source_set_looking(struct tyto_source *source, bool is_looking)
{
    const bool is_wanted = is_looking && source->looks;
    if (atomic_exchange(&source->looking, is_wanted) != is_wanted && source->filler.on_wish)
        source->filler.on_wish(source->filler.user);
}

enum tyto_err tyto_source_look(struct tyto_source *source, int64_t *ret_pts_ns,
                               uint8_t ret_grey[TYTO_SYNC_GREY_BYTES])
{
    void *popped;
    if (!source->looks)
        return TYTO_ERR_EMPTY;
    const enum tyto_err err = tyto_ring_pop(source->looks, &popped);
    if (err)
        return err;
    struct tyto_source_look *look = popped;
    *ret_pts_ns = look->pts_ns;
    memcpy(ret_grey, look->grey, TYTO_SYNC_GREY_BYTES);
    free(look);
    return TYTO_OK;
}
