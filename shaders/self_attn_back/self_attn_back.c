/* SPDX-License-Identifier: MIT */
#include "shaders/self_attn_back/self_attn_back.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/self_attn_back_mix_spv.h"
#include "shaders/self_attn_back_scores_spv.h"

enum { SCORES, MIX, NUM_KERNELS };

struct tyto_self_attn_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_self_attn_back_create(struct tyto_gpu *gpu, struct tyto_self_attn_back **ret_op)
{
    static const enum tyto_bind_kind scores_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind mix_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [SCORES] = {.name = "self_attn_back_scores",
                    .spirv = self_attn_back_scores_spv,
                    .spirv_bytes = sizeof(self_attn_back_scores_spv),
                    .binds = scores_binds,
                    .num_binds = 4,
                    .push_bytes = sizeof(struct tyto_self_attn_back_push)},
        [MIX] = {.name = "self_attn_back_mix",
                 .spirv = self_attn_back_mix_spv,
                 .spirv_bytes = sizeof(self_attn_back_mix_spv),
                 .binds = mix_binds,
                 .num_binds = 4,
                 .push_bytes = sizeof(struct tyto_self_attn_back_push)},
    };
    struct tyto_self_attn_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_self_attn_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_self_attn_back_destroy(struct tyto_self_attn_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_self_attn_back_record(struct tyto_self_attn_back *op, struct tyto_plan *plan,
                                         const struct tyto_self_attn_shape *shape,
                                         const struct tyto_self_attn_back_io *io)
{
    const uint64_t stride = 2 * (uint64_t)shape->key_width + shape->width;
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_self_attn_back_push push = {
        .num_segments = shape->num_segments,
        .key_width = shape->key_width,
        .width = shape->width,
        .qkv_stride = (uint32_t)stride,
        .look_ahead = shape->look_ahead,
        .scale = shape->scale,
    };
    const struct tyto_bind scores_binds[] = {io->qkv, io->dout, io->len, io->scratch};
    const struct tyto_bind mix_binds[] = {io->qkv, io->dout, io->scratch, io->dqkv};
    enum tyto_err err = TYTO_OK;

    if (shape->num_segments > TYTO_SELF_ATTN_MAX_SEGMENTS || shape->key_width == 0 ||
        shape->key_width % 4 != 0 || shape->width % 4 != 0 ||
        !tyto_bind_fits(&io->qkv, rows, stride, 1) ||
        !tyto_bind_fits(&io->len, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->dout, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->scratch, rows, shape->num_segments, 2) ||
        !tyto_bind_fits(&io->dqkv, rows, stride, 1))
        return TYTO_ERR_SHAPE;
    err = tyto_plan_dispatch(plan, op->kernels[SCORES], scores_binds, &push, shape->num_segments,
                             shape->batch, 1);
    if (!err)
        err = tyto_plan_dispatch(plan, op->kernels[MIX], mix_binds, &push, shape->num_segments,
                                 shape->batch, 1);
    return err;
}
