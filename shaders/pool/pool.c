/* SPDX-License-Identifier: MIT */
#include "shaders/pool/pool.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/pool/pool_shape.h"
#include "shaders/pool_spv.h"

enum { MAX_SIDE = 1 << 16 };

struct tyto_pool {
    struct tyto_kernel *narrow, *wide; /* one channel a lane, or four */
    uint32_t lanes;
};

static bool axis_fits(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t pad)
{
    if (in == 0 || out == 0 || kernel == 0 || stride == 0 || in > MAX_SIDE || out > MAX_SIDE ||
        kernel > MAX_SIDE || stride > MAX_SIDE || pad >= kernel)
        return false;
    return (uint64_t)(out - 1) * stride < (uint64_t)in + pad;
}

enum tyto_err tyto_pool_check(const struct tyto_pool_shape *shape)
{
    const uint32_t pitch = shape->out_pitch ? shape->out_pitch : shape->channels;

    if (shape->batch == 0 || shape->batch > UINT16_MAX || shape->channels == 0 ||
        (uint64_t)shape->out_h * shape->out_w > UINT16_MAX ||
        !axis_fits(shape->in_h, shape->out_h, shape->kernel_h, shape->stride_h, shape->pad_top) ||
        !axis_fits(shape->in_w, shape->out_w, shape->kernel_w, shape->stride_w, shape->pad_left) ||
        (uint64_t)shape->kernel_h * shape->kernel_w > TYTO_POOL_MAX_WINDOW ||
        (uint64_t)shape->out_first + shape->channels > pitch)
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

enum tyto_err tyto_pool_create(struct tyto_gpu *gpu, struct tyto_pool **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE};
    struct tyto_lane_kernel_params params = {
        .name = "pool",
        .spirv = pool_spv,
        .spirv_bytes = sizeof(pool_spv),
        .binds = binds,
        .num_binds = 3,
        .push_bytes = sizeof(struct tyto_pool_push),
        .tile = 1,
    };
    struct tyto_pool *op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    enum tyto_err err = tyto_lane_kernel_create(gpu, &params, &op->narrow);
    params.tile = 4;
    if (!err)
        err = tyto_lane_kernel_create(gpu, &params, &op->wide);
    if (err) {
        tyto_pool_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_pool_destroy(struct tyto_pool **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->narrow);
    tyto_kernel_destroy(&(*op)->wide);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_pool_record(struct tyto_pool *op, struct tyto_plan *plan,
                               const struct tyto_pool_shape *shape, const struct tyto_bind *in,
                               const struct tyto_bind *out)
{
    enum tyto_err err = tyto_pool_check(shape);
    if (err)
        return err;
    const uint32_t num_places = shape->out_h * shape->out_w;
    const struct tyto_pool_push push = {
        .mode = shape->mode == TYTO_POOL_MODE_MAX   ? TYTO_POOL_MAX
                : shape->mode == TYTO_POOL_MODE_AVG ? TYTO_POOL_AVG
                                                    : TYTO_POOL_STD,
        .in_h = shape->in_h,
        .in_w = shape->in_w,
        .channels = shape->channels,
        .out_w = shape->out_w,
        .num_places = num_places,
        .kernel_h = shape->kernel_h,
        .kernel_w = shape->kernel_w,
        .stride_h = shape->stride_h,
        .stride_w = shape->stride_w,
        .pad_top = shape->pad_top,
        .pad_left = shape->pad_left,
        .out_pitch = shape->out_pitch ? shape->out_pitch : shape->channels,
        .out_first = shape->out_first,
        .out_item = shape->out_item,
    };
    const uint64_t row_floats = (uint64_t)shape->in_w * shape->channels;
    if (!tyto_bind_fits(in, shape->batch, shape->in_h, row_floats) ||
        !tyto_bind_fits(out, (uint64_t)shape->out_item + shape->batch, num_places, push.out_pitch))
        return TYTO_ERR_SHAPE;

    const bool wide = push.channels % 4 == 0 && push.out_pitch % 4 == 0 && push.out_first % 4 == 0;
    const uint64_t lanes = (uint64_t)num_places * push.channels / (wide ? 4 : 1);
    if (lanes > UINT32_MAX)
        return TYTO_ERR_SHAPE;
    const struct tyto_bind binds[] = {*in, *in, *out};
    const uint32_t groups = tyto_num_groups((uint32_t)lanes, op->lanes);
    return tyto_plan_dispatch(plan, wide ? op->wide : op->narrow, binds, &push, groups,
                              shape->batch, 1);
}
