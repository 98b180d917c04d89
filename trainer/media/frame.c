/* SPDX-License-Identifier: MIT */
/* libav's pictures as ours: as they are where the encoders take them, else converted. */
#include <libavutil/display.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/media/internal.h"

/* Without a word in the stream, larger pictures are BT.709, as GStreamer and televisions have it.
 */
enum { SD_MAX_LINES = 576 };

static bool has_sane_size(const AVFrame *av)
{
    return av->width >= 1 && av->width <= TYTO_FRAME_MAX_SIDE && av->height >= 1 &&
           av->height <= TYTO_FRAME_MAX_SIDE;
}

static bool describe(const AVFrame *av, struct tyto_frame *ret_frame)
{
    struct tyto_frame frame = {
        .width = (uint32_t)av->width,
        .height = (uint32_t)av->height,
        .full_range = av->color_range == AVCOL_RANGE_JPEG || av->format == AV_PIX_FMT_YUVJ420P,
        .bt709 = av->colorspace == AVCOL_SPC_UNSPECIFIED
                     ? av->height > SD_MAX_LINES
                     : av->colorspace == AVCOL_SPC_BT709 ||
                           av->colorspace == AVCOL_SPC_BT2020_NCL ||
                           av->colorspace == AVCOL_SPC_BT2020_CL,
    };
    uint32_t num_planes = 3;
    if (av->format == AV_PIX_FMT_YUV420P || av->format == AV_PIX_FMT_YUVJ420P)
        frame.format = TYTO_PIXEL_I420;
    else if (av->format == AV_PIX_FMT_NV12)
        frame.format = TYTO_PIXEL_NV12, num_planes = 2;
    else if (av->format == AV_PIX_FMT_RGB24)
        frame.format = TYTO_PIXEL_RGB, num_planes = 1;
    else
        return false;
    for (uint32_t i = 0; i < num_planes; i++) {
        if (av->linesize[i] <= 0 || !av->data[i])
            return false;
        frame.planes[i] = av->data[i];
        frame.strides_bytes[i] = (uint32_t)av->linesize[i];
    }
    if (tyto_frame_check(&frame) != TYTO_OK)
        return false;
    *ret_frame = frame;
    return true;
}

/* A copy in another format, the range of values kept where both are YUV. */
static enum tyto_err convert(const AVFrame *av, enum AVPixelFormat format, AVFrame **ret)
{
    AVFrame *made = av_frame_alloc();
    if (!made)
        return TYTO_ERR_NOMEM;
    made->format = format;
    made->width = av->width;
    made->height = av->height;
    made->colorspace = av->colorspace;
    made->color_range = av->color_range;
    enum tyto_err err = av_frame_get_buffer(made, 0) < 0 ? TYTO_ERR_NOMEM : TYTO_OK;
    struct SwsContext *sws = NULL;
    if (!err) {
        sws =
            sws_getContext(av->width, av->height, av->format, av->width, av->height, format,
                           SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
        err = sws ? TYTO_OK : TYTO_ERR_UNSUPPORTED;
    }
    if (!err) {
        const bool full = av->color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P;
        const bool hd = av->colorspace == AVCOL_SPC_BT709 ||
                        (av->colorspace == AVCOL_SPC_UNSPECIFIED && av->height > SD_MAX_LINES);
        const int *matrix = sws_getCoefficients(hd ? SWS_CS_ITU709 : SWS_CS_ITU601);
        sws_setColorspaceDetails(sws, matrix, full, matrix, full, 0, 1 << 16, 1 << 16);
        if (sws_scale(sws, (const uint8_t *const *)av->data, av->linesize, 0, av->height,
                      made->data, made->linesize) != av->height)
            err = TYTO_ERR_UNSUPPORTED;
    }
    sws_freeContext(sws);
    if (err)
        av_frame_free(&made);
    else
        *ret = made;
    return err;
}

static bool is_rgb(const AVPixFmtDescriptor *from)
{
    return (from->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) || from->nb_components <= 2;
}

enum tyto_turn tyto_turn_of_av(const AVFrame *av, enum tyto_turn fallback)
{
    const AVFrameSideData *side = av_frame_get_side_data(av, AV_FRAME_DATA_DISPLAYMATRIX);
    int32_t matrix[9];
    if (fallback != TYTO_TURN_NONE || !side || side->size < sizeof(matrix))
        return fallback;
    memcpy(matrix, side->data, sizeof(matrix));
    return tyto_turn_of_matrix(matrix[0], matrix[1], matrix[3], matrix[4]);
}

/* *held, which keeps the bytes of *frame, is exchanged for an upright copy. */
static enum tyto_err turn_upright(enum tyto_turn turn, AVFrame **held, struct tyto_frame *frame)
{
    AVFrame *made = av_frame_alloc();
    if (!made)
        return TYTO_ERR_NOMEM;
    const bool swaps = tyto_turn_swaps(turn);
    made->format = (*held)->format;
    made->width = swaps ? (*held)->height : (*held)->width;
    made->height = swaps ? (*held)->width : (*held)->height;
    if (av_frame_get_buffer(made, 0) < 0) {
        av_frame_free(&made);
        return TYTO_ERR_NOMEM;
    }
    uint8_t *const planes[3] = {made->data[0], made->data[1], made->data[2]};
    const uint32_t strides_bytes[3] = {(uint32_t)made->linesize[0], (uint32_t)made->linesize[1],
                                       (uint32_t)made->linesize[2]};
    tyto_turn_frame(frame, turn, planes, strides_bytes, frame);
    av_frame_free(held);
    *held = made;
    return TYTO_OK;
}

enum tyto_err tyto_frame_from_av(const AVFrame *av, enum tyto_turn turn, AVFrame **ret_held,
                                 struct tyto_frame *ret)
{
    if (!has_sane_size(av))
        return TYTO_ERR_SHAPE;
    AVFrame *held = NULL;
    struct tyto_frame frame;
    if (describe(av, &frame)) {
        held = av_frame_clone(av);
        if (!held)
            return TYTO_ERR_NOMEM;
    } else {
        const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(av->format);
        if (!from)
            return TYTO_ERR_UNSUPPORTED;
        const bool full =
            av->color_range == AVCOL_RANGE_JPEG || strncmp(from->name, "yuvj", 4) == 0;
        const enum AVPixelFormat to = is_rgb(from) ? AV_PIX_FMT_RGB24
                                      : full       ? AV_PIX_FMT_YUVJ420P
                                                   : AV_PIX_FMT_YUV420P;
        const enum tyto_err err = convert(av, to, &held);
        if (err)
            return err;
        if (!describe(held, &frame)) {
            av_frame_free(&held);
            return TYTO_ERR_UNSUPPORTED;
        }
    }
    if (turn != TYTO_TURN_NONE) {
        const enum tyto_err err = turn_upright(turn, &held, &frame);
        if (err) {
            av_frame_free(&held);
            return err;
        }
    }
    *ret_held = held;
    *ret = frame;
    return TYTO_OK;
}

/* Of a stored picture's rows of RGB or RGBA, the parts apart. */
static enum tyto_err split_alpha(const AVFrame *made, bool has_alpha,
                                 struct tyto_source_picture *picture)
{
    const size_t width = picture->width, height = picture->height;
    const size_t step = has_alpha ? 4 : 3;
    bool is_opaque = true;
    picture->rgb = malloc(width * height * 3);
    picture->alpha = has_alpha ? malloc(width * height) : NULL;
    if (!picture->rgb || (has_alpha && !picture->alpha))
        return TYTO_ERR_NOMEM;
    for (size_t y = 0; y < height; y++) {
        const uint8_t *row = made->data[0] + (ptrdiff_t)y * made->linesize[0];
        for (size_t x = 0; x < width; x++) {
            memcpy(picture->rgb + (y * width + x) * 3, row + x * step, 3);
            if (has_alpha) {
                picture->alpha[y * width + x] = row[x * step + 3];
                is_opaque &= row[x * step + 3] == 255;
            }
        }
    }
    if (is_opaque) {
        free(picture->alpha);
        picture->alpha = NULL;
    }
    return TYTO_OK;
}

/* One part of a picture, exchanged for an upright copy. */
static enum tyto_err turn_part(const struct tyto_source_picture *picture, uint32_t element_bytes,
                               enum tyto_turn turn, uint8_t **part)
{
    if (!*part)
        return TYTO_OK;
    const size_t num_bytes = (size_t)picture->width * picture->height * element_bytes;
    const uint32_t width = tyto_turn_swaps(turn) ? picture->height : picture->width;
    uint8_t *made = malloc(num_bytes);
    if (!made)
        return TYTO_ERR_NOMEM;
    tyto_turn_plane(*part, picture->width * element_bytes, picture->width, picture->height,
                    element_bytes, turn, made, width * element_bytes);
    free(*part);
    *part = made;
    return TYTO_OK;
}

enum tyto_err tyto_picture_from_av(const AVFrame *av, enum tyto_turn turn,
                                   struct tyto_source_picture *ret_picture)
{
    const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(av->format);
    if (!has_sane_size(av) || !from)
        return TYTO_ERR_UNSUPPORTED;
    const bool has_alpha = (from->flags & AV_PIX_FMT_FLAG_ALPHA) || av->format == AV_PIX_FMT_PAL8;
    AVFrame *made = NULL;
    enum tyto_err err = convert(av, has_alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, &made);
    if (err)
        return err;
    struct tyto_source_picture picture = {.width = (uint32_t)av->width,
                                          .height = (uint32_t)av->height};
    err = split_alpha(made, has_alpha, &picture);
    av_frame_free(&made);
    if (!err && turn != TYTO_TURN_NONE) {
        err = turn_part(&picture, 3, turn, &picture.rgb);
        if (!err)
            err = turn_part(&picture, 1, turn, &picture.alpha);
        if (tyto_turn_swaps(turn)) {
            picture.width = (uint32_t)av->height;
            picture.height = (uint32_t)av->width;
        }
    }
    if (!err)
        *ret_picture = picture;
    else
        tyto_source_picture_finish(&picture);
    return err;
}

void tyto_source_picture_finish(struct tyto_source_picture *picture)
{
    free(picture->rgb);
    free(picture->alpha);
    *picture = (struct tyto_source_picture){0};
}
