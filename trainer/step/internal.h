/* SPDX-License-Identifier: MIT */
/* What step.c (who does what), step_device.c (buffers, plans), step_forward.c and step_back.c
 * (which kernel reads what) share. No other file includes this. */
#ifndef TYTO_TRAINER_STEP_INTERNAL_H
#define TYTO_TRAINER_STEP_INTERNAL_H

#include "shaders/attn_pool/attn_pool.h"
#include "shaders/attn_pool_back/attn_pool_back.h"
#include "shaders/clamp_back/clamp_back.h"
#include "shaders/co_attn/co_attn.h"
#include "shaders/co_attn_back/co_attn_back.h"
#include "shaders/col_sum/col_sum.h"
#include "shaders/cosine_attn/cosine_attn.h"
#include "shaders/cosine_attn_back/cosine_attn_back.h"
#include "shaders/elementwise/elementwise.h"
#include "shaders/gemm/gemm.h"
#include "shaders/gemm_back/gemm_back.h"
#include "shaders/info_nce/info_nce.h"
#include "shaders/loss/loss.h"
#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back.h"
#include "shaders/mil_pool/mil_pool.h"
#include "shaders/row_gather/row_gather.h"
#include "shaders/self_attn/self_attn.h"
#include "shaders/self_attn_back/self_attn_back.h"
#include "shaders/softmax/softmax.h"
#include "shaders/softmax_back/softmax_back.h"
#include "shaders/weights_pack/weights_pack.h"
#include "trainer/step/step.h"

enum { AUDIO = TYTO_CMAN_AUDIO, VISUAL = TYTO_CMAN_VISUAL, NUM_STREAMS = TYTO_CMAN_NUM_STREAMS };

/* Buffers: `rows` = B T, `places` = L, widths of the layout. X(NAME, kind, rows, width); width 0:
 * not needed. `s` is a stream, `pictures` the rows of its features, `adapts` whether it has an
 * adapter. D_x is the gradient of x. */
#define STREAM_BUF_LIST(X)                                                                         \
    X(FEATURES, DEVICE, pictures, features_width(step, s))                                         \
    /* where the host writes them, unless it can write to the device's memory */                   \
    X(FEATURES_HOST, UPLOAD, pictures, is_mapped(step, s) ? 0 : features_width(step, s))           \
    X(ENCODED, DEVICE, pictures, s == VISUAL && tunes ? d->visual_in : 0)                          \
    X(D_ENCODED, DEVICE, pictures, s == VISUAL && tunes ? d->visual_in : 0)                        \
    X(HAS, UPLOAD, rows, 1)                                                                        \
    X(ADAPTED, DEVICE, pictures, adapts ? w->stream[s] : 0)                                        \
    X(D_ADAPTED, DEVICE, pictures, adapts ? w->stream[s] : 0)                                      \
    X(WINDOW, DEVICE, rows, w->stream[s])                                                          \
    X(D_WINDOW, DEVICE, rows, w->stream[s])                                                        \
    X(MATCH, DEVICE, pictures, w->match)                                                           \
    X(D_MATCH, DEVICE, pictures, w->match)                                                         \
    X(QKV, DEVICE, rows, w->qkv[s])                                                                \
    X(D_QKV, DEVICE, rows, w->qkv[s])                                                              \
    X(MIXED, DEVICE, rows, w->stream[s])                                                           \
    X(D_MIXED, DEVICE, rows, w->stream[s])                                                         \
    X(AFTER, DEVICE, rows, w->after)                                                               \
    X(D_AFTER, DEVICE, rows, w->after)                                                             \
    X(CELL, DEVICE, batch, w->hidden)                                                              \
    X(D_CELL, DEVICE, batch, w->hidden)                                                            \
    X(HIDDEN, DEVICE, rows, w->hidden)                                                             \
    X(D_HIDDEN, DEVICE, rows, w->hidden)                                                           \
    X(SENTINEL, DEVICE, rows, w->hidden)                                                           \
    X(D_SENTINEL, DEVICE, rows, w->hidden)                                                         \
    X(BEFORE, DEVICE, rows, w->hidden)                                                             \
    X(GATES, DEVICE, rows, w->gates)                                                               \
    X(CELLS, DEVICE, rows, w->hidden)                                                              \
    X(STATE_KEY, DEVICE, rows, w->which)                                                           \
    X(D_STATE_KEY, DEVICE, rows, w->which)                                                         \
    X(SENTINEL_KEY, DEVICE, rows, w->which)                                                        \
    X(D_SENTINEL_KEY, DEVICE, rows, w->which)                                                      \
    X(D_SCORE, DEVICE, rows, w->which)                                                             \
    X(BETA, DEVICE, rows, 1)                                                                       \
    X(ALIGN, DEVICE, rows, d->num_segments)                                                        \
    X(LSTM, DEVICE, 1, tyto_lstm_sentinel_packed_bytes(w->hidden) / sizeof(float))                 \
    X(SCORE, DEVICE, 1, w->which)
#define BUF_LIST(X)                                                                                \
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
    X(BOTH, DEVICE, rows, 2 * (uint64_t)w->hidden)                                                 \
    X(D_BOTH, DEVICE, rows, 2 * (uint64_t)w->hidden)                                               \
    X(HEAD, DEVICE, rows, w->head)                                                                 \
    X(D_HEAD, DEVICE, rows, w->head)                                                               \
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
    X(MEAN_ADAPTED, DEVICE, rows, step->contrasts ? w->stream[VISUAL] : 0)                         \
    X(D_MEAN_ADAPTED, DEVICE, rows, step->contrasts ? w->stream[VISUAL] : 0)                       \
    X(MEAN_MATCH, DEVICE, rows, step->contrasts ? w->match : 0)                                    \
    X(D_MEAN_MATCH, DEVICE, rows, step->contrasts ? w->match : 0)                                  \
    X(PARTS, DEVICE, 1, TYTO_ADAMW_PARTS)                                                          \
    X(NORM, READBACK, 1, 2)

#define BUF_ENTRY(name, kind, rows, width) BUF_##name,
enum stream_buf { STREAM_BUF_LIST(BUF_ENTRY) NUM_STREAM_BUFS };
enum buf { BUF_LIST(BUF_ENTRY) NUM_BUFS };
#undef BUF_ENTRY

/* Linear maps of the forward pass, for each stream. */
enum linear {
    LINEAR_TUNE, /* the picture encoder's last layer */
    LINEAR_ADAPT,
    LINEAR_MATCH,
    LINEAR_QKV,
    LINEAR_AFTER,    /* the LSTM's five gates and the other stream's o, of x^ */
    LINEAR_KEY,      /* which.a of the looking stream */
    LINEAR_STATE,    /* which.g */
    LINEAR_SENTINEL, /* which.s */
    LINEAR_AGAIN,    /* the LSTM's hidden and gate_h */
    NUM_LINEARS
};

/* X(name): a drawer `tyto_NAME`. */
#define OP_LIST(X)                                                                                 \
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

/* A step is PLAN_WHOLE, or the next three with the host between them. */
enum step_plan { PLAN_WHOLE, PLAN_FORWARD, PLAN_BACK, PLAN_UPDATE, PLAN_EVAL, NUM_PLANS };

/* Dropout's sites: a_t, the pooled picture, the head's input, its hidden units. */
enum { SITE_AUDIO, SITE_VISUAL, SITE_BOTH, SITE_HEAD };

/* What one device does of a step: its share of the clips. */
struct device_step {
    struct tyto_gpu *gpu;
    struct tyto_params_layout layout;
    uint32_t first, batch, rows; /* number of its first clip; B, B T */
    float drop_rate;
    struct tyto_step_tune tune;
    enum tyto_step_pool pool;
    bool contrasts, discriminates;  /* the objective; a term of it that the host adds */
    struct tyto_info_nce *info_nce; /* NULL unless it contrasts */
    struct tyto_buf *bufs[NUM_BUFS];
    struct tyto_buf *stream_bufs[NUM_STREAMS][NUM_STREAM_BUFS];
    struct tyto_gemm_weights *linears[NUM_LINEARS][NUM_STREAMS];
    struct tyto_gemm_weights *head[2];
    struct tyto_plan *plans[NUM_PLANS];
#define OP_MEMBER(name) struct tyto_##name *name;
    OP_LIST(OP_MEMBER)
#undef OP_MEMBER
};

/* A linear map's place among the parameters. */
struct map {
    uint64_t weight, bias; /* floats; bias UINT64_MAX: none */
    uint32_t n, k;         /* padded; n 0: there is no such map */
};

struct map tyto_step_map(const struct device_step *step, enum linear which, uint32_t stream);
struct map tyto_step_head_map(const struct device_step *step, uint32_t layer);
/* Where a stream's tensor lies, named by the audio stream's. */
uint64_t tyto_step_slot(const struct device_step *step, enum tyto_cman_tensor audio,
                        uint32_t stream);

static inline struct tyto_bind of(const struct device_step *step, enum buf buf)
{
    return (struct tyto_bind){.buf = step->bufs[buf]};
}

static inline struct tyto_bind of_stream(const struct device_step *step, uint32_t s,
                                         enum stream_buf buf)
{
    return (struct tyto_bind){.buf = step->stream_bufs[s][buf]};
}

/* Width of the pictures that the host gives. */
static inline uint32_t tyto_step_picture_in(const struct device_step *step)
{
    return step->layout.tune_in > 0 ? step->layout.tune_in : step->layout.dims.visual_in;
}

static inline uint32_t features_width(const struct device_step *step, uint32_t s)
{
    return s == AUDIO ? step->layout.dims.audio_in : tyto_step_picture_in(step);
}

/* Whether the host writes features where kernels read them. */
static inline bool is_mapped(const struct device_step *step, uint32_t s)
{
    return tyto_buf_map(step->stream_bufs[s][BUF_FEATURES]) != NULL;
}

/* The encoder's features: what a tuned layer made, or what the host gave. */
static inline struct tyto_bind encoded(const struct device_step *step, uint32_t s)
{
    const bool tunes = s == VISUAL && step->layout.tune_in > 0;

    return of_stream(step, s, tunes ? BUF_ENCODED : BUF_FEATURES);
}

/* What the network reads in place of the encoder's features. */
static inline struct tyto_bind adapted(const struct device_step *step, uint32_t s)
{
    return of_stream(step, s, step->layout.adapt[s] ? BUF_ADAPTED : BUF_FEATURES);
}

/* params' gpu, first clip and batch are replaced; is_split: the host comes between the plans. */
TYTO_MUST_CHECK
enum tyto_err device_step_create(const struct tyto_step_params *params, struct tyto_gpu *gpu,
                                 uint32_t first, uint32_t batch, bool is_split,
                                 struct device_step **ret_step);
void device_step_destroy(struct device_step **step);
struct tyto_step_in device_step_in(const struct device_step *step);
/* Copies its share of in. pair_weight: of each pair, where it contrasts. */
void device_step_load(struct device_step *step, const struct tyto_step_in *in, float pair_weight);
TYTO_MUST_CHECK
enum tyto_err device_step_write(struct device_step *step, const float *values,
                                const float *moment_1, const float *moment_2);
/* Hyper and key may be NULL where the plan does not read them. */
TYTO_MUST_CHECK
enum tyto_err device_step_run(struct device_step *step, enum step_plan plan,
                              const struct tyto_adamw_hyper *hyper,
                              const struct tyto_dropout_key *key);
static inline float device_step_loss(const struct device_step *step)
{
    return *(const float *)tyto_buf_map(step->bufs[BUF_LOSS]);
}
/* The rows that the loss sees: of segments, or of clips. */
static inline uint32_t device_step_targets(const struct device_step *step)
{
    return step->pool == TYTO_STEP_POOL_NONE ? step->rows : step->batch;
}
static inline const float *device_step_logits(const struct device_step *step)
{
    return tyto_buf_map(step->bufs[step->pool ? BUF_POOLED : BUF_LOGITS]);
}

TYTO_MUST_CHECK
enum tyto_err tyto_step_record_forward(struct device_step *step, struct tyto_plan *plan,
                                       bool with_dropout);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_loss(struct device_step *step, struct tyto_plan *plan);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_back(struct device_step *step, struct tyto_plan *plan);
/* dx = dy W + extra, W the map's weights. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_back_x(struct device_step *step, struct tyto_plan *plan, struct map map,
                               uint64_t m, struct tyto_mat dy, struct tyto_mat dx,
                               struct tyto_mat extra, bool is_gate);
/* Gradients of the map's weights and bias, in its place among all gradients. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_back_w(struct device_step *step, struct tyto_plan *plan, struct map map,
                               uint64_t m, struct tyto_mat dy, struct tyto_mat x);
/* Every map from the row of parameters to where the forward kernels read it. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_pack(struct device_step *step, struct tyto_plan *plan);
/* Forward and loss of the contrastive objective; trains: with the gradients of what they end in. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_contrast(struct device_step *step, struct tyto_plan *plan,
                                        bool trains);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_contrast_back(struct device_step *step, struct tyto_plan *plan);
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_update(struct device_step *step, struct tyto_plan *plan);
/* x is overwritten; nothing when there is no dropout. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_record_dropout(struct device_step *step, struct tyto_plan *plan,
                                       uint32_t site, const struct tyto_buf *x);

#endif
