/* SPDX-License-Identifier: MIT */
#include "shaders/elementwise/elementwise.h"

#include <float.h>
#include <stdlib.h>

#include "shaders/drawer.h"
#include "shaders/elementwise/elementwise_shape.h"
#include "shaders/elementwise_spv.h"

struct tyto_elementwise {
    struct tyto_kernel *kernel;
    uint32_t lanes, max_groups_x;
};

enum tyto_err tyto_elementwise_create(struct tyto_gpu *gpu, struct tyto_elementwise **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "elementwise",
        .spirv = elementwise_spv,
        .spirv_bytes = sizeof(elementwise_spv),
        .binds = binds,
        .num_binds = 4,
        .push_bytes = sizeof(struct tyto_elementwise_push),
    };
    struct tyto_elementwise *op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    op->max_groups_x = tyto_gpu_get_info(gpu)->max_group_count_x;
    enum tyto_err err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_elementwise_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_elementwise_destroy(struct tyto_elementwise **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

static bool binds_fit(const struct tyto_elementwise_shape *shape,
                      const struct tyto_elementwise_binds *binds)
{
    const bool scale = shape->op == TYTO_ELEMENTWISE_OP_SCALE;
    const uint32_t num_b = scale ? shape->channels : shape->num;

    if (shape->num == 0 || shape->num > INT32_MAX ||
        !tyto_drawer_fits(&binds->a, shape->num, 1, 1) ||
        !tyto_drawer_fits(&binds->out, shape->num, 1, 1))
        return false;
    if (shape->op != TYTO_ELEMENTWISE_OP_COPY && !tyto_drawer_fits(&binds->b, num_b, 1, 1))
        return false;
    return !scale || tyto_drawer_fits(&binds->bias, shape->channels, 1, 1);
}

enum tyto_err tyto_elementwise_record(struct tyto_elementwise *op, struct tyto_plan *plan,
                                      const struct tyto_elementwise_shape *shape,
                                      const struct tyto_elementwise_binds *binds)
{
    if (!binds_fit(shape, binds) || shape->act >= TYTO_ACT_NUM)
        return TYTO_ERR_SHAPE;

    const struct tyto_elementwise_push push = {
        .op = shape->op == TYTO_ELEMENTWISE_OP_COPY  ? TYTO_ELEMENTWISE_COPY
              : shape->op == TYTO_ELEMENTWISE_OP_ADD ? TYTO_ELEMENTWISE_ADD
                                                     : TYTO_ELEMENTWISE_SCALE,
        .num = shape->num,
        .channels = shape->channels,
        .act = shape->act,
        .act_slope = shape->act_slope,
        .clamp_min = shape->has_clamp_min ? shape->clamp_min : -FLT_MAX,
    };
    const bool has_b = shape->op != TYTO_ELEMENTWISE_OP_COPY;
    const bool has_bias = shape->op == TYTO_ELEMENTWISE_OP_SCALE;
    const struct tyto_bind bound[] = {binds->a, has_b ? binds->b : binds->a,
                                      has_bias ? binds->bias : binds->a, binds->out};
    const uint32_t groups = tyto_drawer_groups(shape->num, 4 * TYTO_ELEMENTWISE_QUADS * op->lanes);
    const uint32_t gx = groups < op->max_groups_x ? groups : op->max_groups_x;
    return tyto_plan_dispatch(plan, op->kernel, bound, &push, gx, tyto_drawer_groups(groups, gx),
                              1);
}
