/* SPDX-License-Identifier: MIT */
#include "shaders/resize/resize.h"

#include <stdbool.h>

#include "shaders/kernel.h"
#include "shaders/resize/resize_shape.h"
#include "shaders/resize_spv.h"

TYTO_KERNEL_OP(tyto_resizer, resize, struct tyto_resize_push, TYTO_BIND_TEXEL_R32F,
               TYTO_BIND_STORAGE)

static bool side_fits(uint32_t side)
{
    return side > 0 && side <= UINT16_MAX;
}

enum tyto_err tyto_resizer_record(struct tyto_resizer *op, struct tyto_plan *plan,
                                  const struct tyto_resize_shape *shape, const struct tyto_bind *in,
                                  const struct tyto_bind *out)
{
    if (!side_fits(shape->in_h) || !side_fits(shape->in_w) || !side_fits(shape->out_h) ||
        !side_fits(shape->out_w) || !side_fits(shape->channels) || !side_fits(shape->batch))
        return TYTO_ERR_SHAPE;
    const uint64_t in_floats = (uint64_t)shape->in_h * shape->in_w * shape->channels;
    const uint64_t out_floats = (uint64_t)shape->out_h * shape->out_w * shape->channels;
    if (!tyto_bind_fits(in, shape->batch, in_floats, 1) ||
        !tyto_bind_fits(out, shape->batch, out_floats, 1))
        return TYTO_ERR_SHAPE;
    const struct tyto_resize_push push = {
        .mode = shape->mode == TYTO_RESIZE_MODE_NEAREST    ? TYTO_RESIZE_PLACE_NEAREST
                : shape->mode == TYTO_RESIZE_MODE_BILINEAR ? TYTO_RESIZE_PLACE_BILINEAR
                                                           : TYTO_RESIZE_PLACE_CORNERS,
        .in_h = shape->in_h,
        .in_w = shape->in_w,
        .out_h = shape->out_h,
        .out_w = shape->out_w,
        .channels = shape->channels,
        .num = (uint32_t)out_floats,
    };
    const struct tyto_bind binds[] = {*in, *out};
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push,
                              tyto_num_groups(push.num, op->one.lanes), shape->batch, 1);
}
