/* SPDX-License-Identifier: MIT */
/* Per-stream rings of the last T rows, on the device. Formula, limits, numerics:
 * window.comp. */
#ifndef TYTO_SHADERS_WINDOW_H
#define TYTO_SHADERS_WINDOW_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"
#include "shaders/window/window_shape.h"

struct tyto_window;

TYTO_MUST_CHECK
enum tyto_err tyto_window_create(struct tyto_gpu *gpu, struct tyto_window **ret_op);
void tyto_window_destroy(struct tyto_window **op);

struct tyto_window_shape {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T */
    uint32_t width;        /* W */
    uint32_t num_streams;  /* S */
};

struct tyto_window_io {
    struct tyto_bind newest; /* (B, W) f32 */
    struct tyto_bind ring;   /* (S, T, W) f32, updated */
    struct tyto_bind items;  /* (B) of struct tyto_window_item */
    struct tyto_bind out;    /* (B, T, W) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_window_record(struct tyto_window *op, struct tyto_plan *plan,
                                 const struct tyto_window_shape *shape,
                                 const struct tyto_window_io *io);

/* The truth for tests. */
void tyto_window_ref(const struct tyto_window_shape *shape, const float *newest, float *ring,
                     const struct tyto_window_item *items, float *ret_out);

#endif
