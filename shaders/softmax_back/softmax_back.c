/* SPDX-License-Identifier: MIT */
#include "shaders/softmax_back/softmax_back.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/softmax_back_spv.h"

enum { ROWS, NUM_KERNELS };

struct tyto_softmax_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_softmax_back_create(struct tyto_gpu *gpu, struct tyto_softmax_back **ret_op)
{
    static const enum tyto_bind_kind rows_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                     TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [ROWS] = {.name = "softmax_back",
                  .spirv = softmax_back_spv,
                  .spirv_bytes = sizeof(softmax_back_spv),
                  .binds = rows_binds,
                  .num_binds = 3,
                  .push_bytes = sizeof(struct tyto_softmax_back_push)},
    };
    struct tyto_softmax_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_softmax_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_softmax_back_destroy(struct tyto_softmax_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_softmax_back_record(struct tyto_softmax_back *op, struct tyto_plan *plan,
                                       uint32_t rows, uint32_t width, const struct tyto_bind *y,
                                       const struct tyto_bind *dy, const struct tyto_bind *dx)
{
    const struct tyto_softmax_back_push push = {.width = width};
    const struct tyto_bind binds[] = {*y, *dy, *dx};

    if (!tyto_bind_fits(y, rows, width, 1) || !tyto_bind_fits(dy, rows, width, 1) ||
        !tyto_bind_fits(dx, rows, width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[ROWS], binds, &push, rows, 1, 1);
}
