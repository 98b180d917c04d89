/* SPDX-License-Identifier: MIT */
#include "shaders/resize/resize.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shaders/drawer.h"
#include "shaders/resize/resize_shape.h"
#include "shaders/resize_spv.h"

struct tyto_resizer {
    struct tyto_kernel *kernel;
    uint32_t lanes;
};

enum tyto_err tyto_resizer_create(struct tyto_gpu *gpu, struct tyto_resizer **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "resize",
        .spirv = resize_spv,
        .spirv_bytes = sizeof(resize_spv),
        .binds = binds,
        .num_binds = 2,
        .push_bytes = sizeof(struct tyto_resize_push),
    };
    struct tyto_resizer *op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    const enum tyto_err err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_resizer_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_resizer_destroy(struct tyto_resizer **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

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
    if (!tyto_drawer_fits(in, shape->batch, in_floats, 1) ||
        !tyto_drawer_fits(out, shape->batch, out_floats, 1))
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
    return tyto_plan_dispatch(plan, op->kernel, binds, &push,
                              tyto_drawer_groups(push.num, op->lanes), shape->batch, 1);
}
