/* SPDX-License-Identifier: MIT */
#include "shaders/softmax/softmax.h"

#include "shaders/kernel.h"
#include "shaders/softmax/softmax_shape.h"
#include "shaders/softmax_spv.h"

TYTO_KERNEL_OP(tyto_softmax, softmax, struct tyto_softmax_push, TYTO_BIND_TEXEL_R32F,
               TYTO_BIND_STORAGE)

enum tyto_err tyto_softmax_record(struct tyto_softmax *op, struct tyto_plan *plan, uint32_t rows,
                                  uint32_t width, const struct tyto_bind *in,
                                  const struct tyto_bind *out)
{
    const struct tyto_softmax_push push = {.width = width};
    const struct tyto_bind binds[] = {*in, *out};

    if (width > TYTO_SOFTMAX_MAX_WIDTH || !tyto_bind_fits(in, rows, width, 1) ||
        !tyto_bind_fits(out, rows, width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, rows, 1, 1);
}
