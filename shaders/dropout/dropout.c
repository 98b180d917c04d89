/* SPDX-License-Identifier: MIT */
#include "shaders/dropout/dropout.h"

#include <stdlib.h>

#include "shaders/dropout_spv.h"
#include "shaders/kernel.h"

enum { X, NUM_KERNELS };

struct tyto_dropout {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_dropout_create(struct tyto_gpu *gpu, struct tyto_dropout **ret_op)
{
    static const enum tyto_bind_kind x_binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,
                                                  TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [X] = {.name = "dropout",
               .spirv = dropout_spv,
               .spirv_bytes = sizeof(dropout_spv),
               .binds = x_binds,
               .num_binds = 3,
               .push_bytes = sizeof(struct tyto_dropout_push)},
    };
    struct tyto_dropout *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_dropout_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_dropout_destroy(struct tyto_dropout **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_dropout_record(struct tyto_dropout *op, struct tyto_plan *plan, uint32_t first,
                                  uint32_t num, float rate, uint32_t site,
                                  const struct tyto_buf *key, const struct tyto_buf *x)
{
    const struct tyto_bind all = {.buf = x}, key_bind = {.buf = key};
    const struct tyto_bind binds[] = {all, key_bind, all};
    struct tyto_dropout_push push = {.num4 = num / 4, .first4 = first / 4, .site = site};

    if (num % 4 != 0 || first % 4 != 0 || !(rate >= 0 && rate < 1) ||
        !tyto_bind_fits(&all, num, 1, 1) || !tyto_bind_fits(&key_bind, 4, 1, 1))
        return TYTO_ERR_SHAPE;
    push.threshold = (uint32_t)((double)rate * 4294967296.0);
    push.scale = 1.0f / (1.0f - rate);
    return tyto_plan_dispatch(plan, op->kernels[X], binds, &push,
                              tyto_num_groups(num / 4, op->lanes), 1, 1);
}
