/* SPDX-License-Identifier: MIT */
#include "shaders/attn_pool/attn_pool.h"

#include "shaders/attn_pool/attn_pool_shape.h"
#include "shaders/attn_pool_spv.h"
#include "shaders/kernel.h"

TYTO_KERNEL_OP(tyto_attn_pool, attn_pool, struct tyto_attn_pool_push, TYTO_BIND_TEXEL_R32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

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
    const uint32_t groups = tyto_num_groups(shape->width / 4, op->one.lanes);

    if (shape->width % 4 != 0 ||
        !tyto_bind_fits(&io->weights, shape->batch, shape->num_places, 1) ||
        !tyto_bind_fits(&io->feats, shape->num_rows, shape->num_places, shape->width) ||
        !tyto_bind_fits(&io->rows, shape->batch, 1, 1) ||
        !tyto_bind_fits(&io->out, shape->batch, shape->width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, groups, shape->batch, 1);
}
