/* SPDX-License-Identifier: MIT */
/* 1x1 convolution in plain C for CPUs with AVX2 and FMA but no AVX-512: Debian's
 * XNNPACK runs at half their speed there (its 5x16 kernel, as built, spills an
 * accumulator every step). Inner part of model/executor_xnn.c. */
#ifndef TYTO_MODEL_POINTWISE_CPU_H
#define TYTO_MODEL_POINTWISE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_pointwise_cpu;

/* Whether this machine is one of those. */
bool tyto_pointwise_cpu_is_faster(void);

/* weight (n, k), bias (n) or NULL; both are copied. Results are clamped to [lo, hi]. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_pointwise_cpu_create(const float *weight, const float *bias, uint32_t n,
                                        uint32_t k, float lo, float hi,
                                        struct tyto_pointwise_cpu **ret_op);
void tyto_pointwise_cpu_destroy(struct tyto_pointwise_cpu **op);
/* y (m, n) = x (m, k) W^T + bias, clamped. Any threads at once, on rows of their own. */
void tyto_pointwise_cpu_run(const struct tyto_pointwise_cpu *op, const float *x, float *y,
                            uint64_t m);

#endif
