/* SPDX-License-Identifier: MIT */
/* What step.c (who does what), device.c (buffers, plans), map.c, forward.c, back.c and contrast.c
 * (which kernel reads what) share. No other file includes this. */
#ifndef TYTO_TRAINER_STEP_INTERNAL_H
#define TYTO_TRAINER_STEP_INTERNAL_H

#include "model/cman/bufs.h"
#include "shaders/attn_pool/attn_pool.h"
#include "shaders/attn_pool_back/attn_pool_back.h"
#include "shaders/clamp_back/clamp_back.h"
#include "shaders/co_attn_back/co_attn_back.h"
#include "shaders/col_sum/col_sum.h"
#include "shaders/cosine_attn/cosine_attn.h"
#include "shaders/cosine_attn_back/cosine_attn_back.h"
#include "shaders/elementwise/elementwise.h"
#include "shaders/gemm_back/gemm_back.h"
#include "shaders/info_nce/info_nce.h"
#include "shaders/loss/loss.h"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back.h"
#include "shaders/mil_pool/mil_pool.h"
#include "shaders/row_gather/row_gather.h"
#include "shaders/self_attn_back/self_attn_back.h"
#include "shaders/softmax/softmax.h"
#include "shaders/softmax_back/softmax_back.h"
#include "shaders/weights_pack/weights_pack.h"
#include "trainer/step/step.h"

/* Beside bufs.h's, whose gradients are D_: `step` is the device's, `places` L, `pictures` the rows
 * of a stream's features, `adapts` whether it has an adapter, `tunes` whether the encoder's last
 * layer learns. D_x is the gradient of x. */
#define TYTO_STEP_STREAM_BUF_LIST(X)                                                               \
    X(FEATURES, DEVICE, pictures, tyto_step_features_width(step, s))                               \
    /* where the host writes them, unless it can write to the device's memory */                   \
    X(FEATURES_HOST, UPLOAD, pictures,                                                             \
      tyto_step_is_mapped(step, s) ? 0 : tyto_step_features_width(step, s))                        \
    X(ENCODED, DEVICE, pictures, s == TYTO_CMAN_VISUAL && tunes ? d->visual_in : 0)                \
    X(D_ENCODED, DEVICE, pictures, s == TYTO_CMAN_VISUAL && tunes ? d->visual_in : 0)              \
    X(HAS, UPLOAD, rows, 1)                                                                        \
    X(ADAPTED, DEVICE, pictures, adapts ? w->stream[s] : 0)                                        \
    X(D_ADAPTED, DEVICE, pictures, adapts ? w->stream[s] : 0)                                      \
    X(MATCH, DEVICE, pictures, w->match)                                                           \
    X(D_MATCH, DEVICE, pictures, w->match)                                                         \
    TYTO_CMAN_STREAM_STATE_LIST(X, )                                                               \
    TYTO_CMAN_STREAM_STATE_LIST(X, D_)                                                             \
    TYTO_CMAN_STREAM_SHARE_LIST(X, DEVICE)                                                         \
    X(BEFORE, DEVICE, rows, w->hidden)                                                             \
    X(GATES, DEVICE, rows, w->gates)                                                               \
    X(CELLS, DEVICE, rows, w->hidden)                                                              \
    X(D_SCORE, DEVICE, rows, w->which)                                                             \
    X(LSTM, DEVICE, 1, tyto_lstm_sentinel_packed_bytes(w->hidden) / sizeof(float))                 \
    X(SCORE, DEVICE, 1, w->which)
#define TYTO_STEP_BUF_LIST(X)                                                                      \
    X(VALUES, DEVICE, 1, step->layout.num)                                                         \
    X(GRADS, DEVICE, 1, step->layout.num)                                                          \
    X(MOMENT_1, DEVICE, 1, step->layout.num)                                                       \
    X(MOMENT_2, DEVICE, 1, step->layout.num)                                                       \
    X(LEN, UPLOAD, batch, 1)                                                                       \
    X(PREVIOUS, UPLOAD, rows, 1)                                                                   \
    X(SCALE, DEVICE, 1, 4)                                                                         \
    X(SCORES, DEVICE, rows, places)                                                                \
    X(PLACE, DEVICE, rows, places)                                                                 \
    X(D_PLACE, DEVICE, rows, places)                                                               \
    X(SHARES, DEVICE, rows, 4 * places)                                                            \
    X(D_SCALE, DEVICE, rows, 1)                                                                    \
    X(SCRATCH, DEVICE, rows, 2 * (uint64_t)d->num_segments + 2)                                    \
    X(GEMM_SCRATCH, DEVICE, 1, gemm_scratch)                                                       \
    TYTO_CMAN_STATE_LIST(X, )                                                                      \
    TYTO_CMAN_STATE_LIST(X, D_)                                                                    \
    X(LOGITS, READBACK, rows, step->layout.widths.logits)                                          \
    X(D_LOGITS, DEVICE, rows, step->layout.widths.logits)                                          \
    X(YES, UPLOAD, rows, step->layout.widths.logits)                                               \
    X(NO, UPLOAD, rows, step->layout.widths.logits)                                                \
    X(POOLED, READBACK, batch, step->pool ? step->layout.widths.logits : 0)                        \
    X(D_POOLED, DEVICE, batch, step->pool ? step->layout.widths.logits : 0)                        \
    X(LOSSES, DEVICE, rows, 1)                                                                     \
    X(LOSS, READBACK, 1, 1)                                                                        \
    X(HYPER, UPLOAD, 1, sizeof(struct tyto_adamw_hyper) / sizeof(float))                           \
    X(TUNE_HYPER, UPLOAD, 1, tunes ? sizeof(struct tyto_adamw_hyper) / sizeof(float) : 0)          \
    X(KEY, UPLOAD, 1, sizeof(struct tyto_dropout_key) / sizeof(float))                             \
    X(EXTRA, UPLOAD, rows, step->discriminates ? w->head : 0)                                      \
    X(UNIFORM, UPLOAD, rows, step->contrasts ? places : 0)                                         \
    X(MEAN, DEVICE, rows, step->contrasts ? d->visual_in : 0)                                      \
    X(MEAN_ADAPTED, DEVICE, rows, step->contrasts ? w->stream[TYTO_CMAN_VISUAL] : 0)               \
    X(D_MEAN_ADAPTED, DEVICE, rows, step->contrasts ? w->stream[TYTO_CMAN_VISUAL] : 0)             \
    X(MEAN_MATCH, DEVICE, rows, step->contrasts ? w->match : 0)                                    \
    X(D_MEAN_MATCH, DEVICE, rows, step->contrasts ? w->match : 0)                                  \
    X(PARTS, DEVICE, 1, TYTO_ADAMW_PARTS)                                                          \
    X(NORM, READBACK, 1, 2)

#define TYTO_STEP_BUF_ENTRY(name, kind, rows, width) TYTO_STEP_##name,
enum tyto_step_stream_buf {
    TYTO_STEP_STREAM_BUF_LIST(TYTO_STEP_BUF_ENTRY) TYTO_STEP_NUM_STREAM_BUFS
};
enum tyto_step_buf { TYTO_STEP_BUF_LIST(TYTO_STEP_BUF_ENTRY) TYTO_STEP_NUM_BUFS };
#undef TYTO_STEP_BUF_ENTRY

/* Linear maps of the forward pass, for each stream. */
enum tyto_step_linear {
    TYTO_STEP_LINEAR_TUNE, /* the picture encoder's last layer */
    TYTO_STEP_LINEAR_ADAPT,
    TYTO_STEP_LINEAR_MATCH,
    TYTO_STEP_LINEAR_QKV,
    TYTO_STEP_LINEAR_AFTER,    /* the LSTM's five gates and the other stream's o, of x^ */
    TYTO_STEP_LINEAR_KEY,      /* which.a of the looking stream */
    TYTO_STEP_LINEAR_STATE,    /* which.g */
    TYTO_STEP_LINEAR_SENTINEL, /* which.s */
    TYTO_STEP_LINEAR_AGAIN,    /* the LSTM's hidden and gate_h */
    TYTO_STEP_LINEAR_SKIP,     /* from the stream's segments to the logits */
    TYTO_STEP_NUM_LINEARS
};

/* X(name): an op `tyto_NAME`. */
#define TYTO_STEP_OP_LIST(X)                                                                       \
    X(gemm)                                                                                        \
    X(gemm_back)                                                                                   \
    X(weights_pack)                                                                                \
    X(row_gather)                                                                                  \
    X(cosine_attn)                                                                                 \
    X(cosine_attn_back)                                                                            \
    X(softmax)                                                                                     \
    X(softmax_back)                                                                                \
    X(attn_pool)                                                                                   \
    X(attn_pool_back)                                                                              \
    X(self_attn)                                                                                   \
    X(self_attn_back)                                                                              \
    X(lstm_sentinel)                                                                               \
    X(lstm_sentinel_back)                                                                          \
    X(co_attn)                                                                                     \
    X(co_attn_back)                                                                                \
    X(col_sum)                                                                                     \
    X(loss)                                                                                        \
    X(mil_pool)                                                                                    \
    X(dropout)                                                                                     \
    X(elementwise)                                                                                 \
    X(clamp_back)                                                                                  \
    X(adamw)

/* A step is TYTO_STEP_PLAN_WHOLE, or the next three with the host between them. */
enum tyto_step_plan {
    TYTO_STEP_PLAN_WHOLE,
    TYTO_STEP_PLAN_FORWARD,
    TYTO_STEP_PLAN_BACK,
    TYTO_STEP_PLAN_UPDATE,
    TYTO_STEP_PLAN_EVAL,
    TYTO_STEP_NUM_PLANS
};

/* Dropout's sites: a_t, the pooled picture, the head's input, its hidden units. */
enum { TYTO_STEP_SITE_AUDIO, TYTO_STEP_SITE_VISUAL, TYTO_STEP_SITE_BOTH, TYTO_STEP_SITE_HEAD };

/* What one device does of a step: its share of the clips. */
struct tyto_step_device {
    struct tyto_gpu *gpu;
    struct tyto_params_layout layout;
    uint32_t first, batch, rows; /* number of its first clip; B, B T */
    float drop_rate;
    struct tyto_step_tune tune;
    enum tyto_step_pool pool;
    bool contrasts, discriminates;  /* the objective; a term of it that the host adds */
    struct tyto_info_nce *info_nce; /* NULL unless it contrasts */
    struct tyto_buf *bufs[TYTO_STEP_NUM_BUFS];
    struct tyto_buf *stream_bufs[TYTO_CMAN_NUM_STREAMS][TYTO_STEP_NUM_STREAM_BUFS];
    struct tyto_gemm_weights *linears[TYTO_STEP_NUM_LINEARS][TYTO_CMAN_NUM_STREAMS];
    struct tyto_gemm_weights *head[2];
    struct tyto_plan *plans[TYTO_STEP_NUM_PLANS];
#define TYTO_STEP_OP_MEMBER(name) struct tyto_##name *name;
    TYTO_STEP_OP_LIST(TYTO_STEP_OP_MEMBER)
#undef TYTO_STEP_OP_MEMBER
};

/* A linear map's place among the parameters. */
struct tyto_step_map {
    uint64_t weight, bias; /* floats; bias UINT64_MAX: none */
    uint32_t n, k;         /* padded; n 0: there is no such map */
};

struct tyto_step_map tyto_step_map(const struct tyto_step_device *step, enum tyto_step_linear which,
                                   uint32_t stream);
struct tyto_step_map tyto_step_head_map(const struct tyto_step_device *step, uint32_t layer);
/* Where a stream's tensor lies, named by the audio stream's. */
uint64_t tyto_step_slot(const struct tyto_step_device *step, enum tyto_cman_tensor audio,
                        uint32_t stream);

static inline struct tyto_bind tyto_step_of(const struct tyto_step_device *step,
                                            enum tyto_step_buf buf)
{
    return (struct tyto_bind){.buf = step->bufs[buf]};
}

static inline struct tyto_bind tyto_step_of_stream(const struct tyto_step_device *step, uint32_t s,
                                                   enum tyto_step_stream_buf buf)
{
    return (struct tyto_bind){.buf = step->stream_bufs[s][buf]};
}

/* Width of the pictures that the host gives. */
static inline uint32_t tyto_step_picture_in(const struct tyto_step_device *step)
{
    return step->layout.tune_in > 0 ? step->layout.tune_in : step->layout.dims.visual_in;
}

static inline uint32_t tyto_step_features_width(const struct tyto_step_device *step, uint32_t s)
{
    return s == TYTO_CMAN_AUDIO ? step->layout.dims.audio_in : tyto_step_picture_in(step);
}

/* Whether the host writes features where kernels read them. */
static inline bool tyto_step_is_mapped(const struct tyto_step_device *step, uint32_t s)
{
    return tyto_buf_map(step->stream_bufs[s][TYTO_STEP_FEATURES]) != NULL;
}

/* The encoder's features: what a tuned layer made, or what the host gave. */
static inline struct tyto_bind tyto_step_encoded(const struct tyto_step_device *step, uint32_t s)
{
    const bool tunes = s == TYTO_CMAN_VISUAL && step->layout.tune_in > 0;

    return tyto_step_of_stream(step, s, tunes ? TYTO_STEP_ENCODED : TYTO_STEP_FEATURES);
}

/* What the network reads in place of the encoder's features. */
static inline struct tyto_bind tyto_step_adapted(const struct tyto_step_device *step, uint32_t s)
{
    return tyto_step_of_stream(step, s,
                               step->layout.adapt[s] ? TYTO_STEP_ADAPTED : TYTO_STEP_FEATURES);
}

/* params' gpu, first clip and batch are replaced; is_split: the host comes between the plans. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_device_create(const struct tyto_step_params *params, struct tyto_gpu *gpu,
                                      uint32_t first, uint32_t batch, bool is_split,
                                      struct tyto_step_device **ret_step);
void tyto_step_device_destroy(struct tyto_step_device **step);
struct tyto_step_in tyto_step_device_in(const struct tyto_step_device *step);
/* Copies its share of in. pair_weight: of each pair, where it contrasts. */
void tyto_step_device_load(struct tyto_step_device *step, const struct tyto_step_in *in,
                           float pair_weight);
TYTO_MUST_CHECK
enum tyto_err tyto_step_device_write(struct tyto_step_device *step, const float *values,
                                     const float *moment_1, const float *moment_2);
/* Hyper and key may be NULL where the plan does not read them. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_device_run(struct tyto_step_device *step, enum tyto_step_plan plan,
                                   const struct tyto_adamw_hyper *hyper,
                                   const struct tyto_dropout_key *key);
static inline float tyto_step_device_loss(const struct tyto_step_device *step)
{
    return *(const float *)tyto_buf_map(step->bufs[TYTO_STEP_LOSS]);
}
/* The rows that the loss sees: of segments, or of clips. */
static inline uint32_t tyto_step_device_targets(const struct tyto_step_device *step)
{
    return step->pool == TYTO_STEP_POOL_NONE ? step->rows : step->batch;
}
static inline const float *tyto_step_device_logits(const struct tyto_step_device *step)
{
    return tyto_buf_map(step->bufs[step->pool ? TYTO_STEP_POOLED : TYTO_STEP_LOGITS]);
}

TYTO_MUST_CHECK
enum tyto_err tyto_step_record_forward(struct tyto_step_device *step, struct tyto_plan *plan,
                                       bool with_dropout);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_loss(struct tyto_step_device *step, struct tyto_plan *plan);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_back(struct tyto_step_device *step, struct tyto_plan *plan);
/* dx = dy W + extra, W the map's weights. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_back_x(struct tyto_step_device *step, struct tyto_plan *plan,
                               struct tyto_step_map map, uint64_t m, struct tyto_mat dy,
                               struct tyto_mat dx, struct tyto_mat extra, bool is_gate);
/* Gradients of the map's weights and bias, in its place among all gradients. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_back_w(struct tyto_step_device *step, struct tyto_plan *plan,
                               struct tyto_step_map map, uint64_t m, struct tyto_mat dy,
                               struct tyto_mat x);
/* Every map from the row of parameters to where the forward kernels read it. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_pack(struct tyto_step_device *step, struct tyto_plan *plan);
/* Forward and loss of the contrastive objective; trains: with the gradients of what they end in. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_contrast(struct tyto_step_device *step, struct tyto_plan *plan,
                                        bool trains);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_contrast_back(struct tyto_step_device *step, struct tyto_plan *plan);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_update(struct tyto_step_device *step, struct tyto_plan *plan);
/* x is overwritten; nothing when there is no dropout. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_dropout(struct tyto_step_device *step, struct tyto_plan *plan,
                                       uint32_t site, const struct tyto_buf *x);

#endif
