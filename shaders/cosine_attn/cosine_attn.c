/* SPDX-License-Identifier: MIT */
#include "shaders/cosine_attn/cosine_attn.h"

#include <stdlib.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "shaders/cosine_attn_spv.h"
#include "shaders/drawer.h"

struct tyto_cosine_attn {
    struct tyto_kernel *kernel;
    uint32_t lanes;
};

enum tyto_err tyto_cosine_attn_create(struct tyto_gpu *gpu, struct tyto_cosine_attn **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE, TYTO_BIND_STORAGE,
                                                TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "cosine_attn",
        .spirv = cosine_attn_spv,
        .spirv_bytes = sizeof(cosine_attn_spv),
        .binds = binds,
        .num_binds = 5,
        .push_bytes = sizeof(struct tyto_cosine_attn_push),
    };
    struct tyto_cosine_attn *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_cosine_attn_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_cosine_attn_destroy(struct tyto_cosine_attn **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_cosine_attn_record(struct tyto_cosine_attn *op, struct tyto_plan *plan,
                                      const struct tyto_cosine_attn_shape *shape,
                                      const struct tyto_cosine_attn_io *io)
{
    const struct tyto_cosine_attn_push push = {
        .num_places = shape->num_places,
        .width = shape->width,
        .num_rows = shape->num_rows,
    };
    const struct tyto_bind binds[] = {io->query, io->key, io->rows, io->scale, io->scores};
    const uint32_t groups = tyto_drawer_groups(shape->num_places, op->lanes);

    if (shape->width % 4 != 0 || !tyto_drawer_fits(&io->query, shape->batch, shape->width, 1) ||
        !tyto_drawer_fits(&io->key, shape->num_rows, shape->num_places, shape->width) ||
        !tyto_drawer_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_drawer_fits(&io->scale, 1, 1, 1) ||
        !tyto_drawer_fits(&io->scores, shape->batch, shape->num_places, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, groups, shape->batch, 1);
}
