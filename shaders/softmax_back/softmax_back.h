/* SPDX-License-Identifier: MIT */
/* The gradient of a softmax over rows, on the device. Formula, limits, numerics: softmax_back.comp.
 */
#ifndef TYTO_SHADERS_SOFTMAX_BACK_H
#define TYTO_SHADERS_SOFTMAX_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"
#include "shaders/softmax_back/softmax_back_shape.h"

struct tyto_softmax_back;

TYTO_MUST_CHECK
enum tyto_err tyto_softmax_back_create(struct tyto_gpu *gpu, struct tyto_softmax_back **ret_op);
void tyto_softmax_back_destroy(struct tyto_softmax_back **op);

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
/* y, dy, dx: (rows, width) f32; dx, written, may be dy. */
TYTO_MUST_CHECK
enum tyto_err tyto_softmax_back_record(struct tyto_softmax_back *op, struct tyto_plan *plan,
                                       uint32_t rows, uint32_t width, const struct tyto_bind *y,
                                       const struct tyto_bind *dy, const struct tyto_bind *dx);

#endif
