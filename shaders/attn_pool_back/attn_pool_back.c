/* SPDX-License-Identifier: MIT */
#include "shaders/attn_pool_back/attn_pool_back.h"

#include <stdlib.h>

#include "shaders/attn_pool_back_feats_spv.h"
#include "shaders/attn_pool_back_weights_spv.h"
#include "shaders/kernel.h"

enum { WEIGHTS, FEATS, NUM_KERNELS };

struct tyto_attn_pool_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_attn_pool_back_create(struct tyto_gpu *gpu, struct tyto_attn_pool_back **ret_op)
{
    static const enum tyto_bind_kind weights_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind feats_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_RGBA32F,
                                                      TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [WEIGHTS] = {.name = "attn_pool_back_weights",
                     .spirv = attn_pool_back_weights_spv,
                     .spirv_bytes = sizeof(attn_pool_back_weights_spv),
                     .binds = weights_binds,
                     .num_binds = 4,
                     .push_bytes = sizeof(struct tyto_attn_pool_back_push)},
        [FEATS] = {.name = "attn_pool_back_feats",
                   .spirv = attn_pool_back_feats_spv,
                   .spirv_bytes = sizeof(attn_pool_back_feats_spv),
                   .binds = feats_binds,
                   .num_binds = 4,
                   .push_bytes = sizeof(struct tyto_attn_pool_back_push)},
    };
    struct tyto_attn_pool_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_attn_pool_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_attn_pool_back_destroy(struct tyto_attn_pool_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_attn_pool_back_record(struct tyto_attn_pool_back *op, struct tyto_plan *plan,
                                         const struct tyto_attn_pool_shape *shape,
                                         const struct tyto_attn_pool_back_io *io)
{
    const struct tyto_attn_pool_back_push push = {shape->num_places, shape->width, shape->num_rows};
    const struct tyto_bind weights_binds[] = {io->dout, io->feats, io->rows, io->dweights};
    const struct tyto_bind feats_binds[] = {io->weights, io->dout, io->rows, io->dfeats};
    const uint32_t gx = tyto_num_groups(shape->num_places, op->lanes);
    const uint32_t gc = tyto_num_groups(shape->width / 4, op->lanes);
    enum tyto_err err = TYTO_OK;

    if (shape->width % 4 != 0 ||
        !tyto_bind_fits(&io->weights, shape->batch, shape->num_places, 1) ||
        !tyto_bind_fits(&io->feats, shape->num_rows, shape->num_places, shape->width) ||
        !tyto_bind_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->dout, shape->batch, shape->width, 1) ||
        !tyto_bind_fits(&io->dweights, shape->batch, shape->num_places, 1) ||
        (io->dfeats.buf &&
         !tyto_bind_fits(&io->dfeats, shape->batch, shape->num_places, shape->width)))
        return TYTO_ERR_SHAPE;
    err = tyto_plan_dispatch(plan, op->kernels[WEIGHTS], weights_binds, &push, gx, shape->batch, 1);
    if (!err && io->dfeats.buf)
        err = tyto_plan_dispatch(plan, op->kernels[FEATS], feats_binds, &push, gc, shape->batch, 1);
    return err;
}
