/* SPDX-License-Identifier: MIT */
/* The sum over the rows of a matrix, on the device. Formula, limits, numerics: col_sum.comp. */
#ifndef TYTO_SHADERS_COL_SUM_H
#define TYTO_SHADERS_COL_SUM_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/col_sum/col_sum_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_col_sum;

TYTO_MUST_CHECK
enum tyto_err tyto_col_sum_create(struct tyto_gpu *gpu, struct tyto_col_sum **ret_op);
void tyto_col_sum_destroy(struct tyto_col_sum **op);

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
/* out[out_at + c] = sum of x[r * stride + c] over rows, f32. */
TYTO_MUST_CHECK
enum tyto_err tyto_col_sum_record(struct tyto_col_sum *op, struct tyto_plan *plan,
                                  const struct tyto_buf *x, uint32_t rows, uint32_t cols,
                                  uint32_t stride, const struct tyto_buf *out, uint64_t out_at);

#endif
