/* SPDX-License-Identifier: MIT */
/* Values of another height and width, on the device. Formula, limits, numerics:
 * resize.comp. Pictures of a camera go through image_resize instead. */
#ifndef TYTO_SHADERS_RESIZE_H
#define TYTO_SHADERS_RESIZE_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

enum tyto_resize_mode {
    TYTO_RESIZE_MODE_NEAREST,
    TYTO_RESIZE_MODE_BILINEAR,
    TYTO_RESIZE_MODE_CORNERS,
};

struct tyto_resize_shape {
    enum tyto_resize_mode mode;
    uint32_t batch, in_h, in_w, out_h, out_w, channels; /* sides below 2^16 */
};

struct tyto_resizer;

TYTO_MUST_CHECK
enum tyto_err tyto_resizer_create(struct tyto_gpu *gpu, struct tyto_resizer **ret_op);
void tyto_resizer_destroy(struct tyto_resizer **op);
/* in (B, in_h, in_w, C), out (B, out_h, out_w, C) f32. Op and buffers are borrowed until the plan
 * is destroyed. TYTO_ERR_SHAPE when a count is 0 or over its limit or a buffer too small; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_resizer_record(struct tyto_resizer *op, struct tyto_plan *plan,
                                  const struct tyto_resize_shape *shape, const struct tyto_bind *in,
                                  const struct tyto_bind *out);

/* The truth for tests. */
void tyto_resizer_ref(const struct tyto_resize_shape *shape, const float *in, double *out);

#endif
