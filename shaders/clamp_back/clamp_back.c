/* SPDX-License-Identifier: MIT */
#include "shaders/clamp_back/clamp_back.h"

#include <stdlib.h>

#include "shaders/clamp_back_spv.h"
#include "shaders/drawer.h"

struct tyto_clamp_back {
    struct tyto_kernel *kernel;
    uint32_t lanes, max_groups_x;
};

enum tyto_err tyto_clamp_back_create(struct tyto_gpu *gpu, struct tyto_clamp_back **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE};
    static const struct tyto_drawer_params params = {.name = "clamp_back",
                                                     .spirv = clamp_back_spv,
                                                     .spirv_bytes = sizeof(clamp_back_spv),
                                                     .binds = binds,
                                                     .num_binds = 3,
                                                     .push_bytes =
                                                         sizeof(struct tyto_clamp_back_push)};
    struct tyto_clamp_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    op->max_groups_x = tyto_gpu_get_info(gpu)->max_group_count_x;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_clamp_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_clamp_back_destroy(struct tyto_clamp_back **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_clamp_back_record(struct tyto_clamp_back *op, struct tyto_plan *plan,
                                     uint32_t num, float low, float high,
                                     const struct tyto_clamp_back_io *io)
{
    const struct tyto_bind binds[] = {io->y, io->dy, io->dx};
    const struct tyto_clamp_back_push push = {num / 4, low, high};
    const uint32_t groups = tyto_drawer_groups(num / 4, op->lanes);
    const uint32_t gx = groups < op->max_groups_x ? groups : op->max_groups_x;

    if (num % 4 != 0 || !(low < high) || !tyto_drawer_fits(&io->y, num, 1, 1) ||
        !tyto_drawer_fits(&io->dy, num, 1, 1) || !tyto_drawer_fits(&io->dx, num, 1, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, gx, tyto_drawer_groups(groups, gx),
                              1);
}
