/* SPDX-License-Identifier: MIT */
#include "shaders/cosine_attn_back/cosine_attn_back.h"

#include <stdlib.h>

#include "shaders/cosine_attn_back_apply_spv.h"
#include "shaders/cosine_attn_back_share_spv.h"
#include "shaders/kernel.h"

enum { SHARE, APPLY, NUM_KERNELS };

struct tyto_cosine_attn_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_cosine_attn_back_create(struct tyto_gpu *gpu,
                                           struct tyto_cosine_attn_back **ret_op)
{
    static const enum tyto_bind_kind share_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,
        TYTO_BIND_STORAGE,       TYTO_BIND_TEXEL_R32F,    TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind apply_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
        TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,
        TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [SHARE] = {.name = "cosine_attn_back_share",
                   .spirv = cosine_attn_back_share_spv,
                   .spirv_bytes = sizeof(cosine_attn_back_share_spv),
                   .binds = share_binds,
                   .num_binds = 6,
                   .push_bytes = sizeof(struct tyto_cosine_attn_back_push)},
        [APPLY] = {.name = "cosine_attn_back_apply",
                   .spirv = cosine_attn_back_apply_spv,
                   .spirv_bytes = sizeof(cosine_attn_back_apply_spv),
                   .binds = apply_binds,
                   .num_binds = 7,
                   .push_bytes = sizeof(struct tyto_cosine_attn_back_push)},
    };
    struct tyto_cosine_attn_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_cosine_attn_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_cosine_attn_back_destroy(struct tyto_cosine_attn_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool io_fits(const struct tyto_cosine_attn_shape *shape,
                    const struct tyto_cosine_attn_back_io *io)
{
    const uint64_t batch = shape->batch, places = shape->num_places, width = shape->width;

    return width % 4 == 0 && tyto_bind_fits(&io->query, batch, width, 1) &&
           tyto_bind_fits(&io->key, shape->num_rows, places, width) &&
           tyto_bind_fits(&io->rows, batch, 1, 1) && tyto_bind_fits(&io->scale, 1, 1, 1) &&
           tyto_bind_fits(&io->dscores, batch, places, 1) &&
           tyto_bind_fits(&io->scratch, batch, places, 4) &&
           tyto_bind_fits(&io->dquery, batch, width, 1) &&
           tyto_bind_fits(&io->dkey, batch, places, width) &&
           tyto_bind_fits(&io->dscale, batch, 1, 1);
}

enum tyto_err tyto_cosine_attn_back_record(struct tyto_cosine_attn_back *op, struct tyto_plan *plan,
                                           const struct tyto_cosine_attn_shape *shape,
                                           const struct tyto_cosine_attn_back_io *io)
{
    const struct tyto_cosine_attn_back_push push = {shape->num_places, shape->width,
                                                    shape->num_rows};
    const struct tyto_bind share_binds[] = {io->query, io->key,     io->rows,
                                            io->scale, io->dscores, io->scratch};
    const struct tyto_bind apply_binds[] = {io->query,  io->key,  io->scratch, io->rows,
                                            io->dquery, io->dkey, io->dscale};
    const uint32_t gx = tyto_num_groups(shape->num_places, op->lanes);
    const uint32_t gc = tyto_num_groups(shape->width / 4, op->lanes);
    enum tyto_err err = TYTO_OK;

    if (!io_fits(shape, io))
        return TYTO_ERR_SHAPE;
    err = tyto_plan_dispatch(plan, op->kernels[SHARE], share_binds, &push, gx, shape->batch, 1);
    if (!err)
        err = tyto_plan_dispatch(plan, op->kernels[APPLY], apply_binds, &push, gc, shape->batch, 1);
    return err;
}
