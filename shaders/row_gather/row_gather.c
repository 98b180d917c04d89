/* SPDX-License-Identifier: MIT */
#include "shaders/row_gather/row_gather.h"

#include <stdlib.h>

#include "shaders/drawer.h"
#include "shaders/row_gather/row_gather_shape.h"
#include "shaders/row_gather_spv.h"

struct tyto_row_gather {
    struct tyto_kernel *kernel;
    uint32_t lanes;
};

enum tyto_err tyto_row_gather_create(struct tyto_gpu *gpu, struct tyto_row_gather **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE,
                                                TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "row_gather",
        .spirv = row_gather_spv,
        .spirv_bytes = sizeof(row_gather_spv),
        .binds = binds,
        .num_binds = 3,
        .push_bytes = sizeof(struct tyto_row_gather_push),
    };
    struct tyto_row_gather *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_row_gather_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_row_gather_destroy(struct tyto_row_gather **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_row_gather_record(struct tyto_row_gather *op, struct tyto_plan *plan,
                                     const struct tyto_row_gather_shape *shape,
                                     const struct tyto_row_gather_io *io)
{
    const struct tyto_row_gather_push push = {
        .num_rows = shape->num_rows,
        .in_width = shape->in_width,
        .out_width = shape->out_width,
    };
    const struct tyto_bind binds[] = {io->in, io->rows, io->out};
    const uint32_t groups = tyto_drawer_groups(shape->out_width, op->lanes);

    if (shape->out_width < shape->in_width ||
        !tyto_drawer_fits(&io->in, shape->num_rows, shape->in_width, 1) ||
        !tyto_drawer_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_drawer_fits(&io->out, shape->batch, shape->out_width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, groups, shape->batch, 1);
}
