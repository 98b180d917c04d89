/* SPDX-License-Identifier: MIT */
/* Depthwise 2-d convolution over NHWC f32 pictures with bias and activation. */
#ifndef TYTO_SHADERS_DWCONV_H
#define TYTO_SHADERS_DWCONV_H

#include "shaders/include/act.h"
#include "shaders/runtime/gpu.h"

/* The pipelines, made at first need and shared by all layers on one gpu. */
struct tyto_dwconv;

TYTO_MUST_CHECK
enum tyto_err tyto_dwconv_create(struct tyto_gpu *gpu, struct tyto_dwconv **ret_dwconv);
/* After every plan that uses it. */
void tyto_dwconv_destroy(struct tyto_dwconv **dwconv);

struct tyto_dwconv_weights;

/* weight (kernel_h, kernel_w, channels), bias (channels) or NULL; both are copied. */
TYTO_MUST_CHECK
enum tyto_err tyto_dwconv_weights_create(struct tyto_gpu *gpu, const float *weight,
                                         const float *bias, uint32_t kernel_h, uint32_t kernel_w,
                                         uint32_t channels,
                                         struct tyto_dwconv_weights **ret_weights);
void tyto_dwconv_weights_destroy(struct tyto_dwconv_weights **weights);

struct tyto_dwconv_shape {
    uint32_t channels, in_h, in_w, out_h, out_w;
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left; /* bottom and right follow from out_h, out_w */
};

struct tyto_dwconv_args {
    struct tyto_dwconv_shape shape;
    uint32_t num_batches;     /* 0 counts as 1 */
    const struct tyto_buf *x; /* (B, in_h, in_w, channels), at x_offset floats */
    struct tyto_buf *y;       /* (B, out_h, out_w, channels); may not overlap x */
    uint64_t x_offset, y_offset;
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};

/* Borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a size is 0, over a
 * limit, does not fit its buffer or the weights; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_dwconv_record(struct tyto_dwconv *dwconv, struct tyto_plan *plan,
                                 const struct tyto_dwconv_weights *weights,
                                 const struct tyto_dwconv_args *args);

/* The truth for tests, with double accumulators. */
struct tyto_dwconv_ref_args {
    struct tyto_dwconv_shape shape;
    uint32_t num_batches;
    const float *x, *weight, *bias; /* bias may be NULL */
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};
void tyto_dwconv_ref(const struct tyto_dwconv_ref_args *args, float *ret_y);

#endif
