/* SPDX-License-Identifier: MIT */
/* Softmax over the last axis, on the device. Formula, limits, numerics: softmax.comp. */
#ifndef TYTO_SHADERS_SOFTMAX_H
#define TYTO_SHADERS_SOFTMAX_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

struct tyto_softmax;

TYTO_MUST_CHECK
enum tyto_err tyto_softmax_create(struct tyto_gpu *gpu, struct tyto_softmax **ret_op);
void tyto_softmax_destroy(struct tyto_softmax **op);

/* out (rows, width) = softmax of in (rows, width) f32; they may be the same. The
 * op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when
 * a buffer is too small or a count over its limit; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_softmax_record(struct tyto_softmax *op, struct tyto_plan *plan, uint32_t rows,
                                  uint32_t width, const struct tyto_bind *in,
                                  const struct tyto_bind *out);

/* The truth for tests. */
void tyto_softmax_ref(uint32_t rows, uint32_t width, const float *in, float *ret_out);

#endif
