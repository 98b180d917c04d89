/* SPDX-License-Identifier: MIT */
#include "shaders/cosine_attn/cosine_attn.h"

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "shaders/cosine_attn_spv.h"
#include "shaders/kernel.h"

TYTO_KERNEL_OP(tyto_cosine_attn, cosine_attn, struct tyto_cosine_attn_push, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

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
    const uint32_t groups = tyto_num_groups(shape->num_places, op->one.lanes);

    if (shape->width % 4 != 0 || !tyto_bind_fits(&io->query, shape->batch, shape->width, 1) ||
        !tyto_bind_fits(&io->key, shape->num_rows, shape->num_places, shape->width) ||
        !tyto_bind_fits(&io->rows, shape->batch, 1, 1) || !tyto_bind_fits(&io->scale, 1, 1, 1) ||
        !tyto_bind_fits(&io->scores, shape->batch, shape->num_places, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, groups, shape->batch, 1);
}
