/* SPDX-License-Identifier: MIT */
#include "shaders/dwconv/dwconv.h"

#include <stdlib.h>
#include <string.h>

#include "shaders/dwconv/dwconv_shape.h"
#include "shaders/dwconv3_group_spv.h"
#include "shaders/dwconv3_spv.h"
#include "shaders/dwconv3_store64_spv.h"
#include "shaders/dwconv3_wide_store64_spv.h"
#include "shaders/dwconv_group_spv.h"
#include "shaders/dwconv_scalar_spv.h"
#include "shaders/dwconv_spv.h"
#include "shaders/gemm/gemm.h"
#include "shaders/variants.h"

enum {
    WIDTH3 = 4,    /* of dwconv3.comp: output columns of a lane */
    ROWS_CPU = 28, /* a long slide reads few rows twice */
    ROWS_GPU = 4,  /* a short one gives more groups */
};

struct tyto_dwconv {
    struct tyto_variants variants;
};

struct tyto_dwconv_weights {
    struct tyto_buf *taps, *bias; /* owned; bias NULL: none */
    uint32_t kernel_h, kernel_w, channels;
};

enum tyto_err tyto_dwconv_create(struct tyto_gpu *gpu, struct tyto_dwconv **ret_dwconv)
{
    struct tyto_dwconv *dwconv = calloc(1, sizeof(*dwconv));

    if (!dwconv)
        return TYTO_ERR_NOMEM;
    tyto_variants_init(&dwconv->variants, gpu);
    *ret_dwconv = dwconv;
    return TYTO_OK;
}

void tyto_dwconv_destroy(struct tyto_dwconv **dwconv_ptr)
{
    struct tyto_dwconv *dwconv = dwconv_ptr ? *dwconv_ptr : NULL;

    if (!dwconv)
        return;
    *dwconv_ptr = NULL;
    tyto_variants_finish(&dwconv->variants);
    free(dwconv);
}

static bool is_good_dim(uint32_t dim, uint32_t max)
{
    return dim >= 1 && dim <= max;
}

/* rows of channels floats, each padded to whole texels, into a new buffer */
static enum tyto_err upload(struct tyto_gpu *gpu, const float *rows, size_t num_rows,
                            size_t channels, struct tyto_buf **ret_buf)
{
    size_t padded = (channels + 3) / 4 * 4;
    float *texels = calloc(num_rows * padded, sizeof(*texels));
    enum tyto_err err = TYTO_OK;

    if (!texels)
        return TYTO_ERR_NOMEM;
    for (size_t i = 0; i < num_rows; i++)
        memcpy(texels + i * padded, rows + i * channels, channels * sizeof(*rows));
    err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, num_rows * padded * sizeof(*texels), ret_buf);
    if (!err)
        err = tyto_buf_write(*ret_buf, 0, texels, num_rows * padded * sizeof(*texels));
    free(texels);
    return err;
}

enum tyto_err tyto_dwconv_weights_create(struct tyto_gpu *gpu, const float *weight,
                                         const float *bias, uint32_t kernel_h, uint32_t kernel_w,
                                         uint32_t channels,
                                         struct tyto_dwconv_weights **ret_weights)
{
    struct tyto_dwconv_weights *weights = NULL;
    enum tyto_err err = TYTO_OK;

    if (!is_good_dim(kernel_h, CONV_MAX_KERNEL) || !is_good_dim(kernel_w, CONV_MAX_KERNEL) ||
        !is_good_dim(channels, CONV_MAX_DIM))
        return TYTO_ERR_SHAPE;
    weights = calloc(1, sizeof(*weights));
    if (!weights)
        return TYTO_ERR_NOMEM;
    weights->kernel_h = kernel_h;
    weights->kernel_w = kernel_w;
    weights->channels = channels;
    err = upload(gpu, weight, (size_t)kernel_h * kernel_w, channels, &weights->taps);
    if (!err && bias)
        err = upload(gpu, bias, 1, channels, &weights->bias);
    if (err) {
        tyto_dwconv_weights_destroy(&weights);
        return err;
    }
    *ret_weights = weights;
    return TYTO_OK;
}

void tyto_dwconv_weights_destroy(struct tyto_dwconv_weights **weights_ptr)
{
    struct tyto_dwconv_weights *weights = weights_ptr ? *weights_ptr : NULL;

    if (!weights)
        return;
    *weights_ptr = NULL;
    tyto_buf_destroy(&weights->taps);
    tyto_buf_destroy(&weights->bias);
    free(weights);
}

static bool fits(const struct tyto_buf *buf, uint64_t offset, uint64_t b, uint64_t h, uint64_t w,
                 uint64_t c)
{
    uint64_t num = b * h; /* h, w, c <= 65535 and b <= 65535: only the product can be too big */

    if (num > UINT32_MAX || num * w > UINT32_MAX || num * w * c > INT32_MAX || offset > INT32_MAX)
        return false;
    return offset + num * w * c <= INT32_MAX &&
           (offset + num * w * c) * sizeof(float) <= tyto_buf_size_bytes(buf);
}

static enum tyto_err check(const struct tyto_dwconv_weights *weights,
                           const struct tyto_dwconv_args *args, uint32_t num_batches)
{
    const struct tyto_dwconv_shape *s = &args->shape;

    if (!args->x || !args->y || (uint32_t)args->act >= TYTO_ACT_NUM)
        return TYTO_ERR_INVALID;
    if (weights->channels != s->channels || weights->kernel_h != s->kernel_h ||
        weights->kernel_w != s->kernel_w)
        return TYTO_ERR_SHAPE;
    if (!is_good_dim(s->in_h, CONV_MAX_DIM) || !is_good_dim(s->in_w, CONV_MAX_DIM) ||
        !is_good_dim(s->out_h, CONV_MAX_DIM) || !is_good_dim(s->out_w, CONV_MAX_DIM) ||
        !is_good_dim(s->stride_h, CONV_MAX_KERNEL) || !is_good_dim(s->stride_w, CONV_MAX_KERNEL) ||
        s->pad_top >= CONV_MAX_KERNEL || s->pad_left >= CONV_MAX_KERNEL ||
        num_batches > CONV_MAX_DIM)
        return TYTO_ERR_SHAPE;
    if (!fits(args->x, args->x_offset, num_batches, s->in_h, s->in_w, s->channels) ||
        !fits(args->y, args->y_offset, num_batches, s->out_h, s->out_w, s->channels))
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

/* Which source runs a shape, and how wide. */
struct way {
    bool scalar, is_3x3, groups;
    uint32_t item_channels, item_width; /* what one lane owns of an output row */
};

static struct way way_of(const struct tyto_gpu *gpu, const struct tyto_dwconv_args *args)
{
    const struct tyto_dwconv_shape *s = &args->shape;
    struct way way = {.item_channels = 4, .item_width = 1};

    way.scalar = s->channels % 4 || args->x_offset % 4;
    way.groups = !way.scalar && tyto_gpu_get_info(gpu)->wants_groups;
    way.is_3x3 = !way.scalar && s->kernel_h == 3 && s->kernel_w == 3 &&
                 s->stride_h == s->stride_w && s->stride_h <= 2 && args->y_offset % 4 == 0;
    if (way.is_3x3) {
        way.item_width = WIDTH3;
        if (tyto_gemm_stores_pairs(gpu) && s->channels % 8 == 0 && args->y_offset % 8 == 0)
            way.item_channels = 8;
    }
    return way;
}

#define USE_SPIRV(params, name)                                                                    \
    ((params)->spirv = name##_spv, (params)->spirv_bytes = sizeof(name##_spv))

static void choose(const struct tyto_gpu *gpu, struct way way, struct tyto_kernel_params *params)
{
    if (way.scalar)
        USE_SPIRV(params, dwconv_scalar);
    else if (!way.is_3x3 && way.groups)
        USE_SPIRV(params, dwconv_group);
    else if (!way.is_3x3)
        USE_SPIRV(params, dwconv);
    else if (way.groups)
        USE_SPIRV(params, dwconv3_group);
    else if (way.item_channels == 8)
        USE_SPIRV(params, dwconv3_wide_store64);
    else if (tyto_gemm_stores_pairs(gpu))
        USE_SPIRV(params, dwconv3_store64);
    else
        USE_SPIRV(params, dwconv3);
}

static enum tyto_err get_kernel(struct tyto_dwconv *dwconv, struct way way,
                                const struct tyto_dwconv_args *args, uint32_t flags,
                                const struct tyto_kernel **ret_kernel)
{
    const enum tyto_bind_kind binds[] = {
        way.scalar ? TYTO_BIND_TEXEL_R32F : TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    const uint32_t spec[] = {(uint32_t)args->act, flags, args->shape.stride_h};
    struct tyto_kernel_params params = {.name = "dwconv",
                                        .binds = binds,
                                        .num_binds = 4,
                                        .push_bytes = sizeof(struct dwconv_push),
                                        .spec = spec,
                                        .num_spec = way.is_3x3 ? 3 : 2};

    choose(dwconv->variants.gpu, way, &params);
    return tyto_variants_get(&dwconv->variants, &params, ret_kernel);
}

static uint32_t divide_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) / unit;
}

enum tyto_err tyto_dwconv_record(struct tyto_dwconv *dwconv, struct tyto_plan *plan,
                                 const struct tyto_dwconv_weights *weights,
                                 const struct tyto_dwconv_args *args)
{
    const struct tyto_dwconv_shape *s = &args->shape;
    uint32_t num_batches = args->num_batches ? args->num_batches : 1;
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = check(weights, args, num_batches);

    if (err)
        return err;
    const struct way way = way_of(dwconv->variants.gpu, args);
    const bool short_slides = tyto_gpu_get_info(dwconv->variants.gpu)->wants_groups;
    const uint32_t row_rounds = s->kernel_h * s->kernel_w + s->kernel_h + 1; /* of one row */
    const uint32_t most_rows = short_slides ? ROWS_GPU : ROWS_CPU;
    const uint32_t rows =
        most_rows * row_rounds <= GEMM_MAX_ROUNDS ? most_rows : GEMM_MAX_ROUNDS / row_rounds;
    uint32_t flags = (weights->bias ? GEMM_BIAS : 0) | (args->has_clamp_min ? GEMM_CLAMP_MIN : 0);
    err = get_kernel(dwconv, way, args, flags, &kernel);
    if (err)
        return err;
    const struct dwconv_push push = {.num_batches = num_batches,
                                     .channels = s->channels,
                                     .in_h = s->in_h,
                                     .in_w = s->in_w,
                                     .out_h = s->out_h,
                                     .out_w = s->out_w,
                                     .kernel_h = s->kernel_h,
                                     .kernel_w = s->kernel_w,
                                     .stride_h = s->stride_h,
                                     .stride_w = s->stride_w,
                                     .pad_top = s->pad_top,
                                     .pad_left = s->pad_left,
                                     .x_offset = (uint32_t)args->x_offset / (way.scalar ? 1 : 4),
                                     .y_offset = (uint32_t)args->y_offset,
                                     .rows = rows,
                                     .slope = args->act_slope,
                                     .clamp_min = args->clamp_min};
    const struct tyto_bind binds[] = {{.buf = args->x},
                                      {.buf = weights->taps},
                                      {.buf = weights->bias ? weights->bias : weights->taps},
                                      {.buf = args->y}};
    const uint32_t lanes = way.groups ? DWCONV_GROUP_LANES : DWCONV_LANES;
    const uint32_t num_items =
        divide_up(s->channels, way.item_channels) * divide_up(s->out_w, way.item_width);
    return tyto_plan_dispatch(plan, kernel, binds, &push, divide_up(num_items, lanes),
                              divide_up(s->out_h, rows), num_batches);
}
