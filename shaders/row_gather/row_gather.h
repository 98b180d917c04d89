/* SPDX-License-Identifier: MIT */
/* Picks rows by number and pads them with zeros, on the device. Formula, limits,
 * numerics: row_gather.comp. */
#ifndef TYTO_SHADERS_ROW_GATHER_H
#define TYTO_SHADERS_ROW_GATHER_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/row_gather/row_gather_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_row_gather;

TYTO_MUST_CHECK
enum tyto_err tyto_row_gather_create(struct tyto_gpu *gpu, struct tyto_row_gather **ret_op);
void tyto_row_gather_destroy(struct tyto_row_gather **op);

struct tyto_row_gather_shape {
    uint32_t batch;     /* B */
    uint32_t num_rows;  /* rows of in */
    uint32_t in_width;  /* W */
    uint32_t out_width; /* C >= W */
};

struct tyto_row_gather_io {
    struct tyto_bind in;   /* (num_rows, W) f32 */
    struct tyto_bind rows; /* (B) u32; a number >= num_rows gives zeros */
    struct tyto_bind out;  /* (B, C) f32, written */
};

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_row_gather_record(struct tyto_row_gather *op, struct tyto_plan *plan,
                                     const struct tyto_row_gather_shape *shape,
                                     const struct tyto_row_gather_io *io);

/* The truth for tests. */
void tyto_row_gather_ref(const struct tyto_row_gather_shape *shape, const float *in,
                         const uint32_t *rows, float *ret_out);

#endif
