/* SPDX-License-Identifier: MIT */
/* Largest, mean or standard deviation over windows of (B, H, W, C), on the
 * device. Formula, limits, numerics: pool.comp. */
#ifndef TYTO_SHADERS_POOL_H
#define TYTO_SHADERS_POOL_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

enum tyto_pool_mode { TYTO_POOL_MODE_MAX, TYTO_POOL_MODE_AVG, TYTO_POOL_MODE_STD };

struct tyto_pool_shape {
    enum tyto_pool_mode mode;
    uint32_t batch, in_h, in_w, channels;
    uint32_t out_h, out_w;
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left; /* less than the kernel */
    uint32_t out_pitch;         /* floats between places of the output; 0: channels */
    uint32_t out_first;         /* floats before the first */
    uint32_t out_item;          /* items of the output before the first */
};

/* Whether counts are positive, every window touches the picture, and outputs do not overlap. */
TYTO_MUST_CHECK
enum tyto_err tyto_pool_check(const struct tyto_pool_shape *shape);

struct tyto_pool;

TYTO_MUST_CHECK
enum tyto_err tyto_pool_create(struct tyto_gpu *gpu, struct tyto_pool **ret_op);
void tyto_pool_destroy(struct tyto_pool **op);
/* in (B, H, W, C), out (out_item + B, out_h, out_w, out_pitch) f32. Op and buffers are borrowed
 * until the plan is destroyed. TYTO_ERR_SHAPE when the shape does not pass its check or
 * a buffer is too small; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_pool_record(struct tyto_pool *op, struct tyto_plan *plan,
                               const struct tyto_pool_shape *shape, const struct tyto_bind *in,
                               const struct tyto_bind *out);

/* The truth for tests; out as above. */
void tyto_pool_ref(const struct tyto_pool_shape *shape, const float *in, double *out);

#endif
