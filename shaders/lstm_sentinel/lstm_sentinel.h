/* SPDX-License-Identifier: MIT */
/* An LSTM with sentinel over windows, on the device: T dispatches. Formula, limits,
 * numerics: lstm_sentinel.comp. */
#ifndef TYTO_SHADERS_LSTM_SENTINEL_H
#define TYTO_SHADERS_LSTM_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "shaders/lstm_sentinel/lstm_sentinel_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_lstm_sentinel;

TYTO_MUST_CHECK
enum tyto_err tyto_lstm_sentinel_create(struct tyto_gpu *gpu, struct tyto_lstm_sentinel **ret_op);
void tyto_lstm_sentinel_destroy(struct tyto_lstm_sentinel **op);

struct tyto_lstm_sentinel_shape {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T */
    uint32_t width;        /* D */
    uint32_t in_stride;    /* columns of x */
    uint32_t in_offset;    /* where its 5 D columns begin */
};

struct tyto_lstm_sentinel_io {
    struct tyto_bind x;       /* (B, T, in_stride) f32: [i | f | g | o | sentinel], D each */
    struct tyto_bind weights; /* tyto_lstm_sentinel_packed_bytes(D), as pack() wrote them */
    struct tyto_bind cell;    /* (B, D) f32, overwritten */
    struct tyto_bind h;       /* (B, T, D) f32, written */
    struct tyto_bind s;       /* (B, T, D) f32, written */
};

/* Size of the packed weights; 0 when width is over the limit or no
 * multiple of 4. */
uint64_t tyto_lstm_sentinel_packed_bytes(uint32_t width);

/* packed <- hidden (4 D, D), gate order i f g o, and gate (D, D), both [to][from]. */
void tyto_lstm_sentinel_pack(uint32_t width, const float *hidden, const float *gate,
                             float *ret_packed);

/* The op and the buffers are borrowed until the plan is
 * destroyed. TYTO_ERR_SHAPE when a buffer is too small or a count outside its limits; then
 * nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_lstm_sentinel_record(struct tyto_lstm_sentinel *op, struct tyto_plan *plan,
                                        const struct tyto_lstm_sentinel_shape *shape,
                                        const struct tyto_lstm_sentinel_io *io);

/* Step t alone, for who records several LSTMs side by side (tyto_plan_concurrent()): all t from
 * 0 on, in order. */
TYTO_MUST_CHECK
enum tyto_err tyto_lstm_sentinel_record_step(struct tyto_lstm_sentinel *op, struct tyto_plan *plan,
                                             const struct tyto_lstm_sentinel_shape *shape,
                                             const struct tyto_lstm_sentinel_io *io, uint32_t t);

/* The truth for tests; hidden and gate as for pack(). False when out of memory. */
TYTO_MUST_CHECK
bool tyto_lstm_sentinel_ref(const struct tyto_lstm_sentinel_shape *shape, const float *x,
                            const float *hidden, const float *gate, float *ret_h, float *ret_s);

#endif
