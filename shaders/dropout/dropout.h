/* SPDX-License-Identifier: MIT */
/* Dropout whose mask is a function of seed, step, place and index: the backward pass is the same
 * call on the gradient. Formula, limits: dropout.comp. */
#ifndef TYTO_SHADERS_DROPOUT_H
#define TYTO_SHADERS_DROPOUT_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/dropout/dropout_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_dropout;

TYTO_MUST_CHECK
enum tyto_err tyto_dropout_create(struct tyto_gpu *gpu, struct tyto_dropout **ret_op);
void tyto_dropout_destroy(struct tyto_dropout **op);

/* What a step is told, in a buffer that the host writes between steps. */
struct tyto_dropout_key {
    uint32_t seed_low, seed_high, step, unused;
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
/* x (num) f32 is overwritten; num a multiple of 4, 0 <= rate < 1. key: struct tyto_dropout_key.
 * first: the number of x's first value where x is a part of something larger, a multiple of 4. */
TYTO_MUST_CHECK
enum tyto_err tyto_dropout_record(struct tyto_dropout *op, struct tyto_plan *plan, uint32_t first,
                                  uint32_t num, float rate, uint32_t site,
                                  const struct tyto_buf *key, const struct tyto_buf *x);

#endif
