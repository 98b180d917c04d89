/* SPDX-License-Identifier: MIT */
#include "shaders/mil_pool/mil_pool.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/mil_pool_back_spv.h"
#include "shaders/mil_pool_there_spv.h"

enum { THERE, BACK, NUM_KERNELS };

struct tyto_mil_pool {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_mil_pool_create(struct tyto_gpu *gpu, struct tyto_mil_pool **ret_op)
{
    static const enum tyto_bind_kind there_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE,
                                                      TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind back_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                     TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [THERE] = {.name = "mil_pool_there",
                   .spirv = mil_pool_there_spv,
                   .spirv_bytes = sizeof(mil_pool_there_spv),
                   .binds = there_binds,
                   .num_binds = 3,
                   .push_bytes = sizeof(struct tyto_mil_pool_push)},
        [BACK] = {.name = "mil_pool_back",
                  .spirv = mil_pool_back_spv,
                  .spirv_bytes = sizeof(mil_pool_back_spv),
                  .binds = back_binds,
                  .num_binds = 4,
                  .push_bytes = sizeof(struct tyto_mil_pool_push)},
    };
    struct tyto_mil_pool *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_mil_pool_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_mil_pool_destroy(struct tyto_mil_pool **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool fits(const struct tyto_mil_pool_shape *shape, const struct tyto_mil_pool_io *io)
{
    return shape->mode <= TYTO_MIL_POOL_MAX &&
           tyto_bind_fits(&io->logits, shape->batch, shape->num_segments, shape->stride) &&
           tyto_bind_fits(&io->len, shape->batch, 1, 1) &&
           tyto_bind_fits(&io->pooled, shape->batch, shape->stride, 1);
}

enum tyto_err tyto_mil_pool_record_there(struct tyto_mil_pool *op, struct tyto_plan *plan,
                                         const struct tyto_mil_pool_shape *shape,
                                         const struct tyto_mil_pool_io *io)
{
    const struct tyto_mil_pool_push push = {shape->num_segments, shape->stride, shape->mode};
    const struct tyto_bind binds[] = {io->logits, io->len, io->pooled};

    if (!fits(shape, io))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[THERE], binds, &push,
                              tyto_num_groups(shape->stride, op->lanes), shape->batch, 1);
}

enum tyto_err tyto_mil_pool_record_back(struct tyto_mil_pool *op, struct tyto_plan *plan,
                                        const struct tyto_mil_pool_shape *shape,
                                        const struct tyto_mil_pool_io *io)
{
    const struct tyto_mil_pool_push push = {shape->num_segments, shape->stride, shape->mode};
    const struct tyto_bind binds[] = {io->logits, io->pooled, io->len, io->dlogits};

    if (!fits(shape, io) ||
        !tyto_bind_fits(&io->dlogits, shape->batch, shape->num_segments, shape->stride))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[BACK], binds, &push,
                              tyto_num_groups(shape->stride, op->lanes), shape->batch, 1);
}
