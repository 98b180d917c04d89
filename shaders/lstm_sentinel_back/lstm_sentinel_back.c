/* SPDX-License-Identifier: MIT */
#include "shaders/lstm_sentinel_back/lstm_sentinel_back.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/lstm_sentinel_back_gates_spv.h"
#include "shaders/lstm_sentinel_back_step_spv.h"

enum { GATES, STEP, NUM_KERNELS };

struct tyto_lstm_sentinel_back {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_lstm_sentinel_back_create(struct tyto_gpu *gpu,
                                             struct tyto_lstm_sentinel_back **ret_op)
{
    static const enum tyto_bind_kind gates_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE,
                                                      TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind step_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                     TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                     TYTO_BIND_STORAGE,    TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [GATES] = {.name = "lstm_sentinel_back_gates",
                   .spirv = lstm_sentinel_back_gates_spv,
                   .spirv_bytes = sizeof(lstm_sentinel_back_gates_spv),
                   .binds = gates_binds,
                   .num_binds = 3,
                   .push_bytes = sizeof(struct tyto_lstm_sentinel_back_push)},
        [STEP] = {.name = "lstm_sentinel_back_step",
                  .spirv = lstm_sentinel_back_step_spv,
                  .spirv_bytes = sizeof(lstm_sentinel_back_step_spv),
                  .binds = step_binds,
                  .num_binds = 6,
                  .push_bytes = sizeof(struct tyto_lstm_sentinel_back_push)},
    };
    struct tyto_lstm_sentinel_back *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_lstm_sentinel_back_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_lstm_sentinel_back_destroy(struct tyto_lstm_sentinel_back **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool fits(const struct tyto_lstm_sentinel_back_shape *shape,
                 const struct tyto_lstm_sentinel_back_io *io)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;

    return tyto_bind_fits(&io->gates, rows, 5, shape->width) &&
           tyto_bind_fits(&io->cell, rows, shape->width, 1);
}

enum tyto_err
tyto_lstm_sentinel_back_record_gates(struct tyto_lstm_sentinel_back *op, struct tyto_plan *plan,
                                     const struct tyto_lstm_sentinel_back_shape *shape,
                                     const struct tyto_lstm_sentinel_back_io *io)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_lstm_sentinel_back_push push = {.num_segments = shape->num_segments,
                                                      .width = shape->width};
    const struct tyto_bind binds[] = {io->pre, io->gates, io->cell};

    if (!fits(shape, io) || !tyto_bind_fits(&io->pre, rows, 5, shape->width))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[GATES], binds, &push,
                              tyto_num_groups(shape->width, op->lanes), shape->batch, 1);
}

enum tyto_err tyto_lstm_sentinel_back_record_step(struct tyto_lstm_sentinel_back *op,
                                                  struct tyto_plan *plan,
                                                  const struct tyto_lstm_sentinel_back_shape *shape,
                                                  const struct tyto_lstm_sentinel_back_io *io,
                                                  uint32_t t)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const struct tyto_lstm_sentinel_back_push push = {
        .num_segments = shape->num_segments,
        .width = shape->width,
        .dx_stride = shape->dx_stride,
        .dx_offset = shape->dx_offset,
        .t = t,
    };
    const struct tyto_bind binds[] = {io->gates, io->cell, io->dh, io->ds, io->dcell, io->dx};

    if (t >= shape->num_segments || !fits(shape, io) ||
        shape->dx_offset + 5 * (uint64_t)shape->width > shape->dx_stride ||
        !tyto_bind_fits(&io->dh, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->ds, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->dcell, shape->batch, shape->width, 1) ||
        !tyto_bind_fits(&io->dx, rows, shape->dx_stride, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[STEP], binds, &push,
                              tyto_num_groups(shape->width, op->lanes), shape->batch, 1);
}
