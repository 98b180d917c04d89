/* SPDX-License-Identifier: MIT */
/* What a row of logits costs, and its gradient, on the device. Class weights, row weights and the
 * mean are in the targets. Formulae, limits, numerics: loss_softmax.comp, loss_sigmoid.comp. */
#ifndef TYTO_SHADERS_LOSS_H
#define TYTO_SHADERS_LOSS_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/loss/loss_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_loss;

TYTO_MUST_CHECK
enum tyto_err tyto_loss_create(struct tyto_gpu *gpu, struct tyto_loss **ret_op);
void tyto_loss_destroy(struct tyto_loss **op);

struct tyto_loss_io {
    struct tyto_bind logits;  /* (rows, stride) f32, `width` of them logits */
    struct tyto_bind yes;     /* (rows, stride) f32: weight of "it is", per logit */
    struct tyto_bind no;      /* likewise of "it is not"; not used by softmax */
    struct tyto_bind dlogits; /* (rows, stride) f32, written; 0 beyond width */
    struct tyto_bind losses;  /* (rows) f32, written */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_loss_record_softmax(struct tyto_loss *op, struct tyto_plan *plan, uint32_t rows,
                                       uint32_t width, uint32_t stride,
                                       const struct tyto_loss_io *io);
TYTO_MUST_CHECK
enum tyto_err tyto_loss_record_sigmoid(struct tyto_loss *op, struct tyto_plan *plan, uint32_t rows,
                                       uint32_t width, uint32_t stride,
                                       const struct tyto_loss_io *io);

#endif
