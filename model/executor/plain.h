/* SPDX-License-Identifier: MIT */
/* Steps of the CPU executor in plain C: those that XNNPACK has no operator for, or none that lays
 * its result where it is wanted. Inner part of model/executor. */
#ifndef TYTO_MODEL_EXECUTOR_PLAIN_H
#define TYTO_MODEL_EXECUTOR_PLAIN_H

#include <stddef.h>

#include "model/graph/graph.h"

/* num_rows rows of width floats, in to out, which has one every pitch floats. */
void tyto_plain_copy_rows(const float *in, size_t width, float *out, size_t pitch, size_t num_rows);

/* batch items of in_shape become those of out_shape. */
void tyto_plain_resize(enum tyto_resize resize, const struct tyto_value *in_shape,
                       const struct tyto_value *out_shape, const float *in, float *out,
                       size_t batch);

#endif
