/* SPDX-License-Identifier: MIT */
#include "shaders/co_attn/co_attn.h"

#include <stdlib.h>

#include "shaders/co_attn/co_attn_shape.h"
#include "shaders/co_attn_spv.h"
#include "shaders/drawer.h"

struct tyto_co_attn {
    struct tyto_kernel *kernel;
};

enum tyto_err tyto_co_attn_create(struct tyto_gpu *gpu, struct tyto_co_attn **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,
                                                TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "co_attn",
        .spirv = co_attn_spv,
        .spirv_bytes = sizeof(co_attn_spv),
        .binds = binds,
        .num_binds = 10,
        .push_bytes = sizeof(struct tyto_co_attn_push),
    };
    struct tyto_co_attn *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_co_attn_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_co_attn_destroy(struct tyto_co_attn **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

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

    if (!shape_is_sound(shape) || !tyto_drawer_fits(&io->other, rows, shape->other_stride, 1) ||
        !tyto_drawer_fits(&io->g, rows, shape->key_width, 1) ||
        !tyto_drawer_fits(&io->ks, rows, shape->key_width, 1) ||
        !tyto_drawer_fits(&io->u, shape->key_width, 1, 1) ||
        !tyto_drawer_fits(&io->h, rows, shape->width, 1) ||
        !tyto_drawer_fits(&io->s, rows, shape->width, 1) ||
        !tyto_drawer_fits(&io->len, shape->batch, 1, 1) ||
        !tyto_drawer_fits(&io->out, rows, shape->out_stride, 1) ||
        !tyto_drawer_fits(&io->beta, rows, 1, 1) ||
        !tyto_drawer_fits(&io->align, rows, shape->num_segments, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, shape->num_segments, shape->batch, 1);
}
