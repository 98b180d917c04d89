/* SPDX-License-Identifier: MIT */
#include "shaders/attn_pool/attn_pool.h"

#include <stdlib.h>

#include "shaders/attn_pool/attn_pool_shape.h"
#include "shaders/attn_pool_spv.h"
#include "shaders/drawer.h"

struct tyto_attn_pool {
    struct tyto_kernel *kernel;
    uint32_t lanes;
};

enum tyto_err tyto_attn_pool_create(struct tyto_gpu *gpu, struct tyto_attn_pool **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "attn_pool",
        .spirv = attn_pool_spv,
        .spirv_bytes = sizeof(attn_pool_spv),
        .binds = binds,
        .num_binds = 4,
        .push_bytes = sizeof(struct tyto_attn_pool_push),
    };
    struct tyto_attn_pool *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_attn_pool_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_attn_pool_destroy(struct tyto_attn_pool **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_attn_pool_record(struct tyto_attn_pool *op, struct tyto_plan *plan,
                                    const struct tyto_attn_pool_shape *shape,
                                    const struct tyto_attn_pool_io *io)
{
    const struct tyto_attn_pool_push push = {
        .num_places = shape->num_places,
        .width = shape->width,
        .num_rows = shape->num_rows,
    };
    const struct tyto_bind binds[] = {io->weights, io->feats, io->rows, io->out};
    const uint32_t groups = tyto_drawer_groups(shape->width / 4, op->lanes);

    if (shape->width % 4 != 0 ||
        !tyto_drawer_fits(&io->weights, shape->batch, shape->num_places, 1) ||
        !tyto_drawer_fits(&io->feats, shape->num_rows, shape->num_places, shape->width) ||
        !tyto_drawer_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_drawer_fits(&io->out, shape->batch, shape->width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, groups, shape->batch, 1);
}
