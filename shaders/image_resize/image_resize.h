/* SPDX-License-Identifier: MIT */
/* Pictures of any size to the network's input: (out_h, out_w, 3) f32 of
 * (level - mean) * scale, level in 0..255 RGB. The whole picture is squashed by a
 * triangle filter that is as wide as the reduction (antialiased bilinear, what
 * PIL calls BILINEAR); YUV is filtered plane by plane, then converted and clamped.
 * A letterboxed picture keeps its shape and lies in the middle; the input then has
 * a fourth channel, 1 where the picture is, and is 0 in all channels beside it. */
#ifndef TYTO_SHADERS_IMAGE_RESIZE_H
#define TYTO_SHADERS_IMAGE_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"
#include "shaders/runtime/gpu.h"

enum { TYTO_IMAGE_RESIZE_MAX_OUT = 1024 };

struct tyto_image_resize_shape {
    uint32_t out_w, out_h;   /* 1..TYTO_IMAGE_RESIZE_MAX_OUT */
    float mean[3], scale[3]; /* R, G, B */
    bool letterbox;
};

/* Where the picture lies in the output. */
struct tyto_image_resize_rect {
    uint32_t left, top, width, height;
};

static inline uint32_t tyto_image_resize_channels(const struct tyto_image_resize_shape *shape)
{
    return shape->letterbox ? 4 : 3;
}

/* width, height: of the picture, 1 or more. */
static inline struct tyto_image_resize_rect
tyto_image_resize_rect(const struct tyto_image_resize_shape *shape, uint32_t width, uint32_t height)
{
    struct tyto_image_resize_rect rect = {.width = shape->out_w, .height = shape->out_h};
    if (!shape->letterbox)
        return rect;
    const uint64_t across = (uint64_t)width * shape->out_h, down = (uint64_t)height * shape->out_w;
    if (across > down) /* wider than the output: stripes above and below */
        rect.height = (uint32_t)((2 * down + width) / (2 * (uint64_t)width));
    else
        rect.width = (uint32_t)((2 * across + height) / (2 * (uint64_t)height));
    rect.width = rect.width ? rect.width : 1;
    rect.height = rect.height ? rect.height : 1;
    rect.left = (shape->out_w - rect.width) / 2;
    rect.top = (shape->out_h - rect.height) / 2;
    return rect;
}

struct tyto_image_resize_frame; /* image_resize_shape.h */

/* Bytes that frame takes in the staging buffer, a multiple of 256; and in *ret_mixed_texels
 * the vec4 of one intermediate row. frame must pass tyto_frame_check(). */
uint64_t tyto_image_resize_staging_bytes(const struct tyto_frame *frame,
                                         uint32_t *ret_mixed_texels);
/* Copies the planes to staging + offset_bytes (a multiple of 256; staging_bytes() of room)
 * and describes them: the picture becomes row out_row of the output. */
void tyto_image_resize_pack(const struct tyto_image_resize_shape *shape,
                            const struct tyto_frame *frame, uint8_t *staging, uint64_t offset_bytes,
                            uint32_t out_row, struct tyto_image_resize_frame *ret_geometry);

struct tyto_image_resize;

/* TYTO_ERR_SHAPE when the output is out of limits; UNSUPPORTED when subgroups have
 * more than 64 lanes; NOMEM, those of kernels. */
TYTO_MUST_CHECK
enum tyto_err tyto_image_resize_create(struct tyto_gpu *gpu,
                                       const struct tyto_image_resize_shape *shape,
                                       struct tyto_image_resize **ret_op);
void tyto_image_resize_destroy(struct tyto_image_resize **op);

struct tyto_image_resize_binds {
    struct tyto_bind staging; /* bytes */
    struct tyto_bind frames;  /* struct tyto_image_resize_frame (num_frames) */
    struct tyto_bind mixed;   /* scratch (num_frames, out_h, mixed_texels) vec4 */
    struct tyto_bind out;     /* (rows, out_h, out_w, channels) f32 */
};

/* Resizes what `frames` describes when the plan runs, each at most mixed_texels wide:
 * geometry is data, not part of the recording. What it says is trusted: let
 * tyto_image_resize_pack() write it. Op and buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a count is 0 or a buffer too small. */
TYTO_MUST_CHECK
enum tyto_err tyto_image_resize_record(struct tyto_image_resize *op, struct tyto_plan *plan,
                                       uint32_t num_frames, uint32_t mixed_texels,
                                       const struct tyto_image_resize_binds *binds);

/* The truth for tests: out (out_h, out_w, channels). frame must pass tyto_frame_check(). */
void tyto_image_resize_ref(const struct tyto_image_resize_shape *shape,
                           const struct tyto_frame *frame, double *out);

#endif
