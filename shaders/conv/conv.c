/* SPDX-License-Identifier: MIT */
#include "shaders/conv/conv.h"

#include <stdlib.h>

#include "shaders/conv/conv_shape.h"
#include "shaders/conv_big_spv.h"
#include "shaders/conv_group_spv.h"
#include "shaders/conv_scalar_spv.h"
#include "shaders/conv_spv.h"
#include "shaders/conv_store64_spv.h"
#include "shaders/conv_wide_store64_spv.h"
#include "shaders/conv_x_scalar_spv.h"
#include "shaders/conv_x_scalar_store64_spv.h"
#include "shaders/conv_x_scalar_wide_store64_spv.h"
#include "shaders/variants.h"

enum { ROWS = 16 };

struct tyto_conv {
    struct tyto_gemm *gemm;
    struct tyto_variants variants;
};

enum tyto_err tyto_conv_create(struct tyto_gpu *gpu, struct tyto_conv **ret_conv)
{
    struct tyto_conv *conv = calloc(1, sizeof(*conv));
    enum tyto_err err = TYTO_OK;

    if (!conv)
        return TYTO_ERR_NOMEM;
    tyto_variants_init(&conv->variants, gpu);
    err = tyto_gemm_create(gpu, &conv->gemm);
    if (err) {
        tyto_conv_destroy(&conv);
        return err;
    }
    *ret_conv = conv;
    return TYTO_OK;
}

void tyto_conv_destroy(struct tyto_conv **conv_ptr)
{
    struct tyto_conv *conv = conv_ptr ? *conv_ptr : NULL;

    if (!conv)
        return;
    *conv_ptr = NULL;
    tyto_variants_finish(&conv->variants);
    tyto_gemm_destroy(&conv->gemm);
    free(conv);
}

static bool fits(const struct tyto_buf *buf, uint64_t offset, uint64_t b, uint64_t h, uint64_t w,
                 uint64_t c)
{
    uint64_t num = b * h; /* h, w, c <= 65535 and b <= 2^20: only the product can be too big */

    if (num > UINT32_MAX || num * w > UINT32_MAX || num * w * c > INT32_MAX || offset > INT32_MAX)
        return false;
    return offset + num * w * c <= INT32_MAX &&
           (offset + num * w * c) * sizeof(float) <= tyto_buf_size_bytes(buf);
}

static bool is_good_dim(uint32_t dim, uint32_t max)
{
    return dim >= 1 && dim <= max;
}

static enum tyto_err check(const struct tyto_gemm_weights *weights,
                           const struct tyto_conv_args *args, uint32_t num_batches)
{
    const struct tyto_conv_shape *s = &args->shape;

    if (!args->x || !args->y || (uint32_t)args->act >= TYTO_ACT_NUM)
        return TYTO_ERR_INVALID;
    if (!is_good_dim(s->in_h, CONV_MAX_DIM) || !is_good_dim(s->in_w, CONV_MAX_DIM) ||
        !is_good_dim(s->in_c, CONV_MAX_DIM) || !is_good_dim(s->out_h, CONV_MAX_DIM) ||
        !is_good_dim(s->out_w, CONV_MAX_DIM) || !is_good_dim(s->out_c, CONV_MAX_DIM) ||
        !is_good_dim(s->kernel_h, CONV_MAX_KERNEL) || !is_good_dim(s->kernel_w, CONV_MAX_KERNEL) ||
        !is_good_dim(s->stride_h, CONV_MAX_KERNEL) || !is_good_dim(s->stride_w, CONV_MAX_KERNEL) ||
        s->pad_top >= CONV_MAX_KERNEL || s->pad_left >= CONV_MAX_KERNEL ||
        num_batches > GEMM_MAX_DIM)
        return TYTO_ERR_SHAPE;
    /* At most 64 * 64 + 64 rounds over taps: no overflow, and rarely anything to refuse. */
    if ((uint64_t)s->kernel_h * s->kernel_w * s->in_c / 4 + s->kernel_h * s->kernel_w +
            s->kernel_h >
        GEMM_MAX_ROUNDS)
        return TYTO_ERR_SHAPE;
    if (tyto_gemm_weights_n(weights) != s->out_c ||
        tyto_gemm_weights_k(weights) != s->kernel_h * s->kernel_w * s->in_c)
        return TYTO_ERR_SHAPE;
    if (!fits(args->x, args->x_offset, num_batches, s->in_h, s->in_w, s->in_c) ||
        !fits(args->y, args->y_offset, num_batches, s->out_h, s->out_w, s->out_c) ||
        (args->residual &&
         !fits(args->residual, args->residual_offset, num_batches, s->out_h, s->out_w, s->out_c)))
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

static enum tyto_err record_gemm(struct tyto_conv *conv, struct tyto_plan *plan,
                                 const struct tyto_gemm_weights *weights,
                                 const struct tyto_conv_args *args, uint32_t num_batches)
{
    const struct tyto_conv_shape *s = &args->shape;
    const struct tyto_gemm_args gemm = {
        .m = num_batches * s->out_h * s->out_w,
        .x = {.buf = args->x, .offset = args->x_offset},
        .y = {.buf = args->y, .offset = args->y_offset},
        .residual = {.buf = args->residual, .offset = args->residual_offset},
        .act = args->act,
        .act_slope = args->act_slope,
        .has_clamp_min = args->has_clamp_min,
        .clamp_min = args->clamp_min};

    return tyto_gemm_record(conv->gemm, plan, weights, &gemm);
}

/* How x is read and y written: by texels of 4 floats, or float by float. */
struct way {
    bool x_scalar, y_scalar, y_wide, group;
    struct tyto_gemm_tile tile; /* of a group */
};

static struct way way_of(const struct tyto_gpu *gpu, const struct tyto_conv_args *args,
                         uint32_t num_batches)
{
    const struct tyto_conv_shape *s = &args->shape;
    struct way way = {.x_scalar = s->in_c % 4 || args->x_offset % 4,
                      .y_scalar = s->out_c % 4 || args->y_offset % 4 ||
                                  (args->residual && args->residual_offset % 4),
                      .y_wide = tyto_gemm_stores_wide(gpu, args->y_offset, s->out_c),
                      .tile = tyto_gemm_tile_of(num_batches * s->out_h * s->out_w, s->out_c, 1)};

    if (way.y_scalar)
        way.x_scalar = true; /* one variant serves both */
    way.group = !way.x_scalar && tyto_gpu_get_info(gpu)->wants_groups;
    return way;
}

#define USE_SPIRV(params, name)                                                                    \
    ((params)->spirv = name##_spv, (params)->spirv_bytes = sizeof(name##_spv))

static enum tyto_err get_kernel(struct tyto_conv *conv, const struct tyto_gemm_weights *weights,
                                struct way way, uint32_t act, uint32_t flags,
                                const struct tyto_kernel **ret_kernel)
{
    const bool pairs = tyto_gemm_stores_pairs(conv->variants.gpu);
    const enum tyto_bind_kind binds[] = {
        way.x_scalar ? TYTO_BIND_TEXEL_R32F : TYTO_BIND_TEXEL_RGBA32F,
        tyto_gemm_weights_bind_kind(weights), TYTO_BIND_TEXEL_RGBA32F,
        way.y_scalar ? TYTO_BIND_TEXEL_R32F : TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    const uint32_t spec[] = {way.group ? way.tile.lane_rows : ROWS, act, flags,
                             tyto_gemm_shuffles(conv->variants.gpu)};
    struct tyto_kernel_params params = {.name = "conv",
                                        .binds = binds,
                                        .num_binds = 5,
                                        .push_bytes = sizeof(struct conv_push),
                                        .spec = spec,
                                        .num_spec = 4};

    if (way.y_scalar)
        USE_SPIRV(&params, conv_scalar);
    else if (way.group && way.tile.is_big)
        USE_SPIRV(&params, conv_big);
    else if (way.group)
        USE_SPIRV(&params, conv_group);
    else if (way.x_scalar && way.y_wide)
        USE_SPIRV(&params, conv_x_scalar_wide_store64);
    else if (way.x_scalar && pairs)
        USE_SPIRV(&params, conv_x_scalar_store64);
    else if (way.x_scalar)
        USE_SPIRV(&params, conv_x_scalar);
    else if (way.y_wide)
        USE_SPIRV(&params, conv_wide_store64);
    else if (pairs)
        USE_SPIRV(&params, conv_store64);
    else
        USE_SPIRV(&params, conv);
    return tyto_variants_get(&conv->variants, &params, ret_kernel);
}

static struct conv_push push_of(const struct tyto_conv_args *args, uint32_t num_batches,
                                bool x_scalar)
{
    const struct tyto_conv_shape *s = &args->shape;

    return (struct conv_push){.num_pixels = num_batches * s->out_h * s->out_w,
                              .in_h = s->in_h,
                              .in_w = s->in_w,
                              .in_c = s->in_c,
                              .out_h = s->out_h,
                              .out_w = s->out_w,
                              .n = s->out_c,
                              .kernel_h = s->kernel_h,
                              .kernel_w = s->kernel_w,
                              .stride_h = s->stride_h,
                              .stride_w = s->stride_w,
                              .pad_top = s->pad_top,
                              .pad_left = s->pad_left,
                              .x_offset = (uint32_t)args->x_offset / (x_scalar ? 1 : 4),
                              .y_offset = (uint32_t)args->y_offset,
                              .r_offset = (uint32_t)args->residual_offset,
                              .slope = args->act_slope,
                              .clamp_min = args->clamp_min};
}

enum tyto_err tyto_conv_record(struct tyto_conv *conv, struct tyto_plan *plan,
                               const struct tyto_gemm_weights *weights,
                               const struct tyto_conv_args *args)
{
    const struct tyto_conv_shape *s = &args->shape;
    uint32_t num_batches = args->num_batches ? args->num_batches : 1;
    const struct tyto_buf *bias = tyto_gemm_weights_bias(weights);
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = check(weights, args, num_batches);

    if (err)
        return err;
    if (s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 &&
        s->pad_top == 0 && s->pad_left == 0 && s->out_h == s->in_h && s->out_w == s->in_w)
        return record_gemm(conv, plan, weights, args, num_batches);

    const struct way way = way_of(conv->variants.gpu, args, num_batches);
    uint32_t flags = (bias ? GEMM_BIAS : 0) | (args->residual ? GEMM_RESIDUAL : 0) |
                     (args->has_clamp_min ? GEMM_CLAMP_MIN : 0);
    err = get_kernel(conv, weights, way, (uint32_t)args->act, flags, &kernel);
    if (err)
        return err;
    const uint32_t rows = way.group ? way.tile.rows : ROWS;
    const uint32_t cols = way.group ? way.tile.cols : GEMM_PANEL;
    const struct tyto_buf *panels = tyto_gemm_weights_panels(weights);
    const struct conv_push push = push_of(args, num_batches, way.x_scalar);
    const struct tyto_bind binds[] = {{.buf = args->x},
                                      {.buf = panels},
                                      {.buf = bias ? bias : panels},
                                      {.buf = args->residual ? args->residual : args->y},
                                      {.buf = args->y}};
    return tyto_plan_dispatch(plan, kernel, binds, &push, (s->out_c + cols - 1) / cols,
                              (push.num_pixels + rows - 1) / rows, 1);
}
