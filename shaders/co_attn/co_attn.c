/* SPDX-License-Identifier: MIT */
#include "shaders/co_attn/co_attn.h"

#include "shaders/co_attn/co_attn_shape.h"
#include "shaders/co_attn_spv.h"
#include "shaders/kernel.h"

TYTO_KERNEL_OP(tyto_co_attn, co_attn, struct tyto_co_attn_push, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,
               TYTO_BIND_STORAGE, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

static bool shape_is_sound(const struct tyto_co_attn_shape *shape)
{
    const uint32_t all = shape->width | shape->key_width | shape->other_stride |
                         shape->other_offset | shape->key_offset;

    return shape->num_segments <= TYTO_CO_ATTN_MAX_SEGMENTS && all % 4 == 0 &&
           (uint64_t)shape->other_offset + shape->width <= shape->other_stride &&
           (uint64_t)shape->key_offset + shape->key_width <= shape->other_stride &&
           (uint64_t)shape->out_offset + shape->width <= shape->out_stride;
}

enum tyto_err tyto_co_attn_record(struct tyto_co_attn *op, struct tyto_plan *plan,
                                  const struct tyto_co_attn_shape *shape,
                                  const struct tyto_co_attn_io *io)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_co_attn_push push = {
        .num_segments = shape->num_segments,
        .width = shape->width,
        .key_width = shape->key_width,
        .other_stride = shape->other_stride,
        .other_offset = shape->other_offset,
        .key_offset = shape->key_offset,
        .out_stride = shape->out_stride,
        .out_offset = shape->out_offset,
        .look_ahead = shape->look_ahead,
    };
    const struct tyto_bind binds[] = {io->other, io->g,   io->ks,  io->u,    io->h,
                                      io->s,     io->len, io->out, io->beta, io->align};

    if (!shape_is_sound(shape) || !tyto_bind_fits(&io->other, rows, shape->other_stride, 1) ||
        !tyto_bind_fits(&io->g, rows, shape->key_width, 1) ||
        !tyto_bind_fits(&io->ks, rows, shape->key_width, 1) ||
        !tyto_bind_fits(&io->u, shape->key_width, 1, 1) ||
        !tyto_bind_fits(&io->h, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->s, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->len, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->out, rows, shape->out_stride, 1) ||
        !tyto_bind_fits(&io->beta, rows, 1, 1) ||
        !tyto_bind_fits(&io->align, rows, shape->num_segments, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, shape->num_segments, shape->batch,
                              1);
}
