/* SPDX-License-Identifier: MIT */
#include "shaders/col_sum/col_sum.h"

#include <stdlib.h>

#include "shaders/col_sum_spv.h"
#include "shaders/kernel.h"

enum { X, NUM_KERNELS };

struct tyto_col_sum {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_col_sum_create(struct tyto_gpu *gpu, struct tyto_col_sum **ret_op)
{
    static const enum tyto_bind_kind x_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [X] = {.name = "col_sum",
               .spirv = col_sum_spv,
               .spirv_bytes = sizeof(col_sum_spv),
               .binds = x_binds,
               .num_binds = 2,
               .push_bytes = sizeof(struct tyto_col_sum_push)},
    };
    struct tyto_col_sum *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_col_sum_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_col_sum_destroy(struct tyto_col_sum **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_col_sum_record(struct tyto_col_sum *op, struct tyto_plan *plan,
                                  const struct tyto_buf *x, uint32_t rows, uint32_t cols,
                                  uint32_t stride, const struct tyto_buf *out, uint64_t out_at)
{
    const struct tyto_col_sum_push push = {rows, cols, stride, (uint32_t)out_at};
    const struct tyto_bind binds[] = {{.buf = x}, {.buf = out}};

    if (rows == 0 || cols == 0 || stride < cols || rows > TYTO_COL_SUM_MAX_ROWS ||
        ((uint64_t)(rows - 1) * stride + cols) * sizeof(float) > tyto_buf_size_bytes(x) ||
        out_at > UINT32_MAX || (out_at + cols) * sizeof(float) > tyto_buf_size_bytes(out))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[X], binds, &push, tyto_num_groups(cols, op->lanes),
                              1, 1);
}
