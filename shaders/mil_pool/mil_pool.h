/* SPDX-License-Identifier: MIT */
/* Logits of a clip from those of its segments (multiple-instance learning), and back, on the
 * device. Formulae, limits: mil_pool_there.comp, mil_pool_back.comp. */
#ifndef TYTO_SHADERS_MIL_POOL_H
#define TYTO_SHADERS_MIL_POOL_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/mil_pool/mil_pool_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_mil_pool;

TYTO_MUST_CHECK
enum tyto_err tyto_mil_pool_create(struct tyto_gpu *gpu, struct tyto_mil_pool **ret_op);
void tyto_mil_pool_destroy(struct tyto_mil_pool **op);

struct tyto_mil_pool_shape {
    uint32_t batch, num_segments, stride; /* B, T, N */
    uint32_t mode;                        /* TYTO_MIL_POOL_MEAN, TYTO_MIL_POOL_MAX */
};

struct tyto_mil_pool_io {
    struct tyto_bind logits;  /* (B, T, N) f32 */
    struct tyto_bind len;     /* (B) u32: valid segments, 1..T */
    struct tyto_bind pooled;  /* (B, N) f32: written there, its gradient read back */
    struct tyto_bind dlogits; /* (B, T, N) f32, written back */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_mil_pool_record_there(struct tyto_mil_pool *op, struct tyto_plan *plan,
                                         const struct tyto_mil_pool_shape *shape,
                                         const struct tyto_mil_pool_io *io);
TYTO_MUST_CHECK
enum tyto_err tyto_mil_pool_record_back(struct tyto_mil_pool *op, struct tyto_plan *plan,
                                        const struct tyto_mil_pool_shape *shape,
                                        const struct tyto_mil_pool_io *io);

#endif
