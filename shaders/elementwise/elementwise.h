/* SPDX-License-Identifier: MIT */
/* Sum of two, product by item and channel, scale and shift by channel, activation, clamp, on the
 * device. Formula, limits, numerics: elementwise.comp. */
#ifndef TYTO_SHADERS_ELEMENTWISE_H
#define TYTO_SHADERS_ELEMENTWISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "shaders/include/act.h"
#include "shaders/runtime/gpu.h"

enum tyto_elementwise_op {
    TYTO_ELEMENTWISE_OP_COPY,  /* a */
    TYTO_ELEMENTWISE_OP_ADD,   /* a + b */
    TYTO_ELEMENTWISE_OP_SCALE, /* a * b[channel] + bias[channel] */
    TYTO_ELEMENTWISE_OP_MUL,   /* a * b[item, channel] */
};

struct tyto_elementwise_shape {
    enum tyto_elementwise_op op;
    uint32_t num;      /* values, 1..2^31-1 */
    uint32_t channels; /* SCALE, MUL: innermost axis */
    uint32_t item; /* MUL: values of one item, a multiple of channels; num is a multiple of it */
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};

struct tyto_elementwise_binds {
    struct tyto_bind a;       /* (num) */
    struct tyto_bind b, bias; /* ADD: b (num); SCALE: both (channels); MUL: b (num / item,
                                 channels); else not read */
    struct tyto_bind out;     /* (num), may be a */
};

struct tyto_elementwise;

TYTO_MUST_CHECK
enum tyto_err tyto_elementwise_create(struct tyto_gpu *gpu, struct tyto_elementwise **ret_op);
void tyto_elementwise_destroy(struct tyto_elementwise **op);
/* Op and buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a
 * count is out of limits or a buffer too small; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_elementwise_record(struct tyto_elementwise *op, struct tyto_plan *plan,
                                      const struct tyto_elementwise_shape *shape,
                                      const struct tyto_elementwise_binds *binds);

/* The truth for tests; b and bias as above. */
void tyto_elementwise_ref(const struct tyto_elementwise_shape *shape, const float *a,
                          const float *b, const float *bias, double *out);

#endif
