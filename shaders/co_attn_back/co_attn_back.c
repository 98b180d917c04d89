/* SPDX-License-Identifier: MIT */
#include "shaders/co_attn_back/co_attn_back.h"

#include <stdlib.h>

#include "shaders/co_attn_back_mix_spv.h"
#include "shaders/co_attn_back_scores_spv.h"
#include "shaders/kernel.h"

enum { SCORES, MIX, NUM_KERNELS };

struct tyto_co_attn_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_co_attn_back_create(struct tyto_gpu *gpu, struct tyto_co_attn_back **ret_op)
{
    static const enum tyto_bind_kind scores_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
        TYTO_BIND_TEXEL_R32F,    TYTO_BIND_TEXEL_R32F,    TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind mix_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_R32F,
        TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,
        TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [SCORES] = {.name = "co_attn_back_scores",
                    .spirv = co_attn_back_scores_spv,
                    .spirv_bytes = sizeof(co_attn_back_scores_spv),
                    .binds = scores_binds,
                    .num_binds = 6,
                    .push_bytes = sizeof(struct tyto_co_attn_back_push)},
        [MIX] = {.name = "co_attn_back_mix",
                 .spirv = co_attn_back_mix_spv,
                 .spirv_bytes = sizeof(co_attn_back_mix_spv),
                 .binds = mix_binds,
                 .num_binds = 11,
                 .push_bytes = sizeof(struct tyto_co_attn_back_push)},
    };
    struct tyto_co_attn_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_co_attn_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_co_attn_back_destroy(struct tyto_co_attn_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool shape_is_sound(const struct tyto_co_attn_shape *shape)
{
    const uint32_t all = shape->width | shape->key_width | shape->other_stride |
                         shape->other_offset | shape->key_offset | shape->out_stride |
                         shape->out_offset;

    return shape->num_segments <= TYTO_CO_ATTN_MAX_SEGMENTS && all % 4 == 0 &&
           (uint64_t)shape->other_offset + shape->width <= shape->other_stride &&
           (uint64_t)shape->key_offset + shape->key_width <= shape->other_stride &&
           (uint64_t)shape->out_offset + shape->width <= shape->out_stride;
}

static bool io_fits(const struct tyto_co_attn_shape *shape, const struct tyto_co_attn_back_io *io)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_bind *by_key[] = {&io->g, &io->ks, &io->dg, &io->dks, &io->du};

    for (size_t i = 0; i < sizeof(by_key) / sizeof(*by_key); i++)
        if (!tyto_bind_fits(by_key[i], rows, shape->key_width, 1))
            return false;
    return tyto_bind_fits(&io->other, rows, shape->other_stride, 1) &&
           tyto_bind_fits(&io->dother, rows, shape->other_stride, 1) &&
           tyto_bind_fits(&io->u, shape->key_width, 1, 1) &&
           tyto_bind_fits(&io->s, rows, shape->width, 1) &&
           tyto_bind_fits(&io->ds, rows, shape->width, 1) &&
           tyto_bind_fits(&io->beta, rows, 1, 1) &&
           tyto_bind_fits(&io->align, rows, shape->num_segments, 1) &&
           tyto_bind_fits(&io->dout, rows, shape->out_stride, 1) &&
           tyto_bind_fits(&io->scratch, rows, 2 * (uint64_t)shape->num_segments + 2, 1);
}

enum tyto_err tyto_co_attn_back_record(struct tyto_co_attn_back *op, struct tyto_plan *plan,
                                       const struct tyto_co_attn_shape *shape,
                                       const struct tyto_co_attn_back_io *io)
{
    const struct tyto_co_attn_back_push push = {
        .num_segments = shape->num_segments,
        .width = shape->width,
        .key_width = shape->key_width,
        .other_stride = shape->other_stride,
        .other_offset = shape->other_offset,
        .key_offset = shape->key_offset,
        .dout_stride = shape->out_stride,
        .dout_offset = shape->out_offset,
    };
    const struct tyto_bind scores_binds[] = {io->other, io->s,    io->dout,
                                             io->align, io->beta, io->scratch};
    const struct tyto_bind mix_binds[] = {io->other, io->g,       io->ks,     io->u,
                                          io->dout,  io->scratch, io->dother, io->ds,
                                          io->dg,    io->dks,     io->du};
    enum tyto_err err = TYTO_OK;

    if (!shape_is_sound(shape) || !io_fits(shape, io))
        return TYTO_ERR_SHAPE;
    err = tyto_plan_dispatch(plan, op->kernels[SCORES], scores_binds, &push, shape->num_segments,
                             shape->batch, 1);
    if (!err)
        err = tyto_plan_dispatch(plan, op->kernels[MIX], mix_binds, &push, shape->num_segments,
                                 shape->batch, 1);
    return err;
}
