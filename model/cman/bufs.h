/* SPDX-License-Identifier: MIT */
/* CMAN's forward pass on the device, as far as what serves (net.c) and what trains (trainer/step)
 * have it in common: the buffers that it fills, the shapes of its kernels, linear maps.
 *
 * A list of buffers is #define LIST(X) X(NAME, kind, rows, width) ...: the kind is one of
 * TYTO_BUF_, a buffer has rows x width floats, and none is made where either is 0. The expressions
 * see what the function has that makes the buffers: `batch` (B), `rows` (B T), `d` (the dims), `w`
 * (the widths) and, in lists of one stream, `s`. */
#ifndef TYTO_MODEL_CMAN_BUFS_H
#define TYTO_MODEL_CMAN_BUFS_H

#include "base/err.h"
#include "model/cman/widths.h"
#include "shaders/co_attn/co_attn.h"
#include "shaders/gemm/gemm.h"
#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "shaders/runtime/gpu.h"
#include "shaders/self_attn/self_attn.h"

/* What a stream's segments become, with PREFIX before each name: D_ for gradients. */
#define TYTO_CMAN_STREAM_STATE_LIST(X, PREFIX)                                                     \
    X(PREFIX##WINDOW, DEVICE, rows, w->stream[s])                                                  \
    X(PREFIX##QKV, DEVICE, rows, w->qkv[s])                                                        \
    X(PREFIX##MIXED, DEVICE, rows, w->stream[s])                                                   \
    X(PREFIX##AFTER, DEVICE, rows, w->after)                                                       \
    X(PREFIX##CELL, DEVICE, batch, w->hidden)                                                      \
    X(PREFIX##HIDDEN, DEVICE, rows, w->hidden)                                                     \
    X(PREFIX##SENTINEL, DEVICE, rows, w->hidden)                                                   \
    X(PREFIX##STATE_KEY, DEVICE, rows, w->which)                                                   \
    X(PREFIX##SENTINEL_KEY, DEVICE, rows, w->which)
/* What is looked at afterwards, of the kind KIND. */
#define TYTO_CMAN_STREAM_SHARE_LIST(X, KIND)                                                       \
    X(BETA, KIND, rows, 1)                                                                         \
    X(ALIGN, KIND, rows, d->num_segments)
/* What both streams become. */
#define TYTO_CMAN_STATE_LIST(X, PREFIX)                                                            \
    X(PREFIX##BOTH, DEVICE, rows, 2 * (uint64_t)w->hidden)                                         \
    X(PREFIX##HEAD, DEVICE, rows, w->head)

/* Makes one entry of a list. SHAPE where a kernel could not count its floats, NOMEM and those of
 * the device. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_buf_create(struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint64_t rows,
                                   uint64_t width, struct tyto_buf **ret_buf);
/* Destroys all that there are of num. */
void tyto_cman_bufs_destroy(struct tyto_buf **bufs, uint32_t num);

/* The whole of a buffer as a matrix. */
static inline struct tyto_mat tyto_cman_mat(struct tyto_bind bind)
{
    return (struct tyto_mat){.buf = bind.buf};
}

/* Shapes of a stream's attention within itself ("when"), of the LSTMs, and of its look at the other
 * stream ("which"). */
struct tyto_self_attn_shape tyto_cman_when_shape(const struct tyto_cman_dims *d,
                                                 const struct tyto_cman_widths *w, uint32_t batch,
                                                 uint32_t s);
struct tyto_lstm_sentinel_shape tyto_cman_lstm_shape(const struct tyto_cman_dims *d,
                                                     const struct tyto_cman_widths *w,
                                                     uint32_t batch);
struct tyto_co_attn_shape tyto_cman_which_shape(const struct tyto_cman_dims *d,
                                                const struct tyto_cman_widths *w, uint32_t batch,
                                                uint32_t s);

/* Records y = act(weights x) over m rows. The errors of tyto_gemm_record. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_record_linear(struct tyto_gemm *gemm, struct tyto_plan *plan,
                                      const struct tyto_gemm_weights *weights, uint64_t m,
                                      struct tyto_mat x, struct tyto_mat y, enum tyto_act act);
/* The same, y = weights x + y. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_record_added(struct tyto_gemm *gemm, struct tyto_plan *plan,
                                     const struct tyto_gemm_weights *weights, uint64_t m,
                                     struct tyto_mat x, struct tyto_mat y);

#endif
