/* SPDX-License-Identifier: MIT */
/* image_resize for the CPU executor: the same numbers in plain C, separable, two
 * passes over rows that the compiler vectorises. One thread at a time. */
#ifndef TYTO_MODEL_ENCODER_RESIZE_CPU_H
#define TYTO_MODEL_ENCODER_RESIZE_CPU_H

#include "base/err.h"
#include "base/frame.h"
#include "shaders/image_resize/image_resize.h"

struct tyto_image_resize_cpu;

/* TYTO_ERR_SHAPE when the output is out of limits, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_image_resize_cpu_create(const struct tyto_image_resize_shape *shape,
                                           struct tyto_image_resize_cpu **ret_resize);
void tyto_image_resize_cpu_destroy(struct tyto_image_resize_cpu **resize);
/* out (out_h, out_w, channels) becomes the picture. TYTO_ERR_INVALID for a frame that is no
 * picture, NOMEM when a frame larger than all before finds no memory (nothing is
 * allocated otherwise); out is then untouched. */
TYTO_MUST_CHECK
enum tyto_err tyto_image_resize_cpu_run(struct tyto_image_resize_cpu *resize,
                                        const struct tyto_frame *frame, float *out);

#endif
