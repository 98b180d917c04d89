/* SPDX-License-Identifier: MIT */
/* What net.c (buffers, plans) and record.c (which kernel reads what) share.
 * No other file includes this. */
#ifndef TYTO_MODEL_CMAN_INTERNAL_H
#define TYTO_MODEL_CMAN_INTERNAL_H

#include "model/cman/bufs.h"
#include "model/cman/fuse.h"
#include "model/cman/net.h"
#include "shaders/attn_pool/attn_pool.h"
#include "shaders/cosine_attn/cosine_attn.h"
#include "shaders/row_gather/row_gather.h"
#include "shaders/softmax/softmax.h"
#include "shaders/window/window.h"

/* Beside bufs.h's: `n` is the net, `places` L; R rows of features, S streams. */
#define TYTO_NET_STREAM_BUF_LIST(X)                                                                \
    X(ADAPTED, DEVICE, tyto_cman_num_places(n, s) * n->rows[s],                                    \
      n->fused.adapt[s] ? w->stream[s] : 0)                                                        \
    X(MATCH, DEVICE, s == TYTO_CMAN_AUDIO ? batch : places * n->rows[s], w->match)                 \
    X(NEWEST, DEVICE, batch, w->stream[s])                                                         \
    X(RING, DEVICE, (uint64_t)n->max_streams * d->num_segments, w->stream[s])                      \
    TYTO_CMAN_STREAM_STATE_LIST(X, )                                                               \
    TYTO_CMAN_STREAM_SHARE_LIST(X, READBACK)                                                       \
    X(ROWS, UPLOAD, batch, 1)
#define TYTO_NET_BUF_LIST(X)                                                                       \
    X(ITEMS, UPLOAD, batch, 4)                                                                     \
    X(LENS, UPLOAD, batch, 1)                                                                      \
    X(SCORES, DEVICE, batch, places)                                                               \
    X(PLACE_NEWEST, DEVICE, batch, places)                                                         \
    X(PLACE_RING, DEVICE, (uint64_t)n->max_streams * d->num_segments, places)                      \
    X(PLACE, READBACK, rows, places)                                                               \
    TYTO_CMAN_STATE_LIST(X, )                                                                      \
    X(LOGITS, READBACK, rows, d->num_logits)

#define TYTO_NET_BUF_ENTRY(name, kind, rows, width) TYTO_NET_##name,
enum tyto_net_stream_buf { TYTO_NET_STREAM_BUF_LIST(TYTO_NET_BUF_ENTRY) TYTO_NET_NUM_STREAM_BUFS };
enum tyto_net_buf { TYTO_NET_BUF_LIST(TYTO_NET_BUF_ENTRY) TYTO_NET_NUM_BUFS };
#undef TYTO_NET_BUF_ENTRY

/* A recorded plan for each key that has come up, made at first need. */
struct tyto_net_plans {
    struct tyto_plan **plans; /* owned, (max + 1) */
    uint32_t max;
};

/* The kernels; nets that follow one another share them. One thread. */
struct tyto_cman_ops {
    uint32_t num_refs;
    struct tyto_gemm *gemm;
    struct tyto_softmax *softmax;
    struct tyto_cosine_attn *cosine_attn;
    struct tyto_attn_pool *attn_pool;
    struct tyto_row_gather *row_gather;
    struct tyto_window *ring;
    struct tyto_self_attn *self_attn;
    struct tyto_lstm_sentinel *lstm_sentinel;
    struct tyto_co_attn *co_attn;
};

struct tyto_cman_net {
    struct tyto_gpu *gpu;
    struct tyto_cman_dims dims;
    struct tyto_cman_fused fused;
    uint32_t max_streams, max_batch;
    const struct tyto_buf *features[TYTO_CMAN_NUM_STREAMS]; /* borrowed */
    uint32_t rows[TYTO_CMAN_NUM_STREAMS];
    struct tyto_buf *stream_bufs[TYTO_CMAN_NUM_STREAMS][TYTO_NET_NUM_STREAM_BUFS];
    struct tyto_buf *bufs[TYTO_NET_NUM_BUFS];
    struct tyto_net_plans
        first[TYTO_CMAN_NUM_STREAMS]; /* by the count of feature rows, from row 0 */
    struct tyto_net_plans single[TYTO_CMAN_NUM_STREAMS]; /* by the one feature row */
    struct tyto_net_plans window;                        /* by the count of items */
    struct tyto_net_plans feed;                          /* the same, rings only */
    struct tyto_cman_ops *ops;
};

/* Rows of a feature row: the picture's places. */
static inline uint64_t tyto_cman_num_places(const struct tyto_cman_net *net, uint32_t stream)
{
    return stream == TYTO_CMAN_AUDIO ? 1 : net->dims.num_places;
}

/* Records adapter, and for pictures the keys of "where", of the feature rows [row, row + num). */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_record_front(struct tyto_cman_net *net, struct tyto_plan *plan,
                                     uint32_t stream, uint32_t row, uint32_t num);
/* Records what puts the first `batch` items into their rings. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_record_feed(struct tyto_cman_net *net, struct tyto_plan *plan,
                                    uint32_t batch);
/* Records that, and everything else. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_record_window(struct tyto_cman_net *net, struct tyto_plan *plan,
                                      uint32_t batch);

#endif
