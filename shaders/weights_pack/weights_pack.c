/* SPDX-License-Identifier: MIT */
#include "shaders/weights_pack/weights_pack.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/weights_pack_lstm_spv.h"
#include "shaders/weights_pack_panels_spv.h"

enum { PANELS, LSTM, NUM_KERNELS };

struct tyto_weights_pack {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_weights_pack_create(struct tyto_gpu *gpu, struct tyto_weights_pack **ret_op)
{
    static const enum tyto_bind_kind panels_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind lstm_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [PANELS] = {.name = "weights_pack_panels",
                    .spirv = weights_pack_panels_spv,
                    .spirv_bytes = sizeof(weights_pack_panels_spv),
                    .binds = panels_binds,
                    .num_binds = 4,
                    .push_bytes = sizeof(struct tyto_weights_pack_push)},
        [LSTM] = {.name = "weights_pack_lstm",
                  .spirv = weights_pack_lstm_spv,
                  .spirv_bytes = sizeof(weights_pack_lstm_spv),
                  .binds = lstm_binds,
                  .num_binds = 2,
                  .push_bytes = sizeof(struct tyto_weights_pack_push)},
    };
    struct tyto_weights_pack *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_weights_pack_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_weights_pack_destroy(struct tyto_weights_pack **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool holds(const struct tyto_buf *values, uint64_t from, uint64_t num)
{
    return from <= UINT32_MAX && num <= UINT32_MAX &&
           (from + num) * sizeof(float) <= tyto_buf_size_bytes(values);
}

enum tyto_err tyto_weights_pack_record_panels(struct tyto_weights_pack *op, struct tyto_plan *plan,
                                              const struct tyto_buf *values, uint64_t from,
                                              uint64_t from_bias,
                                              const struct tyto_gemm_weights *weights)
{
    const uint32_t n = tyto_gemm_weights_n(weights), k = tyto_gemm_weights_k(weights);
    const struct tyto_buf *panels = tyto_gemm_weights_panels(weights);
    const struct tyto_buf *bias = tyto_gemm_weights_bias(weights);
    const struct tyto_weights_pack_push push = {
        .from = (uint32_t)from,
        .from_bias = bias ? (uint32_t)from_bias : UINT32_MAX,
        .rows = n,
        .cols = k,
    };
    const struct tyto_bind binds[] = {
        {.buf = values}, {.buf = values}, {.buf = panels}, {.buf = bias ? bias : panels}};

    if (n % 4 != 0 || k % 4 != 0 || from % 4 != 0 || !holds(values, from, (uint64_t)n * k) ||
        (bias && !holds(values, from_bias, n)) ||
        tyto_gemm_weights_bind_kind(weights) != TYTO_BIND_TEXEL_RGBA32F)
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[PANELS], binds, &push,
                              tyto_num_groups(n / 4, op->lanes), k / 4, 1);
}

enum tyto_err tyto_weights_pack_record_lstm(struct tyto_weights_pack *op, struct tyto_plan *plan,
                                            const struct tyto_buf *values, uint64_t from,
                                            uint32_t width, const struct tyto_buf *packed)
{
    const uint64_t packed_bytes = tyto_lstm_sentinel_packed_bytes(width);
    const struct tyto_weights_pack_push push = {
        .from = (uint32_t)from,
        /* where the sentinel's weights begin: they are the packed ones' tail */
        .from_bias = (uint32_t)(packed_bytes / sizeof(float)) - width * width,
        .rows = 5 * width,
        .cols = width,
    };
    const struct tyto_bind binds[] = {{.buf = values}, {.buf = packed}};

    if (packed_bytes == 0 || tyto_buf_size_bytes(packed) < packed_bytes ||
        !holds(values, from, 5 * (uint64_t)width * width))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[LSTM], binds, &push,
                              tyto_num_groups(width, op->lanes), width, 1);
}
