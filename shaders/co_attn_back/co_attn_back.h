/* SPDX-License-Identifier: MIT */
/* The gradients of a stream's attention over the other stream, on the device. Formulae, limits,
 * numerics: co_attn_back_scores.comp, co_attn_back_mix.comp. */
#ifndef TYTO_SHADERS_CO_ATTN_BACK_H
#define TYTO_SHADERS_CO_ATTN_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/co_attn/co_attn.h"
#include "shaders/co_attn_back/co_attn_back_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_co_attn_back;

TYTO_MUST_CHECK
enum tyto_err tyto_co_attn_back_create(struct tyto_gpu *gpu, struct tyto_co_attn_back **ret_op);
void tyto_co_attn_back_destroy(struct tyto_co_attn_back **op);

struct tyto_co_attn_back_io {
    struct tyto_bind other, g, ks, u, s; /* what the forward pass read */
    struct tyto_bind beta, align;        /* what it wrote */
    struct tyto_bind dout;    /* (B, T, out_stride) f32, 0 in rows t >= len; also dh of the state */
    struct tyto_bind scratch; /* (B, T, 2 T + 2) f32, overwritten */
    struct tyto_bind dother; /* (B, T, other_stride) f32: the columns of o and of its key written */
    struct tyto_bind ds;     /* (B, T, C) f32, written */
    struct tyto_bind dg, dks; /* (B, T, D) f32, written */
    struct tyto_bind du;      /* (B, T, D) f32, written: each row's part */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_co_attn_back_record(struct tyto_co_attn_back *op, struct tyto_plan *plan,
                                       const struct tyto_co_attn_shape *shape,
                                       const struct tyto_co_attn_back_io *io);

#endif
