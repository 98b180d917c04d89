/* SPDX-License-Identifier: MIT */
#include "shaders/self_attn/self_attn.h"

#include "shaders/kernel.h"
#include "shaders/self_attn/self_attn_shape.h"
#include "shaders/self_attn_spv.h"

TYTO_KERNEL_OP(tyto_self_attn, self_attn, struct tyto_self_attn_push, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

enum tyto_err tyto_self_attn_record(struct tyto_self_attn *op, struct tyto_plan *plan,
                                    const struct tyto_self_attn_shape *shape,
                                    const struct tyto_self_attn_io *io)
{
    const uint64_t stride = 2 * (uint64_t)shape->key_width + shape->width;
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_self_attn_push push = {
        .num_segments = shape->num_segments,
        .key_width = shape->key_width,
        .width = shape->width,
        .qkv_stride = (uint32_t)stride,
        .look_ahead = shape->look_ahead,
        .scale = shape->scale,
    };
    const struct tyto_bind binds[] = {io->qkv, io->x, io->len, io->out};

    if (shape->num_segments > TYTO_SELF_ATTN_MAX_SEGMENTS || shape->key_width == 0 ||
        shape->key_width % 4 != 0 || shape->width % 4 != 0 ||
        !tyto_bind_fits(&io->qkv, rows, stride, 1) ||
        !tyto_bind_fits(&io->x, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->len, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->out, rows, shape->width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, shape->num_segments, shape->batch,
                              1);
}
