/* SPDX-License-Identifier: MIT */
/* The gradients of self-attention over a window, on the device. Formulae, limits, numerics:
 * self_attn_back_scores.comp, self_attn_back_mix.comp. */
#ifndef TYTO_SHADERS_SELF_ATTN_BACK_H
#define TYTO_SHADERS_SELF_ATTN_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"
#include "shaders/self_attn/self_attn.h"
#include "shaders/self_attn_back/self_attn_back_shape.h"

struct tyto_self_attn_back;

TYTO_MUST_CHECK
enum tyto_err tyto_self_attn_back_create(struct tyto_gpu *gpu, struct tyto_self_attn_back **ret_op);
void tyto_self_attn_back_destroy(struct tyto_self_attn_back **op);

struct tyto_self_attn_back_io {
    struct tyto_bind qkv;     /* (B, T, 2 D + C) f32, what the forward pass read */
    struct tyto_bind len;     /* (B) u32, likewise */
    struct tyto_bind dout;    /* (B, T, C) f32, 0 in rows t >= len; also the residual's gradient */
    struct tyto_bind scratch; /* (B, T, 2 T) f32, overwritten */
    struct tyto_bind dqkv;    /* (B, T, 2 D + C) f32, written */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_self_attn_back_record(struct tyto_self_attn_back *op, struct tyto_plan *plan,
                                         const struct tyto_self_attn_shape *shape,
                                         const struct tyto_self_attn_back_io *io);

#endif
