/* SPDX-License-Identifier: MIT */
/* Gradient norm, clipping and AdamW over all parameters at once, on the device. Formulae, limits,
 * numerics: the .comp files. */
#ifndef TYTO_SHADERS_ADAMW_H
#define TYTO_SHADERS_ADAMW_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/adamw/adamw_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_adamw;

TYTO_MUST_CHECK
enum tyto_err tyto_adamw_create(struct tyto_gpu *gpu, struct tyto_adamw **ret_op);
void tyto_adamw_destroy(struct tyto_adamw **op);

/* What a step is told, in a buffer that the host writes between steps. */
struct tyto_adamw_hyper {
    float rate;
    float beta_1, beta_2, epsilon, decay;
    float correct_1, correct_2; /* 1 / (1 - beta^t), t from 1 on */
    float max_norm;             /* of all gradients together; 0: not clipped */
};

struct tyto_adamw_io {
    struct tyto_bind params, grads, moment_1, moment_2; /* (num) f32 */
    struct tyto_bind hyper;                             /* struct tyto_adamw_hyper */
    struct tyto_bind parts;                             /* (TYTO_ADAMW_PARTS) f32, overwritten */
    struct tyto_bind norm; /* (2) f32, written: norm of the gradients, what they were scaled by */
};

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
/* num is a multiple of 4. */
TYTO_MUST_CHECK
enum tyto_err tyto_adamw_record(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                const struct tyto_adamw_io *io);
/* Two rates: values from `first` on (a multiple of 64, below num) by `hyper` instead; the norm, and
 * its limit, are of all and io's. */
TYTO_MUST_CHECK
enum tyto_err tyto_adamw_record_two(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                    uint32_t first, const struct tyto_bind *hyper,
                                    const struct tyto_adamw_io *io);

#endif
