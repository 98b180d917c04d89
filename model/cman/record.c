/* SPDX-License-Identifier: MIT */
/* Which kernel reads what and writes where: the formulae of model/README.md as
 * dispatches. */
#include "model/cman/internal.h"

static struct tyto_bind of(const struct tyto_cman_net *net, enum tyto_net_buf buf)
{
    return (struct tyto_bind){.buf = net->bufs[buf]};
}

static struct tyto_bind of_stream(const struct tyto_cman_net *net, uint32_t stream,
                                  enum tyto_net_stream_buf buf)
{
    return (struct tyto_bind){.buf = net->stream_bufs[stream][buf]};
}

/* What follows the adapter: its output, or the features themselves. */
static struct tyto_bind adapted(const struct tyto_cman_net *net, uint32_t stream)
{
    const struct tyto_buf *features = net->features[stream];
    const struct tyto_buf *made = net->stream_bufs[stream][TYTO_NET_ADAPTED];

    return (struct tyto_bind){.buf = net->fused.adapt[stream] ? made : features};
}

static enum tyto_err linear(struct tyto_cman_net *net, struct tyto_plan *plan,
                            const struct tyto_gemm_weights *weights, uint64_t m, enum tyto_act act,
                            struct tyto_bind x, struct tyto_bind y)
{
    return tyto_cman_record_linear(net->ops->gemm, plan, weights, m, tyto_cman_mat(x),
                                   tyto_cman_mat(y), act);
}

enum tyto_err tyto_cman_record_front(struct tyto_cman_net *net, struct tyto_plan *plan,
                                     uint32_t stream, uint32_t row, uint32_t num)
{
    const struct tyto_cman_fused *fused = &net->fused;
    const uint64_t places = tyto_cman_num_places(net, stream);
    const uint32_t width = fused->widths.stream[stream];
    const uint32_t in = stream == TYTO_CMAN_AUDIO ? net->dims.audio_in : net->dims.visual_in;
    const uint64_t begin = places * row, m = places * num;
    const struct tyto_mat features = {net->features[stream], begin * in, 0, 0};
    const struct tyto_mat y = {of_stream(net, stream, TYTO_NET_ADAPTED).buf, begin * width, 0, 0};
    const struct tyto_mat x = {adapted(net, stream).buf, begin * width, 0, 0};
    const struct tyto_mat match = {of_stream(net, stream, TYTO_NET_MATCH).buf,
                                   begin * fused->widths.match, 0, 0};
    enum tyto_err err = TYTO_OK;

    if (fused->adapt[stream])
        err = tyto_cman_record_linear(net->ops->gemm, plan, fused->adapt[stream], m, features, y,
                                      TYTO_ACT_NONE);
    if (!err && stream == TYTO_CMAN_VISUAL)
        err = tyto_cman_record_linear(net->ops->gemm, plan, fused->match[stream], m, x, match,
                                      TYTO_ACT_NONE);
    return err;
}

/* The newest segment: the sound's row, and the picture's places weighed by it. */
static enum tyto_err record_where(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_dims *d = &net->dims;
    const struct tyto_cman_widths *w = &net->fused.widths;
    const struct tyto_row_gather_shape gather = {
        batch, net->rows[TYTO_CMAN_AUDIO], w->stream[TYTO_CMAN_AUDIO], w->stream[TYTO_CMAN_AUDIO]};
    const struct tyto_row_gather_io gather_io = {adapted(net, TYTO_CMAN_AUDIO),
                                                 of_stream(net, TYTO_CMAN_AUDIO, TYTO_NET_ROWS),
                                                 of_stream(net, TYTO_CMAN_AUDIO, TYTO_NET_NEWEST)};
    const struct tyto_cosine_attn_shape cosine = {batch, d->num_places, w->match,
                                                  net->rows[TYTO_CMAN_VISUAL]};
    const struct tyto_cosine_attn_io cosine_io = {of_stream(net, TYTO_CMAN_AUDIO, TYTO_NET_MATCH),
                                                  of_stream(net, TYTO_CMAN_VISUAL, TYTO_NET_MATCH),
                                                  of_stream(net, TYTO_CMAN_VISUAL, TYTO_NET_ROWS),
                                                  {.buf = net->fused.scale},
                                                  of(net, TYTO_NET_SCORES)};
    const struct tyto_attn_pool_shape pool = {batch, d->num_places, w->stream[TYTO_CMAN_VISUAL],
                                              net->rows[TYTO_CMAN_VISUAL]};
    const struct tyto_bind scores = of(net, TYTO_NET_SCORES);
    const struct tyto_bind place = of(net, TYTO_NET_PLACE_NEWEST);
    const struct tyto_attn_pool_io pool_io = {place, adapted(net, TYTO_CMAN_VISUAL),
                                              of_stream(net, TYTO_CMAN_VISUAL, TYTO_NET_ROWS),
                                              of_stream(net, TYTO_CMAN_VISUAL, TYTO_NET_NEWEST)};
    enum tyto_err err = tyto_row_gather_record(net->ops->row_gather, plan, &gather, &gather_io);

    if (!err)
        err = linear(net, plan, net->fused.match[TYTO_CMAN_AUDIO], batch, TYTO_ACT_NONE,
                     of_stream(net, TYTO_CMAN_AUDIO, TYTO_NET_NEWEST),
                     of_stream(net, TYTO_CMAN_AUDIO, TYTO_NET_MATCH));
    if (!err)
        err = tyto_cosine_attn_record(net->ops->cosine_attn, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_softmax_record(net->ops->softmax, plan, batch, d->num_places, &scores, &place);
    if (!err)
        err = tyto_attn_pool_record(net->ops->attn_pool, plan, &pool, &pool_io);
    return err;
}

static enum tyto_err record_rings(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_window_shape place = {batch, net->dims.num_segments, net->dims.num_places,
                                            net->max_streams};
    const struct tyto_window_io place_io = {of(net, TYTO_NET_PLACE_NEWEST),
                                            of(net, TYTO_NET_PLACE_RING), of(net, TYTO_NET_ITEMS),
                                            of(net, TYTO_NET_PLACE)};
    enum tyto_err err = tyto_window_record(net->ops->ring, plan, &place, &place_io);

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        const struct tyto_window_shape shape = {batch, net->dims.num_segments,
                                                net->fused.widths.stream[s], net->max_streams};
        const struct tyto_window_io io = {of_stream(net, s, TYTO_NET_NEWEST),
                                          of_stream(net, s, TYTO_NET_RING), of(net, TYTO_NET_ITEMS),
                                          of_stream(net, s, TYTO_NET_WINDOW)};

        tyto_plan_concurrent(plan);
        err = tyto_window_record(net->ops->ring, plan, &shape, &io);
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

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.qkv[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, TYTO_NET_WINDOW), of_stream(net, s, TYTO_NET_QKV));
    }
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        const struct tyto_self_attn_shape shape = tyto_cman_when_shape(&net->dims, w, batch, s);
        const struct tyto_self_attn_io io = {
            of_stream(net, s, TYTO_NET_QKV), of_stream(net, s, TYTO_NET_WINDOW),
            of(net, TYTO_NET_LENS), of_stream(net, s, TYTO_NET_MIXED)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_self_attn_record(net->ops->self_attn, plan, &shape, &io);
    }
    return err;
}

static enum tyto_err record_lstm(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_widths *w = &net->fused.widths;
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    const struct tyto_lstm_sentinel_shape shape = tyto_cman_lstm_shape(&net->dims, w, batch);
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.after[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, TYTO_NET_MIXED), of_stream(net, s, TYTO_NET_AFTER));
    }
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_STREAMS * net->dims.num_segments && !err; i++) {
        const uint32_t s = i % TYTO_CMAN_NUM_STREAMS;
        const struct tyto_lstm_sentinel_io io = {of_stream(net, s, TYTO_NET_AFTER),
                                                 {.buf = net->fused.lstm[s]},
                                                 of_stream(net, s, TYTO_NET_CELL),
                                                 of_stream(net, s, TYTO_NET_HIDDEN),
                                                 of_stream(net, s, TYTO_NET_SENTINEL)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_lstm_sentinel_record_step(net->ops->lstm_sentinel, plan, &shape, &io,
                                             i / TYTO_CMAN_NUM_STREAMS);
    }
    return err;
}

static enum tyto_err record_which(struct tyto_cman_net *net, struct tyto_plan *plan, uint32_t batch)
{
    const struct tyto_cman_widths *w = &net->fused.widths;
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        if (s > 0)
            tyto_plan_concurrent(plan);
        err = linear(net, plan, net->fused.state[s], rows, TYTO_ACT_NONE,
                     of_stream(net, s, TYTO_NET_HIDDEN), of_stream(net, s, TYTO_NET_STATE_KEY));
        if (err)
            break;
        tyto_plan_concurrent(plan);
        err =
            linear(net, plan, net->fused.sentinel[s], rows, TYTO_ACT_NONE,
                   of_stream(net, s, TYTO_NET_SENTINEL), of_stream(net, s, TYTO_NET_SENTINEL_KEY));
    }
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        const struct tyto_co_attn_shape shape = tyto_cman_which_shape(&net->dims, w, batch, s);
        const struct tyto_co_attn_io io = {
            .other = of_stream(net, 1 - s, TYTO_NET_AFTER),
            .g = of_stream(net, s, TYTO_NET_STATE_KEY),
            .ks = of_stream(net, s, TYTO_NET_SENTINEL_KEY),
            .u = {.buf = net->fused.score[s]},
            .h = of_stream(net, s, TYTO_NET_HIDDEN),
            .s = of_stream(net, s, TYTO_NET_SENTINEL),
            .len = of(net, TYTO_NET_LENS),
            .out = of(net, TYTO_NET_BOTH),
            .beta = of_stream(net, s, TYTO_NET_BETA),
            .align = of_stream(net, s, TYTO_NET_ALIGN),
        };

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_co_attn_record(net->ops->co_attn, plan, &shape, &io);
    }
    return err;
}

enum tyto_err tyto_cman_record_feed(struct tyto_cman_net *net, struct tyto_plan *plan,
                                    uint32_t batch)
{
    const enum tyto_err err = record_where(net, plan, batch);

    return err ? err : record_rings(net, plan, batch);
}

enum tyto_err tyto_cman_record_window(struct tyto_cman_net *net, struct tyto_plan *plan,
                                      uint32_t batch)
{
    const uint64_t rows = (uint64_t)batch * net->dims.num_segments;
    enum tyto_err err = tyto_cman_record_feed(net, plan, batch);

    if (!err)
        err = record_when(net, plan, batch);
    if (!err)
        err = record_lstm(net, plan, batch);
    if (!err)
        err = record_which(net, plan, batch);
    if (!err)
        err = linear(net, plan, net->fused.head[0], rows, TYTO_ACT_RELU, of(net, TYTO_NET_BOTH),
                     of(net, TYTO_NET_HEAD));
    if (!err)
        err = linear(net, plan, net->fused.head[1], rows, TYTO_ACT_NONE, of(net, TYTO_NET_HEAD),
                     of(net, TYTO_NET_LOGITS));
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        if (net->fused.skip[s])
            err = tyto_cman_record_added(net->ops->gemm, plan, net->fused.skip[s], rows,
                                         tyto_cman_mat(of_stream(net, s, TYTO_NET_WINDOW)),
                                         tyto_cman_mat(of(net, TYTO_NET_LOGITS)));
    return err;
}
