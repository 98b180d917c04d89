/* SPDX-License-Identifier: MIT */
/* The gradients of the mean of a picture's places under given weights, on the device. Formulae,
 * limits, numerics: attn_pool_back_weights.comp, attn_pool_back_feats.comp. */
#ifndef TYTO_SHADERS_ATTN_POOL_BACK_H
#define TYTO_SHADERS_ATTN_POOL_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/attn_pool/attn_pool.h"
#include "shaders/attn_pool_back/attn_pool_back_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_attn_pool_back;

TYTO_MUST_CHECK
enum tyto_err tyto_attn_pool_back_create(struct tyto_gpu *gpu, struct tyto_attn_pool_back **ret_op);
void tyto_attn_pool_back_destroy(struct tyto_attn_pool_back **op);

struct tyto_attn_pool_back_io {
    struct tyto_bind weights;  /* (B, L) f32, what the forward pass read */
    struct tyto_bind feats;    /* (num_rows, L, C) f32, likewise */
    struct tyto_bind rows;     /* (B) u32, likewise */
    struct tyto_bind dout;     /* (B, C) f32 */
    struct tyto_bind dweights; /* (B, L) f32, written */
    struct tyto_bind dfeats;   /* (B, L, C) f32, written: of the row that b named, zeros where that
                                  is missing; buf NULL: not wanted */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_attn_pool_back_record(struct tyto_attn_pool_back *op, struct tyto_plan *plan,
                                         const struct tyto_attn_pool_shape *shape,
                                         const struct tyto_attn_pool_back_io *io);

#endif
