/* SPDX-License-Identifier: MIT */
/* Scores of a sound against the places of a picture, on the device. Formula, limits,
 * numerics: cosine_attn.comp. */
#ifndef TYTO_SHADERS_COSINE_ATTN_H
#define TYTO_SHADERS_COSINE_ATTN_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_cosine_attn;

TYTO_MUST_CHECK
enum tyto_err tyto_cosine_attn_create(struct tyto_gpu *gpu, struct tyto_cosine_attn **ret_op);
void tyto_cosine_attn_destroy(struct tyto_cosine_attn **op);

struct tyto_cosine_attn_shape {
    uint32_t batch;      /* B */
    uint32_t num_places; /* L */
    uint32_t width;      /* D */
    uint32_t num_rows;   /* rows of key */
};

struct tyto_cosine_attn_io {
    struct tyto_bind query;  /* (B, D) f32 */
    struct tyto_bind key;    /* (num_rows, L, D) f32 */
    struct tyto_bind rows;   /* (B) u32, TYTO_ROW_NONE: missing */
    struct tyto_bind scale;  /* (1) f32 */
    struct tyto_bind scores; /* (B, L) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_cosine_attn_record(struct tyto_cosine_attn *op, struct tyto_plan *plan,
                                      const struct tyto_cosine_attn_shape *shape,
                                      const struct tyto_cosine_attn_io *io);

/* The truth for tests. */
void tyto_cosine_attn_ref(const struct tyto_cosine_attn_shape *shape, const float *query,
                          const float *key, const uint32_t *rows, float scale, float *ret_scores);

#endif
