/* SPDX-License-Identifier: MIT */
#include "shaders/row_gather/row_gather.h"

#include "shaders/kernel.h"
#include "shaders/row_gather/row_gather_shape.h"
#include "shaders/row_gather_spv.h"

TYTO_KERNEL_OP(tyto_row_gather, row_gather, struct tyto_row_gather_push, TYTO_BIND_TEXEL_R32F,
               TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

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
    const uint32_t groups = tyto_num_groups(shape->out_width, op->one.lanes);

    if (shape->out_width < shape->in_width ||
        !tyto_bind_fits(&io->in, shape->num_rows, shape->in_width, 1) ||
        !tyto_bind_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->out, shape->batch, shape->out_width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, groups, shape->batch, 1);
}
