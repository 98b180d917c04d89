/* SPDX-License-Identifier: MIT */
/* The gradient of an LSTM with sentinel, without its products, on the device: the trainer puts
 * gemm_back between the steps. Formulae, limits, numerics: lstm_sentinel_back_gates.comp,
 * lstm_sentinel_back_step.comp. */
#ifndef TYTO_SHADERS_LSTM_SENTINEL_BACK_H
#define TYTO_SHADERS_LSTM_SENTINEL_BACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_lstm_sentinel_back;

TYTO_MUST_CHECK
enum tyto_err tyto_lstm_sentinel_back_create(struct tyto_gpu *gpu,
                                             struct tyto_lstm_sentinel_back **ret_op);
void tyto_lstm_sentinel_back_destroy(struct tyto_lstm_sentinel_back **op);

struct tyto_lstm_sentinel_back_shape {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T */
    uint32_t width;        /* D */
    uint32_t dx_stride;    /* columns of dx */
    uint32_t dx_offset;    /* where its 5 D columns begin */
};

struct tyto_lstm_sentinel_back_io {
    struct tyto_bind pre;   /* (B, T, 5 D) f32: x[t] + W h[t-1], gate by gate */
    struct tyto_bind gates; /* (B, T, 5 D) f32: written by gates, read by step; may be pre */
    struct tyto_bind cell;  /* (B, T, D) f32: likewise */
    struct tyto_bind dh;    /* (B, T, D) f32: row t whole, with what came back from t + 1 */
    struct tyto_bind ds;    /* (B, T, D) f32 */
    struct tyto_bind dcell; /* (B, D) f32: between the steps */
    struct tyto_bind dx;    /* (B, T, dx_stride) f32: row t of the 5 D columns written */
};

/* Gates and cells of all steps from what came before their sigmoid or tanh.
 * The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err
tyto_lstm_sentinel_back_record_gates(struct tyto_lstm_sentinel_back *op, struct tyto_plan *plan,
                                     const struct tyto_lstm_sentinel_back_shape *shape,
                                     const struct tyto_lstm_sentinel_back_io *io);
/* Step t alone, from T - 1 down to 0. Before it, dh[t] += dx[t+1] W (t < T - 1). Errors as above.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_lstm_sentinel_back_record_step(struct tyto_lstm_sentinel_back *op,
                                                  struct tyto_plan *plan,
                                                  const struct tyto_lstm_sentinel_back_shape *shape,
                                                  const struct tyto_lstm_sentinel_back_io *io,
                                                  uint32_t t);

#endif
