/* SPDX-License-Identifier: MIT */
#include "shaders/elementwise/elementwise.h"

#include <float.h>

#include "shaders/elementwise/elementwise_shape.h"
#include "shaders/elementwise_spv.h"
#include "shaders/kernel.h"

TYTO_KERNEL_OP(tyto_elementwise, elementwise, struct tyto_elementwise_push, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE)

static bool binds_fit(const struct tyto_elementwise_shape *shape,
                      const struct tyto_elementwise_binds *binds)
{
    const bool scale = shape->op == TYTO_ELEMENTWISE_OP_SCALE;
    const bool mul = shape->op == TYTO_ELEMENTWISE_OP_MUL;

    if (mul && (shape->item == 0 || shape->channels == 0 || shape->item % shape->channels != 0 ||
                shape->num % shape->item != 0))
        return false;
    const uint32_t num_b = scale ? shape->channels
                           : mul ? shape->num / shape->item * shape->channels
                                 : shape->num;
    if (shape->num == 0 || shape->num > INT32_MAX || !tyto_bind_fits(&binds->a, shape->num, 1, 1) ||
        !tyto_bind_fits(&binds->out, shape->num, 1, 1))
        return false;
    if (shape->op != TYTO_ELEMENTWISE_OP_COPY && !tyto_bind_fits(&binds->b, num_b, 1, 1))
        return false;
    return !scale || tyto_bind_fits(&binds->bias, shape->channels, 1, 1);
}

enum tyto_err tyto_elementwise_record(struct tyto_elementwise *op, struct tyto_plan *plan,
                                      const struct tyto_elementwise_shape *shape,
                                      const struct tyto_elementwise_binds *binds)
{
    static const uint32_t ops[] = {
        [TYTO_ELEMENTWISE_OP_COPY] = TYTO_ELEMENTWISE_COPY,
        [TYTO_ELEMENTWISE_OP_ADD] = TYTO_ELEMENTWISE_ADD,
        [TYTO_ELEMENTWISE_OP_SCALE] = TYTO_ELEMENTWISE_SCALE,
        [TYTO_ELEMENTWISE_OP_MUL] = TYTO_ELEMENTWISE_MUL,
    };
    if ((unsigned)shape->op >= sizeof(ops) / sizeof(ops[0]) || !binds_fit(shape, binds) ||
        shape->act >= TYTO_ACT_NUM)
        return TYTO_ERR_SHAPE;

    const struct tyto_elementwise_push push = {
        .op = ops[shape->op],
        .num = shape->num,
        .channels = shape->channels,
        .item = shape->item,
        .act = shape->act,
        .act_slope = shape->act_slope,
        .clamp_min = shape->has_clamp_min ? shape->clamp_min : -FLT_MAX,
    };
    const bool has_b = shape->op != TYTO_ELEMENTWISE_OP_COPY;
    const bool has_bias = shape->op == TYTO_ELEMENTWISE_OP_SCALE;
    const struct tyto_bind bound[] = {binds->a, has_b ? binds->b : binds->a,
                                      has_bias ? binds->bias : binds->a, binds->out};
    const uint32_t groups = tyto_num_groups(shape->num, 4 * TYTO_ELEMENTWISE_QUADS * op->one.lanes);
    const uint32_t gx = groups < op->one.max_groups_x ? groups : op->one.max_groups_x;
    return tyto_plan_dispatch(plan, op->one.kernel, bound, &push, gx, tyto_num_groups(groups, gx),
                              1);
}
