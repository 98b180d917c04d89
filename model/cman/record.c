/* SPDX-License-Identifier: MIT */
/* Which kernel reads what and writes where: the formulae of model/README.md as
 * dispatches. */
#include <math.h>

#include "model/cman/internal.h"

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

/* y = act(weights x) over the rows [row, row + m), both contiguous from there; x_width and
 * y_width are needed where row > 0. */
struct linear {
    const struct tyto_gemm_weights *weights;
    uint64_t row, m;
    uint32_t x_width, y_width;
    struct tyto_bind x, y;
    enum tyto_act act;
};

static enum tyto_err record_linear(struct tyto_cman_net *net, struct tyto_plan *plan,
                                   const struct linear *linear)
{
    const struct tyto_gemm_args args = {
        .m = (uint32_t)linear->m,
        .x = {.buf = linear->x.buf, .offset = linear->row * linear->x_width},
        .y = {.buf = linear->y.buf, .offset = linear->row * linear->y_width},
        .act = linear->act,
    };

    return linear->m > UINT32_MAX ? TYTO_ERR_SHAPE
                                  : tyto_gemm_record(net->ops->gemm, plan, linear->weights, &args);
}

static enum tyto_err linear(struct tyto_cman_net *net, struct tyto_plan *plan,
                            const struct tyto_gemm_weights *weights, uint64_t m, enum tyto_act act,
                            struct tyto_bind x, struct tyto_bind y)
{
    const struct linear all = {.weights = weights, .m = m, .x = x, .y = y, .act = act};

    return record_linear(net, plan, &all);
}

enum tyto_err tyto_cman_record_front(struct tyto_cman_net *net, struct tyto_plan *plan,
                                     uint32_t stream, uint32_t row, uint32_t num)
{
    const struct tyto_cman_fused *fused = &net->fused;
    const uint64_t places = tyto_cman_num_places(net, stream);
    const uint32_t width = fused->widths.stream[stream];
    const struct linear adapt = {
        .weights = fused->adapt[stream],
        .row = places * row,
        .m = places * num,
        .x_width = stream == AUDIO ? net->dims.audio_in : net->dims.visual_in,
        .y_width = width,
        .x = {.buf = net->features[stream]},
        .y = of_stream(net, stream, BUF_ADAPTED),
    };
    const struct linear match = {
        .weights = fused->match[VISUAL],
        .row = places * row,
        .m = places * num,
        .x_width = width,
        .y_width = fused->widths.match,
        .x = adapted(net, VISUAL),
        .y = of_stream(net, VISUAL, BUF_MATCH),
    };
    enum tyto_err err = TYTO_OK;

    if (fused->adapt[stream])
        err = record_linear(net, plan, &adapt);
    if (!err && stream == VISUAL)
        err = record_linear(net, plan, &match);
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
    enum tyto_err err = tyto_row_gather_record(net->ops->row_gather, plan, &gather, &gather_io);

    if (!err)
        err = linear(net, plan, net->fused.match[AUDIO], batch, TYTO_ACT_NONE,
                     of_stream(net, AUDIO, BUF_NEWEST), of_stream(net, AUDIO, BUF_MATCH));
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
    const struct tyto_window_io place_io = {of(net, BUF_PLACE_NEWEST), of(net, BUF_PLACE_RING),
                                            of(net, BUF_ITEMS), of(net, BUF_PLACE)};
    enum tyto_err err = tyto_window_record(net->ops->ring, plan, &place, &place_io);

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const struct tyto_window_shape shape = {batch, net->dims.num_segments,
                                                net->fused.widths.stream[s], net->max_streams};
        const struct tyto_window_io io = {of_stream(net, s, BUF_NEWEST),
                                          of_stream(net, s, BUF_RING), of(net, BUF_ITEMS),
                                          of_stream(net, s, BUF_WINDOW)};

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
        err = tyto_self_attn_record(net->ops->self_attn, plan, &shape, &io);
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
    for (uint32_t i = 0; i < NUM_STREAMS * net->dims.num_segments && !err; i++) {
        const uint32_t s = i % NUM_STREAMS;
        const struct tyto_lstm_sentinel_io io = {of_stream(net, s, BUF_AFTER),
                                                 {.buf = net->fused.lstm[s]},
                                                 of_stream(net, s, BUF_CELL),
                                                 of_stream(net, s, BUF_HIDDEN),
                                                 of_stream(net, s, BUF_SENTINEL)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_lstm_sentinel_record_step(net->ops->lstm_sentinel, plan, &shape, &io,
                                             i / NUM_STREAMS);
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
        err = linear(net, plan, net->fused.head[0], rows, TYTO_ACT_RELU, of(net, BUF_BOTH),
                     of(net, BUF_HEAD));
    if (!err)
        err = linear(net, plan, net->fused.head[1], rows, TYTO_ACT_NONE, of(net, BUF_HEAD),
                     of(net, BUF_LOGITS));
    return err;
}
