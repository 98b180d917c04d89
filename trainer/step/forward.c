/* SPDX-License-Identifier: MIT */
/* The forward pass of a training step: model/README.md's formulae with each map on its own, so
 * that each has its gradient. */
#include <math.h>

#include "trainer/step/internal.h"

static enum tyto_err pack(struct device_step *step, struct tyto_plan *plan, struct map map,
                          const struct tyto_gemm_weights *weights)
{
    if (map.n == 0)
        return TYTO_OK;
    return tyto_weights_pack_record_panels(step->weights_pack, plan, step->bufs[BUF_VALUES],
                                           map.weight, map.bias, weights);
}

enum tyto_err tyto_step_record_pack(struct device_step *step, struct tyto_plan *plan)
{
    const struct tyto_buf *values = step->bufs[BUF_VALUES];
    enum tyto_err err =
        tyto_plan_copy(plan, values, step->layout.slots[TYTO_CMAN_WHERE_SCALE].at * sizeof(float),
                       step->bufs[BUF_SCALE], 0, sizeof(float));

    for (uint32_t i = 0; i < NUM_LINEARS * NUM_STREAMS && !err; i++) {
        const uint32_t which = i / NUM_STREAMS, s = i % NUM_STREAMS;

        err = pack(step, plan, tyto_step_map(step, (enum linear)which, s), step->linears[which][s]);
    }
    for (uint32_t i = 0; i < 2 && !err; i++)
        err = pack(step, plan, tyto_step_head_map(step, i), step->head[i]);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        const uint64_t hidden = tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_HIDDEN, s);
        const uint64_t score = tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_H, s);

        err = tyto_weights_pack_record_lstm(step->weights_pack, plan, values, hidden,
                                            step->layout.widths.hidden,
                                            step->stream_bufs[s][BUF_LSTM]);
        if (!err)
            err =
                tyto_plan_copy(plan, values, score * sizeof(float), step->stream_bufs[s][BUF_SCORE],
                               0, step->layout.widths.which * sizeof(float));
    }
    return err;
}

static enum tyto_err linear(struct device_step *step, struct tyto_plan *plan,
                            const struct tyto_gemm_weights *weights, uint64_t m, struct tyto_mat x,
                            struct tyto_mat y, enum tyto_act act)
{
    const struct tyto_gemm_args args = {.m = (uint32_t)m, .x = x, .y = y, .act = act};

    return tyto_gemm_record(step->gemm, plan, weights, &args);
}

static struct tyto_mat whole(struct tyto_bind bind)
{
    return (struct tyto_mat){.buf = bind.buf};
}

enum tyto_err tyto_step_record_dropout(struct device_step *step, struct tyto_plan *plan,
                                       uint32_t site, const struct tyto_buf *x)
{
    const uint32_t num = (uint32_t)(tyto_buf_size_bytes(x) / sizeof(float));

    if (!(step->drop_rate > 0))
        return TYTO_OK;
    return tyto_dropout_record(step->dropout, plan, num / step->batch * step->first, num,
                               step->drop_rate, site, step->bufs[BUF_KEY], x);
}

static enum tyto_err record_where(struct device_step *step, struct tyto_plan *plan, bool dropout)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint32_t rows = step->rows;
    const uint64_t pictures = (uint64_t)rows * d->num_places;
    const struct tyto_row_gather_shape gather = {rows, rows, w->stream[AUDIO], w->stream[AUDIO]};
    const struct tyto_row_gather_io gather_io = {
        adapted(step, AUDIO), of_stream(step, AUDIO, BUF_HAS), of_stream(step, AUDIO, BUF_WINDOW)};
    const struct tyto_cosine_attn_shape cosine = {rows, d->num_places, w->match, rows};
    const struct tyto_cosine_attn_io cosine_io = {
        of_stream(step, AUDIO, BUF_MATCH), of_stream(step, VISUAL, BUF_MATCH),
        of_stream(step, VISUAL, BUF_HAS), of(step, BUF_SCALE), of(step, BUF_SCORES)};
    const struct tyto_attn_pool_shape pool = {rows, d->num_places, w->stream[VISUAL], rows};
    const struct tyto_bind scores = of(step, BUF_SCORES), place = of(step, BUF_PLACE);
    const struct tyto_attn_pool_io pool_io = {place, adapted(step, VISUAL),
                                              of_stream(step, VISUAL, BUF_HAS),
                                              of_stream(step, VISUAL, BUF_WINDOW)};
    enum tyto_err err = TYTO_OK;

    if (step->layout.tune_in > 0)
        err = linear(step, plan, step->linears[LINEAR_TUNE][VISUAL], pictures,
                     whole(of_stream(step, VISUAL, BUF_FEATURES)), whole(encoded(step, VISUAL)),
                     step->tune.act);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        if (step->layout.adapt[s])
            err = linear(step, plan, step->linears[LINEAR_ADAPT][s], s == AUDIO ? rows : pictures,
                         whole(encoded(step, s)), whole(adapted(step, s)), TYTO_ACT_NONE);
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err && dropout)
        err =
            tyto_step_record_dropout(step, plan, SITE_AUDIO, step->stream_bufs[AUDIO][BUF_WINDOW]);
    if (!err)
        err = linear(step, plan, step->linears[LINEAR_MATCH][AUDIO], rows,
                     whole(of_stream(step, AUDIO, BUF_WINDOW)),
                     whole(of_stream(step, AUDIO, BUF_MATCH)), TYTO_ACT_NONE);
    if (!err)
        err = linear(step, plan, step->linears[LINEAR_MATCH][VISUAL], pictures,
                     whole(adapted(step, VISUAL)), whole(of_stream(step, VISUAL, BUF_MATCH)),
                     TYTO_ACT_NONE);
    if (!err)
        err = tyto_cosine_attn_record(step->cosine_attn, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_softmax_record(step->softmax, plan, rows, d->num_places, &scores, &place);
    if (!err)
        err = tyto_attn_pool_record(step->attn_pool, plan, &pool, &pool_io);
    if (!err && dropout)
        err = tyto_step_record_dropout(step, plan, SITE_VISUAL,
                                       step->stream_bufs[VISUAL][BUF_WINDOW]);
    return err;
}

static enum tyto_err record_when(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_self_attn_shape shape = {
        .batch = step->batch,
        .num_segments = d->num_segments,
        .key_width = w->when,
        .width = w->stream[s],
        .look_ahead = d->look_ahead,
        .scale = 1.0F / sqrtf((float)d->when_width),
    };
    const struct tyto_self_attn_io io = {of_stream(step, s, BUF_QKV),
                                         of_stream(step, s, BUF_WINDOW), of(step, BUF_LEN),
                                         of_stream(step, s, BUF_MIXED)};
    const struct tyto_mat after = {.buf = step->stream_bufs[s][BUF_AFTER], .row = w->after};
    const struct tyto_mat o = {after.buf, w->after_other, w->after, 0};
    const struct tyto_mat key = {after.buf, w->after_key, w->after, 0};
    enum tyto_err err = linear(step, plan, step->linears[LINEAR_QKV][s], step->rows,
                               whole(of_stream(step, s, BUF_WINDOW)),
                               whole(of_stream(step, s, BUF_QKV)), TYTO_ACT_NONE);

    if (!err)
        err = tyto_self_attn_record(step->self_attn, plan, &shape, &io);
    if (!err)
        err = linear(step, plan, step->linears[LINEAR_AFTER][s], step->rows,
                     whole(of_stream(step, s, BUF_MIXED)), after, TYTO_ACT_NONE);
    if (!err) /* the key that the other stream looks at, by its own map */
        err =
            linear(step, plan, step->linears[LINEAR_KEY][1 - s], step->rows, o, key, TYTO_ACT_NONE);
    return err;
}

static enum tyto_err record_lstms(struct device_step *step, struct tyto_plan *plan)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_lstm_sentinel_shape shape = {
        .batch = step->batch,
        .num_segments = step->layout.dims.num_segments,
        .width = w->hidden,
        .in_stride = w->after,
    };
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < NUM_STREAMS * shape.num_segments && !err; i++) {
        const uint32_t s = i % NUM_STREAMS;
        const struct tyto_lstm_sentinel_io io = {
            of_stream(step, s, BUF_AFTER), of_stream(step, s, BUF_LSTM),
            of_stream(step, s, BUF_CELL), of_stream(step, s, BUF_HIDDEN),
            of_stream(step, s, BUF_SENTINEL)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err =
            tyto_lstm_sentinel_record_step(step->lstm_sentinel, plan, &shape, &io, i / NUM_STREAMS);
    }
    return err;
}

static enum tyto_err record_which(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_co_attn_shape shape = {
        .batch = step->batch,
        .num_segments = step->layout.dims.num_segments,
        .width = w->hidden,
        .key_width = w->which,
        .other_stride = w->after,
        .other_offset = w->after_other,
        .key_offset = w->after_key,
        .out_stride = 2 * w->hidden,
        .out_offset = s * w->hidden,
        .look_ahead = step->layout.dims.look_ahead,
    };
    const struct tyto_co_attn_io io = {
        .other = of_stream(step, 1 - s, BUF_AFTER),
        .g = of_stream(step, s, BUF_STATE_KEY),
        .ks = of_stream(step, s, BUF_SENTINEL_KEY),
        .u = of_stream(step, s, BUF_SCORE),
        .h = of_stream(step, s, BUF_HIDDEN),
        .s = of_stream(step, s, BUF_SENTINEL),
        .len = of(step, BUF_LEN),
        .out = of(step, BUF_BOTH),
        .beta = of_stream(step, s, BUF_BETA),
        .align = of_stream(step, s, BUF_ALIGN),
    };
    enum tyto_err err = linear(step, plan, step->linears[LINEAR_STATE][s], step->rows,
                               whole(of_stream(step, s, BUF_HIDDEN)),
                               whole(of_stream(step, s, BUF_STATE_KEY)), TYTO_ACT_NONE);

    if (!err)
        err = linear(step, plan, step->linears[LINEAR_SENTINEL][s], step->rows,
                     whole(of_stream(step, s, BUF_SENTINEL)),
                     whole(of_stream(step, s, BUF_SENTINEL_KEY)), TYTO_ACT_NONE);
    if (!err)
        err = tyto_co_attn_record(step->co_attn, plan, &shape, &io);
    return err;
}

enum tyto_err tyto_step_record_forward(struct device_step *step, struct tyto_plan *plan,
                                       bool with_dropout)
{
    enum tyto_err err = tyto_step_record_pack(step, plan);

    if (!err)
        err = record_where(step, plan, with_dropout);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        err = record_when(step, plan, s);
    if (!err)
        err = record_lstms(step, plan);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        err = record_which(step, plan, s);
    if (!err && with_dropout)
        err = tyto_step_record_dropout(step, plan, SITE_BOTH, step->bufs[BUF_BOTH]);
    if (!err)
        err = linear(step, plan, step->head[0], step->rows, whole(of(step, BUF_BOTH)),
                     whole(of(step, BUF_HEAD)), TYTO_ACT_RELU);
    if (!err && with_dropout)
        err = tyto_step_record_dropout(step, plan, SITE_HEAD, step->bufs[BUF_HEAD]);
    if (!err)
        err = linear(step, plan, step->head[1], step->rows, whole(of(step, BUF_HEAD)),
                     whole(of(step, BUF_LOGITS)), TYTO_ACT_NONE);
    return err;
}

enum tyto_err tyto_step_record_loss(struct device_step *step, struct tyto_plan *plan)
{
    const uint32_t width = step->layout.dims.num_logits, stride = step->layout.widths.logits;
    const bool pools = step->pool != TYTO_STEP_POOL_NONE;
    const uint32_t rows = pools ? step->batch : step->rows;
    const struct tyto_loss_io io = {of(step, pools ? BUF_POOLED : BUF_LOGITS), of(step, BUF_YES),
                                    of(step, BUF_NO), of(step, pools ? BUF_D_POOLED : BUF_D_LOGITS),
                                    of(step, BUF_LOSSES)};
    const struct tyto_mil_pool_shape shape = {
        step->batch, step->layout.dims.num_segments, stride,
        step->pool == TYTO_STEP_POOL_MAX ? TYTO_MIL_POOL_MAX : TYTO_MIL_POOL_MEAN};
    const struct tyto_mil_pool_io there = {of(step, BUF_LOGITS), of(step, BUF_LEN), io.logits,
                                           of(step, BUF_D_LOGITS)};
    const struct tyto_mil_pool_io back = {of(step, BUF_LOGITS), of(step, BUF_LEN), io.dlogits,
                                          of(step, BUF_D_LOGITS)};
    enum tyto_err err = TYTO_OK;

    if (pools)
        err = tyto_mil_pool_record_there(step->mil_pool, plan, &shape, &there);
    if (!err)
        err = step->layout.dims.head == TYTO_HEAD_SOFTMAX
                  ? tyto_loss_record_softmax(step->loss, plan, rows, width, stride, &io)
                  : tyto_loss_record_sigmoid(step->loss, plan, rows, width, stride, &io);
    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, step->bufs[BUF_LOSSES], rows, 1, 1,
                                  step->bufs[BUF_LOSS], 0);
    if (!err && pools)
        err = tyto_mil_pool_record_back(step->mil_pool, plan, &shape, &back);
    return err;
}
