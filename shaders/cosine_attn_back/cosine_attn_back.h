/* SPDX-License-Identifier: MIT */
/* The gradients of a sound's scores against the places of a picture, on the device. Formulae,
 * limits, numerics: cosine_attn_back_share.comp, cosine_attn_back_apply.comp. */
#ifndef TYTO_SHADERS_COSINE_ATTN_BACK_H
#define TYTO_SHADERS_COSINE_ATTN_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/cosine_attn/cosine_attn.h"
#include "shaders/cosine_attn_back/cosine_attn_back_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_cosine_attn_back;

TYTO_MUST_CHECK
enum tyto_err tyto_cosine_attn_back_create(struct tyto_gpu *gpu,
                                           struct tyto_cosine_attn_back **ret_op);
void tyto_cosine_attn_back_destroy(struct tyto_cosine_attn_back **op);

struct tyto_cosine_attn_back_io {
    struct tyto_bind query;   /* (B, D) f32, what the forward pass read */
    struct tyto_bind key;     /* (num_rows, L, D) f32, likewise */
    struct tyto_bind rows;    /* (B) u32, likewise */
    struct tyto_bind scale;   /* (1) f32, likewise */
    struct tyto_bind dscores; /* (B, L) f32 */
    struct tyto_bind scratch; /* (B, L, 4) f32, overwritten */
    struct tyto_bind dquery;  /* (B, D) f32, written */
    struct tyto_bind dkey;    /* (B, L, D) f32, written: of the row that b named, zeros where that
                                 is missing */
    struct tyto_bind dscale;  /* (B) f32, written: each item's part */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_cosine_attn_back_record(struct tyto_cosine_attn_back *op, struct tyto_plan *plan,
                                           const struct tyto_cosine_attn_shape *shape,
                                           const struct tyto_cosine_attn_back_io *io);

#endif
