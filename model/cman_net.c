/* SPDX-License-Identifier: MIT */
#include "model/cman_net.h"

#include <math.h>
#include <stdlib.h>

#include "model/cman_fuse.h"
#include "shaders/attn_pool/attn_pool.h"
#include "shaders/co_attn/co_attn.h"
#include "shaders/cosine_attn/cosine_attn.h"
#include "shaders/gemm/gemm.h"
#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "shaders/row_gather/row_gather.h"
#include "shaders/self_attn/self_attn.h"
#include "shaders/softmax/softmax.h"
#include "shaders/window/window.h"

enum { AUDIO = TYTO_CMAN_AUDIO, VISUAL = TYTO_CMAN_VISUAL, NUM_STREAMS = TYTO_CMAN_NUM_STREAMS };

/* Buffers: R rows of features, B items, T segments, L places, S streams; widths of
 * cman_fuse.h. X(NAME, kind, floats) with `n` the net, `s` a stream. */
#define STREAM_BUF_LIST(X)                                                                         \
    X(ADAPTED, DEVICE, num_places(n, s) * n->rows[s], n->fused.adapt[s] ? w->stream[s] : 0)        \
    X(MATCH, DEVICE, s == AUDIO ? batch : places * n->rows[s], w->match)                           \
    X(NEWEST, DEVICE, batch, w->stream[s])                                                         \
    X(RING, DEVICE, (uint64_t)n->max_streams * d->num_segments, w->stream[s])                      \
    X(WINDOW, DEVICE, rows, w->stream[s])                                                          \
    X(QKV, DEVICE, rows, w->qkv[s])                                                                \
    X(MIXED, DEVICE, rows, w->stream[s])                                                           \
    X(AFTER, DEVICE, rows, w->after)                                                               \
    X(CELL, DEVICE, batch, w->hidden)                                                              \
    X(HIDDEN, DEVICE, rows, w->hidden)                                                             \
    X(SENTINEL, DEVICE, rows, w->hidden)                                                           \
    X(STATE_KEY, DEVICE, rows, w->which)                                                           \
    X(SENTINEL_KEY, DEVICE, rows, w->which)                                                        \
    X(BETA, READBACK, rows, 1)                                                                     \
    X(ALIGN, READBACK, rows, d->num_segments)                                                      \
    X(ROWS, UPLOAD, batch, 1)
#define BUF_LIST(X)                                                                                \
    X(ITEMS, UPLOAD, batch, 4)                                                                     \
    X(LENS, UPLOAD, batch, 1)                                                                      \
    X(SCORES, DEVICE, batch, places)                                                               \
    X(PLACE_NEWEST, DEVICE, batch, places)                                                         \
    X(PLACE_RING, DEVICE, (uint64_t)n->max_streams * d->num_segments, places)                      \
    X(PLACE, READBACK, rows, places)                                                               \
    X(BOTH, DEVICE, rows, 2 * w->hidden)                                                           \
    X(HEAD, DEVICE, rows, w->head)                                                                 \
    X(LOGITS, READBACK, rows, d->num_logits)

#define BUF_ENTRY(name, kind, rows, width) BUF_##name,
enum stream_buf { STREAM_BUF_LIST(BUF_ENTRY) NUM_STREAM_BUFS };
enum buf { BUF_LIST(BUF_ENTRY) NUM_BUFS };
#undef BUF_ENTRY

/* A recorded plan for each count that has come up, made at first need. */
struct plans {
    struct tyto_plan **plans; /* owned, (max + 1) */
    uint32_t max;
};

struct tyto_cman_net {
    struct tyto_gpu *gpu;
    struct tyto_cman_dims dims;
    struct tyto_cman_fused fused;
    uint32_t max_streams, max_batch;
    const struct tyto_buf *features[NUM_STREAMS]; /* borrowed */
    uint32_t rows[NUM_STREAMS];
    struct tyto_buf *stream_bufs[NUM_STREAMS][NUM_STREAM_BUFS];
    struct tyto_buf *bufs[NUM_BUFS];
    struct plans front[NUM_STREAMS], window;
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

/* Rows of a feature row: the picture's places. */
static uint64_t num_places(const struct tyto_cman_net *net, uint32_t stream)
{
    return stream == AUDIO ? 1 : net->dims.num_places;
}

/* --- buffers and kernels ----------------------------------------------------------------- */

static enum tyto_err make_buf(struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint64_t rows,
                              uint64_t width, struct tyto_buf **ret_buf)
{
    if (rows == 0 || width == 0)
        return TYTO_OK;
    if (rows > UINT32_MAX / width) /* kernels count in 32 bits */
        return TYTO_ERR_SHAPE;
    return tyto_buf_create(gpu, kind, rows * width * sizeof(float), ret_buf);
}

static enum tyto_err make_bufs(struct tyto_cman_net *n)
{
    const struct tyto_cman_widths *w = &n->fused.widths;
    const struct tyto_cman_dims *d = &n->dims;
    const uint64_t batch = n->max_batch;
    const uint64_t rows = batch * d->num_segments;
    const uint64_t places = d->num_places;
    enum tyto_err err = TYTO_OK;

#define MAKE_BUF(name, kind, num, width)                                                           \
    if (!err)                                                                                      \
        err = make_buf(n->gpu, TYTO_BUF_##kind, num, width, &n->bufs[BUF_##name]);
#define MAKE_STREAM_BUF(name, kind, num, width)                                                    \
    if (!err)                                                                                      \
        err = make_buf(n->gpu, TYTO_BUF_##kind, num, width, &n->stream_bufs[s][BUF_##name]);
    BUF_LIST(MAKE_BUF)
    for (uint32_t s = 0; s < NUM_STREAMS; s++) {
        STREAM_BUF_LIST(MAKE_STREAM_BUF)
    }
#undef MAKE_BUF
#undef MAKE_STREAM_BUF
    return err;
}

static enum tyto_err make_ops(struct tyto_cman_net *net)
{
    enum tyto_err err = tyto_gemm_create(net->gpu, &net->gemm);

    if (!err)
        err = tyto_softmax_create(net->gpu, &net->softmax);
    if (!err)
        err = tyto_cosine_attn_create(net->gpu, &net->cosine_attn);
    if (!err)
        err = tyto_attn_pool_create(net->gpu, &net->attn_pool);
    if (!err)
        err = tyto_row_gather_create(net->gpu, &net->row_gather);
    if (!err)
        err = tyto_window_create(net->gpu, &net->ring);
    if (!err)
        err = tyto_self_attn_create(net->gpu, &net->self_attn);
    if (!err)
        err = tyto_lstm_sentinel_create(net->gpu, &net->lstm_sentinel);
    if (!err)
        err = tyto_co_attn_create(net->gpu, &net->co_attn);
    return err;
}

static struct tyto_bind of(const struct tyto_cman_net *net, enum buf buf)
{
    return (struct tyto_bind){.buf = net->bufs[buf]};
}

static struct tyto_bind of_stream(const struct tyto_cman_net *net, uint32_t stream,
                                  enum stream_buf buf)
{
    return (struct tyto_bind){.buf = net->stream_bufs[stream][buf]};
}

/* What follows the adapter: its output, or the features themselves. */
static struct tyto_bind adapted(const struct tyto_cman_net *net, uint32_t stream)
{
    const struct tyto_buf *features = net->features[stream];
    const struct tyto_buf *made = net->stream_bufs[stream][BUF_ADAPTED];

    return (struct tyto_bind){.buf = net->fused.adapt[stream] ? made : features};
}

/* --- recording --------------------------------------------------------------------------- */

/* y = act(weights x) over m contiguous rows. */
static enum tyto_err linear(struct tyto_cman_net *net, struct tyto_plan *plan,
                            const struct tyto_gemm_weights *weights, uint64_t m, enum tyto_act act,
                            struct tyto_bind x, struct tyto_bind y)
{
    const struct tyto_gemm_args args = {
        .m = (uint32_t)m,
        .x = {.buf = x.buf},
        .y = {.buf = y.buf},
        .act = act,
    };

    return m > UINT32_MAX ? TYTO_ERR_SHAPE : tyto_gemm_record(net->gemm, plan, weights, &args);
}

/* Adapter, and for pictures the keys of "where", of the first `rows` feature rows. */
static enum tyto_err record_front(struct tyto_cman_net *net, struct tyto_plan *plan,
                                  uint32_t stream, uint32_t rows)
{
    const struct tyto_cman_fused *fused = &net->fused;
    const uint64_t m = num_places(net, stream) * rows;
    const struct tyto_bind features = {.buf = net->features[stream]};
    enum tyto_err err = TYTO_OK;

    if (fused->adapt[stream])
        err = linear(net, plan, fused->adapt[stream], m, TYTO_ACT_NONE, features,
                     of_stream(net, stream, BUF_ADAPTED));
    if (!err && stream == VISUAL)
        err = linear(net, plan, fused->match[VISUAL], m, TYTO_ACT_NONE, adapted(net, VISUAL),
                     of_stream(net, VISUAL, BUF_MATCH));
    return err;
}

/* The newest segment: the sound's row, and the picture's places weighed by it. */
static enum tyto_err record_where(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_dims *d = &net->dims;
    const struct tyto_cman_widths *w = &net->fused.widths;
    const struct tyto_row_gather_shape gather = {batch, net->rows[AUDIO], w->stream[AUDIO],
                                                 w->stream[AUDIO]};
    const struct tyto_row_gather_io gather_io = {
        adapted(net, AUDIO), of_stream(net, AUDIO, BUF_ROWS), of_stream(net, AUDIO, BUF_NEWEST)};
    const struct tyto_cosine_attn_shape cosine = {batch, d->num_places, w->match,
                                                  net->rows[VISUAL]};
    const struct tyto_cosine_attn_io cosine_io = {of_stream(net, AUDIO, BUF_MATCH),
                                                  of_stream(net, VISUAL, BUF_MATCH),
                                                  of_stream(net, VISUAL, BUF_ROWS),
                                                  {.buf = net->fused.scale},
                                                  of(net, BUF_SCORES)};
    const struct tyto_attn_pool_shape pool = {batch, d->num_places, w->stream[VISUAL],
                                              net->rows[VISUAL]};
    const struct tyto_bind scores = of(net, BUF_SCORES);
    const struct tyto_bind place = of(net, BUF_PLACE_NEWEST);
    const struct tyto_attn_pool_io pool_io = {place, adapted(net, VISUAL),
                                              of_stream(net, VISUAL, BUF_ROWS),
                                              of_stream(net, VISUAL, BUF_NEWEST)};
    enum tyto_err err = tyto_row_gather_record(net->row_gather, plan, &gather, &gather_io);

    if (!err)
        err = linear(net, plan, net->fused.match[AUDIO], batch, TYTO_ACT_NONE,
                     of_stream(net, AUDIO, BUF_NEWEST), of_stream(net, AUDIO, BUF_MATCH));
    if (!err)
        err = tyto_cosine_attn_record(net->cosine_attn, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_softmax_record(net->softmax, plan, batch, d->num_places, &scores, &place);
    if (!err)
        err = tyto_attn_pool_record(net->attn_pool, plan, &pool, &pool_io);
    return err;
}

static enum tyto_err record_rings(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_window_shape place = {batch, net->dims.num_segments, net->dims.num_places,
                                            net->max_streams};
    const struct tyto_window_io place_io = {of(net, BUF_PLACE_NEWEST), of(net, BUF_PLACE_RING),
                                            of(net, BUF_ITEMS), of(net, BUF_PLACE)};
    enum tyto_err err = tyto_window_record(net->ring, plan, &place, &place_io);

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const struct tyto_window_shape shape = {batch, net->dims.num_segments,
                                                net->fused.widths.stream[s], net->max_streams};
        const struct tyto_window_io io = {of_stream(net, s, BUF_NEWEST),
                                          of_stream(net, s, BUF_RING), of(net, BUF_ITEMS),
                                          of_stream(net, s, BUF_WINDOW)};

        tyto_plan_concurrent(plan);
        err = tyto_window_record(net->ring, plan, &shape, &io);
    }
    return err;
}

/* Both streams do the same on buffers of their own, so the second of each pair need
 * not wait for the first. */
static enum tyto_err record_when(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_widths *w = &net->fused.widths;
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.qkv[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, BUF_WINDOW), of_stream(net, s, BUF_QKV));
    }
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const struct tyto_self_attn_shape shape = {
            .batch = batch,
            .num_segments = net->dims.num_segments,
            .key_width = w->when,
            .width = w->stream[s],
            .look_ahead = net->dims.look_ahead,
            .scale = 1.0F / sqrtf((float)net->dims.when_width),
        };
        const struct tyto_self_attn_io io = {of_stream(net, s, BUF_QKV),
                                             of_stream(net, s, BUF_WINDOW), of(net, BUF_LENS),
                                             of_stream(net, s, BUF_MIXED)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_self_attn_record(net->self_attn, plan, &shape, &io);
    }
    return err;
}

static enum tyto_err record_lstm(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_widths *w = &net->fused.widths;
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    const struct tyto_lstm_sentinel_shape shape = {
        .batch = batch,
        .num_segments = net->dims.num_segments,
        .width = w->hidden,
        .in_stride = w->after,
    };
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.after[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, BUF_MIXED), of_stream(net, s, BUF_AFTER));
    }
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const struct tyto_lstm_sentinel_io io = {of_stream(net, s, BUF_AFTER),
                                                 {.buf = net->fused.lstm[s]},
                                                 of_stream(net, s, BUF_CELL),
                                                 of_stream(net, s, BUF_HIDDEN),
                                                 of_stream(net, s, BUF_SENTINEL)};

        err = tyto_lstm_sentinel_record(net->lstm_sentinel, plan, &shape, &io);
    }
    return err;
}

static enum tyto_err record_which(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_widths *w = &net->fused.widths;
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.state[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, BUF_HIDDEN), of_stream(net, s, BUF_STATE_KEY));
        if (err)
            break;
        tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.sentinel[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, BUF_SENTINEL), of_stream(net, s, BUF_SENTINEL_KEY));
    }
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const struct tyto_co_attn_shape shape = {
            .batch = batch,
            .num_segments = net->dims.num_segments,
            .width = w->hidden,
            .key_width = w->which,
            .other_stride = w->after,
            .other_offset = w->after_other,
            .key_offset = w->after_key,
            .out_stride = 2 * w->hidden,
            .out_offset = s * w->hidden,
            .look_ahead = net->dims.look_ahead,
        };
        const struct tyto_co_attn_io io = {
            .other = of_stream(net, 1 - s, BUF_AFTER),
            .g = of_stream(net, s, BUF_STATE_KEY),
            .ks = of_stream(net, s, BUF_SENTINEL_KEY),
            .u = {.buf = net->fused.score[s]},
            .h = of_stream(net, s, BUF_HIDDEN),
            .s = of_stream(net, s, BUF_SENTINEL),
            .len = of(net, BUF_LENS),
            .out = of(net, BUF_BOTH),
            .beta = of_stream(net, s, BUF_BETA),
            .align = of_stream(net, s, BUF_ALIGN),
        };

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_co_attn_record(net->co_attn, plan, &shape, &io);
    }
    return err;
}

static enum tyto_err record_window(struct tyto_cman_net *net, struct tyto_plan *plan,
                                   uint32_t batch)
{
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    enum tyto_err err = record_where(net, plan, batch);

    if (!err)
        err = record_rings(net, plan, batch);
    if (!err)
        err = record_when(net, plan, batch);
    if (!err)
        err = record_lstm(net, plan, batch);
    if (!err)
        err = record_which(net, plan, batch);
    if (!err)
        err = linear(net, plan, net->fused.head[0], rows, TYTO_ACT_RELU, of(net, BUF_BOTH),
                     of(net, BUF_HEAD));
    if (!err)
        err = linear(net, plan, net->fused.head[1], rows, TYTO_ACT_NONE, of(net, BUF_HEAD),
                     of(net, BUF_LOGITS));
    return err;
}

/* --- plans -------------------------------------------------------------------------------- */

/* Runs the plan for `count`, recording it the first time. stream NUM_STREAMS: windows. */
static enum tyto_err run_plan(struct tyto_cman_net *net, struct plans *plans, uint32_t stream,
                              uint32_t count)
{
    struct tyto_plan *plan = NULL;
    enum tyto_err err = TYTO_OK;

    if (count > plans->max)
        return TYTO_ERR_SHAPE;
    if (count == 0)
        return TYTO_OK;
    if (!plans->plans[count]) {
        err = tyto_plan_create(net->gpu, "cman", &plan);
        if (!err)
            err = stream < NUM_STREAMS ? record_front(net, plan, stream, count)
                                       : record_window(net, plan, count);
        if (!err)
            err = tyto_plan_finish(plan);
        if (err) {
            tyto_plan_destroy(&plan);
            return err;
        }
        plans->plans[count] = plan;
    }
    return tyto_plan_run(plans->plans[count]);
}

static bool has_front(const struct tyto_cman_net *net, uint32_t stream)
{
    return stream == VISUAL || net->fused.adapt[stream];
}

enum tyto_err tyto_cman_net_run(struct tyto_cman_net *net, uint32_t num_audio_rows,
                                uint32_t num_visual_rows, uint32_t num_items)
{
    const uint32_t rows[NUM_STREAMS] = {num_audio_rows, num_visual_rows};
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        if (has_front(net, s))
            err = run_plan(net, &net->front[s], s, rows[s]);
    if (!err)
        err = run_plan(net, &net->window, NUM_STREAMS, num_items);
    return err;
}

static enum tyto_err make_plans(struct plans *plans, uint32_t max)
{
    plans->max = max;
    plans->plans = calloc((size_t)max + 1, sizeof(struct tyto_plan *));
    return plans->plans ? TYTO_OK : TYTO_ERR_NOMEM;
}

static void finish_plans(struct plans *plans)
{
    for (size_t i = 0; plans->plans && i <= plans->max; i++)
        tyto_plan_destroy(&plans->plans[i]);
    free(plans->plans);
}

/* --- the whole ------------------------------------------------------------------------------ */

enum tyto_err tyto_cman_net_create(const struct tyto_cman_net_params *params,
                                   struct tyto_cman_net **ret_net)
{
    struct tyto_cman_net *net = calloc(1, sizeof(*net));
    enum tyto_err err = TYTO_OK;

    if (!net)
        return TYTO_ERR_NOMEM;
    net->gpu = params->gpu;
    net->dims = params->dims;
    net->max_streams = params->max_streams;
    net->max_batch = params->max_batch;
    net->features[AUDIO] = params->audio_features;
    net->features[VISUAL] = params->visual_features;
    net->rows[AUDIO] = params->num_audio_rows;
    net->rows[VISUAL] = params->num_visual_rows;
    err = tyto_cman_fuse(net->gpu, params->weights, &net->fused);
    if (!err)
        err = make_bufs(net);
    if (!err)
        err = make_ops(net);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        err = make_plans(&net->front[s], net->rows[s]);
    if (!err)
        err = make_plans(&net->window, net->max_batch);
    if (err) {
        tyto_cman_net_destroy(&net);
        return err;
    }
    *ret_net = net;
    return TYTO_OK;
}

void tyto_cman_net_destroy(struct tyto_cman_net **net_ptr)
{
    struct tyto_cman_net *net = net_ptr ? *net_ptr : NULL;

    if (!net)
        return;
    *net_ptr = NULL;
    for (uint32_t s = 0; s < NUM_STREAMS; s++)
        finish_plans(&net->front[s]);
    finish_plans(&net->window);
    tyto_softmax_destroy(&net->softmax);
    tyto_cosine_attn_destroy(&net->cosine_attn);
    tyto_attn_pool_destroy(&net->attn_pool);
    tyto_row_gather_destroy(&net->row_gather);
    tyto_window_destroy(&net->ring);
    tyto_self_attn_destroy(&net->self_attn);
    tyto_lstm_sentinel_destroy(&net->lstm_sentinel);
    tyto_co_attn_destroy(&net->co_attn);
    tyto_gemm_destroy(&net->gemm);
    for (uint32_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&net->bufs[i]);
    for (uint32_t s = 0; s < NUM_STREAMS; s++)
        for (uint32_t i = 0; i < NUM_STREAM_BUFS; i++)
            tyto_buf_destroy(&net->stream_bufs[s][i]);
    tyto_cman_fused_finish(&net->fused);
    free(net);
}

struct tyto_cman_net_in tyto_cman_net_in(struct tyto_cman_net *net)
{
    return (struct tyto_cman_net_in){
        .audio_rows = tyto_buf_map(net->stream_bufs[AUDIO][BUF_ROWS]),
        .visual_rows = tyto_buf_map(net->stream_bufs[VISUAL][BUF_ROWS]),
        .lens = tyto_buf_map(net->bufs[BUF_LENS]),
        .items = tyto_buf_map(net->bufs[BUF_ITEMS]),
    };
}

struct tyto_cman_net_out tyto_cman_net_out(const struct tyto_cman_net *net)
{
    return (struct tyto_cman_net_out){
        .logits = tyto_buf_map(net->bufs[BUF_LOGITS]),
        .place = tyto_buf_map(net->bufs[BUF_PLACE]),
        .beta = {tyto_buf_map(net->stream_bufs[AUDIO][BUF_BETA]),
                 tyto_buf_map(net->stream_bufs[VISUAL][BUF_BETA])},
        .align = {tyto_buf_map(net->stream_bufs[AUDIO][BUF_ALIGN]),
                  tyto_buf_map(net->stream_bufs[VISUAL][BUF_ALIGN])},
    };
}
