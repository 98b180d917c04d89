/* SPDX-License-Identifier: MIT */
/* The mean of a picture's places under given weights, on the device. Formula, limits,
 * numerics: attn_pool.comp. */
#ifndef TYTO_SHADERS_ATTN_POOL_H
#define TYTO_SHADERS_ATTN_POOL_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/attn_pool/attn_pool_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_attn_pool;

TYTO_MUST_CHECK
enum tyto_err tyto_attn_pool_create(struct tyto_gpu *gpu, struct tyto_attn_pool **ret_op);
void tyto_attn_pool_destroy(struct tyto_attn_pool **op);

struct tyto_attn_pool_shape {
    uint32_t batch;      /* B */
    uint32_t num_places; /* L */
    uint32_t width;      /* C */
    uint32_t num_rows;   /* rows of feats */
};

struct tyto_attn_pool_io {
    struct tyto_bind weights; /* (B, L) f32 */
    struct tyto_bind feats;   /* (num_rows, L, C) f32 */
    struct tyto_bind rows;    /* (B) u32; a number >= num_rows gives zeros */
    struct tyto_bind out;     /* (B, C) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_attn_pool_record(struct tyto_attn_pool *op, struct tyto_plan *plan,
                                    const struct tyto_attn_pool_shape *shape,
                                    const struct tyto_attn_pool_io *io);

/* The truth for tests. */
void tyto_attn_pool_ref(const struct tyto_attn_pool_shape *shape, const float *weights,
                        const float *feats, const uint32_t *rows, float *ret_out);

#endif
