/* SPDX-License-Identifier: MIT */
/* Single-head self-attention over a window, with residual, on the device. Formula,
 * limits, numerics: self_attn.comp. */
#ifndef TYTO_SHADERS_SELF_ATTN_H
#define TYTO_SHADERS_SELF_ATTN_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"
#include "shaders/self_attn/self_attn_shape.h"

struct tyto_self_attn;

TYTO_MUST_CHECK
enum tyto_err tyto_self_attn_create(struct tyto_gpu *gpu, struct tyto_self_attn **ret_op);
void tyto_self_attn_destroy(struct tyto_self_attn **op);

struct tyto_self_attn_shape {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T <= TYTO_SELF_ATTN_MAX_SEGMENTS */
    uint32_t key_width;    /* D */
    uint32_t width;        /* C */
    uint32_t look_ahead;   /* UINT32_MAX: no mask */
    float scale;           /* of the scores */
};

struct tyto_self_attn_io {
    struct tyto_bind qkv; /* (B, T, 2 D + C) f32: [q | k | v] */
    struct tyto_bind x;   /* (B, T, C) f32 */
    struct tyto_bind len; /* (B) u32: valid rows of each window, 1..T */
    struct tyto_bind out; /* (B, T, C) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_self_attn_record(struct tyto_self_attn *op, struct tyto_plan *plan,
                                    const struct tyto_self_attn_shape *shape,
                                    const struct tyto_self_attn_io *io);

/* The truth for tests; rows t >= len are not written. */
void tyto_self_attn_ref(const struct tyto_self_attn_shape *shape, const float *qkv, const float *x,
                        const uint32_t *len, float *ret_out);

#endif
