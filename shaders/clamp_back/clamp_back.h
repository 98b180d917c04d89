/* SPDX-License-Identifier: MIT */
/* The gradient through a clamp (ReLU, ReLU6), on the device. Formula, numerics: clamp_back.comp. */
#ifndef TYTO_SHADERS_CLAMP_BACK_H
#define TYTO_SHADERS_CLAMP_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/clamp_back/clamp_back_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_clamp_back;

TYTO_MUST_CHECK
enum tyto_err tyto_clamp_back_create(struct tyto_gpu *gpu, struct tyto_clamp_back **ret_op);
void tyto_clamp_back_destroy(struct tyto_clamp_back **op);

struct tyto_clamp_back_io {
    struct tyto_bind y;  /* (num) what the clamp gave */
    struct tyto_bind dy; /* (num) */
    struct tyto_bind dx; /* (num), written; may be dy */
};

/* num a multiple of 4; high may be FLT_MAX. The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or num does not fit; then nothing is
 * recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_clamp_back_record(struct tyto_clamp_back *op, struct tyto_plan *plan,
                                     uint32_t num, float low, float high,
                                     const struct tyto_clamp_back_io *io);

#endif
