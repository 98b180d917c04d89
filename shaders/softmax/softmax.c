/* SPDX-License-Identifier: MIT */
#include "shaders/softmax/softmax.h"

#include <stdlib.h>

#include "shaders/drawer.h"
#include "shaders/softmax/softmax_shape.h"
#include "shaders/softmax_spv.h"

struct tyto_softmax {
    struct tyto_kernel *kernel;
};

enum tyto_err tyto_softmax_create(struct tyto_gpu *gpu, struct tyto_softmax **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "softmax",
        .spirv = softmax_spv,
        .spirv_bytes = sizeof(softmax_spv),
        .binds = binds,
        .num_binds = 2,
        .push_bytes = sizeof(struct tyto_softmax_push),
    };
    struct tyto_softmax *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_softmax_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_softmax_destroy(struct tyto_softmax **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_softmax_record(struct tyto_softmax *op, struct tyto_plan *plan, uint32_t rows,
                                  uint32_t width, const struct tyto_bind *in,
                                  const struct tyto_bind *out)
{
    const struct tyto_softmax_push push = {.width = width};
    const struct tyto_bind binds[] = {*in, *out};

    if (width > TYTO_SOFTMAX_MAX_WIDTH || !tyto_drawer_fits(in, rows, width, 1) ||
        !tyto_drawer_fits(out, rows, width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, rows, 1, 1);
}
