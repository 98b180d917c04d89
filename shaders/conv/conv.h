/* SPDX-License-Identifier: MIT */
/* 2-d convolution over NHWC f32 pictures with bias, residual and activation.
 * 1x1 without stride and padding runs as gemm. */
#ifndef TYTO_SHADERS_CONV_H
#define TYTO_SHADERS_CONV_H

#include "shaders/gemm/gemm.h"

/* The pipelines, made at first need and shared by all layers on one gpu. */
struct tyto_conv;

TYTO_MUST_CHECK
enum tyto_err tyto_conv_create(struct tyto_gpu *gpu, struct tyto_conv **ret_conv);
/* After every plan that uses it. */
void tyto_conv_destroy(struct tyto_conv **conv);

struct tyto_conv_shape {
    uint32_t in_h, in_w, in_c;
    uint32_t out_h, out_w, out_c;
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left; /* bottom and right follow from out_h, out_w */
};

/* Weights are gemm's: tyto_gemm_weights_create(gpu, type, weight, bias, out_c,
 * kernel_h * kernel_w * in_c) with weight (out_c, kernel_h, kernel_w, in_c). */
struct tyto_conv_args {
    struct tyto_conv_shape shape;
    uint32_t num_batches;            /* 0 counts as 1 */
    const struct tyto_buf *x;        /* (B, in_h, in_w, in_c), at x_offset floats */
    struct tyto_buf *y;              /* (B, out_h, out_w, out_c); may not overlap x */
    const struct tyto_buf *residual; /* like y, added before act; NULL: none; may be y itself */
    uint64_t x_offset, y_offset, residual_offset;
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};

/* Borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a size is 0, over a
 * limit, does not fit its buffer or the weights; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_conv_record(struct tyto_conv *conv, struct tyto_plan *plan,
                               const struct tyto_gemm_weights *weights,
                               const struct tyto_conv_args *args);

/* The truth for tests, with double accumulators. */
struct tyto_conv_ref_args {
    struct tyto_conv_shape shape;
    uint32_t num_batches;
    const float *x, *weight, *bias, *residual; /* bias and residual may be NULL */
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};
void tyto_conv_ref(const struct tyto_conv_ref_args *args, float *ret_y);

#endif
