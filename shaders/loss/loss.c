/* SPDX-License-Identifier: MIT */
#include "shaders/loss/loss.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/loss_sigmoid_spv.h"
#include "shaders/loss_softmax_spv.h"

enum { SOFTMAX, SIGMOID, NUM_KERNELS };

struct tyto_loss {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_loss_create(struct tyto_gpu *gpu, struct tyto_loss **ret_op)
{
    static const enum tyto_bind_kind softmax_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                        TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind sigmoid_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                        TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE,
                                                        TYTO_BIND_STORAGE};
    static const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [SOFTMAX] = {.name = "loss_softmax",
                     .spirv = loss_softmax_spv,
                     .spirv_bytes = sizeof(loss_softmax_spv),
                     .binds = softmax_binds,
                     .num_binds = 4,
                     .push_bytes = sizeof(struct tyto_loss_push)},
        [SIGMOID] = {.name = "loss_sigmoid",
                     .spirv = loss_sigmoid_spv,
                     .spirv_bytes = sizeof(loss_sigmoid_spv),
                     .binds = sigmoid_binds,
                     .num_binds = 5,
                     .push_bytes = sizeof(struct tyto_loss_push)},
    };
    struct tyto_loss *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_loss_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_loss_destroy(struct tyto_loss **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool io_fits(uint32_t rows, uint32_t width, uint32_t stride, const struct tyto_loss_io *io)
{
    return width > 0 && width <= stride && tyto_bind_fits(&io->logits, rows, stride, 1) &&
           tyto_bind_fits(&io->yes, rows, stride, 1) &&
           tyto_bind_fits(&io->dlogits, rows, stride, 1) && tyto_bind_fits(&io->losses, rows, 1, 1);
}

enum tyto_err tyto_loss_record_softmax(struct tyto_loss *op, struct tyto_plan *plan, uint32_t rows,
                                       uint32_t width, uint32_t stride,
                                       const struct tyto_loss_io *io)
{
    const struct tyto_loss_push push = {width, stride};
    const struct tyto_bind binds[] = {io->logits, io->yes, io->dlogits, io->losses};

    if (!io_fits(rows, width, stride, io))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[SOFTMAX], binds, &push, rows, 1, 1);
}

enum tyto_err tyto_loss_record_sigmoid(struct tyto_loss *op, struct tyto_plan *plan, uint32_t rows,
                                       uint32_t width, uint32_t stride,
                                       const struct tyto_loss_io *io)
{
    const struct tyto_loss_push push = {width, stride};
    const struct tyto_bind binds[] = {io->logits, io->yes, io->no, io->dlogits, io->losses};

    if (!io_fits(rows, width, stride, io) || !tyto_bind_fits(&io->no, rows, stride, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[SIGMOID], binds, &push, rows, 1, 1);
}
