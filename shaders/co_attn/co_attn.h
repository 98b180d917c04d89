/* SPDX-License-Identifier: MIT */
/* A stream's attention over the other stream's segments, with a sentinel, on the
 * device. Formula, limits, numerics: co_attn.comp. */
#ifndef TYTO_SHADERS_CO_ATTN_H
#define TYTO_SHADERS_CO_ATTN_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/co_attn/co_attn_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_co_attn;

TYTO_MUST_CHECK
enum tyto_err tyto_co_attn_create(struct tyto_gpu *gpu, struct tyto_co_attn **ret_op);
void tyto_co_attn_destroy(struct tyto_co_attn **op);

struct tyto_co_attn_shape {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T <= TYTO_CO_ATTN_MAX_SEGMENTS */
    uint32_t width;        /* C */
    uint32_t key_width;    /* D */
    uint32_t other_stride; /* columns of `other` */
    uint32_t other_offset; /* where its C columns of o begin */
    uint32_t key_offset;   /* where its D columns of keys begin */
    uint32_t out_stride;   /* columns of out */
    uint32_t out_offset;   /* where the C columns begin that are written */
    uint32_t look_ahead;   /* UINT32_MAX: no mask */
};

struct tyto_co_attn_io {
    struct tyto_bind other; /* (B, T, other_stride) f32 */
    struct tyto_bind g;     /* (B, T, D) f32: the state's part of the score */
    struct tyto_bind ks;    /* (B, T, D) f32: the sentinel's part */
    struct tyto_bind u;     /* (D) f32 */
    struct tyto_bind h;     /* (B, T, C) f32: the stream's state */
    struct tyto_bind s;     /* (B, T, C) f32: its sentinel */
    struct tyto_bind len;   /* (B) u32: valid rows of each window, 1..T */
    struct tyto_bind out;   /* (B, T, out_stride) f32, C columns written */
    struct tyto_bind beta;  /* (B, T) f32, written */
    struct tyto_bind align; /* (B, T, T) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_co_attn_record(struct tyto_co_attn *op, struct tyto_plan *plan,
                                  const struct tyto_co_attn_shape *shape,
                                  const struct tyto_co_attn_io *io);

struct tyto_co_attn_ref_io {
    const float *other, *g, *ks, *u, *h, *s;
    const uint32_t *len;
    float *out, *beta, *align; /* rows t >= len are not written */
};

/* The truth for tests. */
void tyto_co_attn_ref(const struct tyto_co_attn_shape *shape, const struct tyto_co_attn_ref_io *io);

#endif
