/* SPDX-License-Identifier: MIT */
/* The forward pass of a training step: model/README.md's formulae with each map on its own, so
 * that each has its gradient. */
#include "trainer/step/internal.h"

static enum tyto_err pack(struct tyto_step_device *step, struct tyto_plan *plan,
                          struct tyto_step_map map, const struct tyto_gemm_weights *weights)
{
    if (map.n == 0)
        return TYTO_OK;
    return tyto_weights_pack_record_panels(step->weights_pack, plan, step->bufs[TYTO_STEP_VALUES],
                                           map.weight, map.bias, weights);
}

enum tyto_err tyto_step_record_pack(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_buf *values = step->bufs[TYTO_STEP_VALUES];
    enum tyto_err err =
        tyto_plan_copy(plan, values, step->layout.slots[TYTO_CMAN_WHERE_SCALE].at * sizeof(float),
                       step->bufs[TYTO_STEP_SCALE], 0, sizeof(float));

    for (uint32_t i = 0; i < TYTO_STEP_NUM_LINEARS * TYTO_CMAN_NUM_STREAMS && !err; i++) {
        const uint32_t which = i / TYTO_CMAN_NUM_STREAMS, s = i % TYTO_CMAN_NUM_STREAMS;

        err = pack(step, plan, tyto_step_map(step, (enum tyto_step_linear)which, s),
                   step->linears[which][s]);
    }
    for (uint32_t i = 0; i < 2 && !err; i++)
        err = pack(step, plan, tyto_step_head_map(step, i), step->head[i]);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        const uint64_t hidden = tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_HIDDEN, s);
        const uint64_t score = tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_H, s);

        err = tyto_weights_pack_record_lstm(step->weights_pack, plan, values, hidden,
                                            step->layout.widths.hidden,
                                            step->stream_bufs[s][TYTO_STEP_LSTM]);
        if (!err)
            err = tyto_plan_copy(plan, values, score * sizeof(float),
                                 step->stream_bufs[s][TYTO_STEP_SCORE], 0,
                                 step->layout.widths.which * sizeof(float));
    }
    return err;
}

static enum tyto_err linear(struct tyto_step_device *step, struct tyto_plan *plan,
                            const struct tyto_gemm_weights *weights, uint64_t m, struct tyto_mat x,
                            struct tyto_mat y, enum tyto_act act)
{
    return tyto_cman_record_linear(step->gemm, plan, weights, m, x, y, act);
}

enum tyto_err tyto_step_record_dropout(struct tyto_step_device *step, struct tyto_plan *plan,
                                       uint32_t site, const struct tyto_buf *x)
{
    const uint32_t num = (uint32_t)(tyto_buf_size_bytes(x) / sizeof(float));

    if (!(step->drop_rate > 0))
        return TYTO_OK;
    return tyto_dropout_record(step->dropout, plan, num / step->batch * step->first, num,
                               step->drop_rate, site, step->bufs[TYTO_STEP_KEY], x);
}

static enum tyto_err record_where(struct tyto_step_device *step, struct tyto_plan *plan,
                                  bool dropout)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint32_t rows = step->rows;
    const uint64_t pictures = (uint64_t)rows * d->num_places;
    const struct tyto_row_gather_shape gather = {rows, rows, w->stream[TYTO_CMAN_AUDIO],
                                                 w->stream[TYTO_CMAN_AUDIO]};
    const struct tyto_row_gather_io gather_io = {
        tyto_step_adapted(step, TYTO_CMAN_AUDIO),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_HAS),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_WINDOW)};
    const struct tyto_cosine_attn_shape cosine = {rows, d->num_places, w->match, rows};
    const struct tyto_cosine_attn_io cosine_io = {
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_MATCH),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_MATCH),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_HAS),
        tyto_step_of(step, TYTO_STEP_SCALE), tyto_step_of(step, TYTO_STEP_SCORES)};
    const struct tyto_attn_pool_shape pool = {rows, d->num_places, w->stream[TYTO_CMAN_VISUAL],
                                              rows};
    const struct tyto_bind scores = tyto_step_of(step, TYTO_STEP_SCORES),
                           place = tyto_step_of(step, TYTO_STEP_PLACE);
    const struct tyto_attn_pool_io pool_io = {
        place, tyto_step_adapted(step, TYTO_CMAN_VISUAL),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_HAS),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_WINDOW)};
    enum tyto_err err = TYTO_OK;

    if (step->layout.tune_in > 0)
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_TUNE][TYTO_CMAN_VISUAL], pictures,
                     tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_FEATURES)),
                     tyto_cman_mat(tyto_step_encoded(step, TYTO_CMAN_VISUAL)), step->tune.act);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        if (step->layout.adapt[s])
            err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_ADAPT][s],
                         s == TYTO_CMAN_AUDIO ? rows : pictures,
                         tyto_cman_mat(tyto_step_encoded(step, s)),
                         tyto_cman_mat(tyto_step_adapted(step, s)), TYTO_ACT_NONE);
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err && dropout)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_AUDIO,
                                       step->stream_bufs[TYTO_CMAN_AUDIO][TYTO_STEP_WINDOW]);
    if (!err)
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_MATCH][TYTO_CMAN_AUDIO], rows,
                     tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_WINDOW)),
                     tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_MATCH)),
                     TYTO_ACT_NONE);
    if (!err)
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_MATCH][TYTO_CMAN_VISUAL], pictures,
                     tyto_cman_mat(tyto_step_adapted(step, TYTO_CMAN_VISUAL)),
                     tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_MATCH)),
                     TYTO_ACT_NONE);
    if (!err)
        err = tyto_cosine_attn_record(step->cosine_attn, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_softmax_record(step->softmax, plan, rows, d->num_places, &scores, &place);
    if (!err)
        err = tyto_attn_pool_record(step->attn_pool, plan, &pool, &pool_io);
    if (!err && dropout)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_VISUAL,
                                       step->stream_bufs[TYTO_CMAN_VISUAL][TYTO_STEP_WINDOW]);
    return err;
}

static enum tyto_err record_when(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_self_attn_shape shape =
        tyto_cman_when_shape(&step->layout.dims, w, step->batch, s);
    const struct tyto_self_attn_io io = {
        tyto_step_of_stream(step, s, TYTO_STEP_QKV), tyto_step_of_stream(step, s, TYTO_STEP_WINDOW),
        tyto_step_of(step, TYTO_STEP_LEN), tyto_step_of_stream(step, s, TYTO_STEP_MIXED)};
    const struct tyto_mat after = {.buf = step->stream_bufs[s][TYTO_STEP_AFTER], .row = w->after};
    const struct tyto_mat o = {after.buf, w->after_other, w->after, 0};
    const struct tyto_mat key = {after.buf, w->after_key, w->after, 0};
    enum tyto_err err =
        linear(step, plan, step->linears[TYTO_STEP_LINEAR_QKV][s], step->rows,
               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_WINDOW)),
               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_QKV)), TYTO_ACT_NONE);

    if (!err)
        err = tyto_self_attn_record(step->self_attn, plan, &shape, &io);
    if (!err)
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_AFTER][s], step->rows,
                     tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_MIXED)), after,
                     TYTO_ACT_NONE);
    if (!err) /* the key that the other stream looks at, by its own map */
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_KEY][1 - s], step->rows, o, key,
                     TYTO_ACT_NONE);
    return err;
}

static enum tyto_err record_lstms(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_lstm_sentinel_shape shape =
        tyto_cman_lstm_shape(&step->layout.dims, w, step->batch);
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < TYTO_CMAN_NUM_STREAMS * shape.num_segments && !err; i++) {
        const uint32_t s = i % TYTO_CMAN_NUM_STREAMS;
        const struct tyto_lstm_sentinel_io io = {tyto_step_of_stream(step, s, TYTO_STEP_AFTER),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_LSTM),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_CELL),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_HIDDEN),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL)};

        if (s > 0)
            tyto_plan_concurrent(plan);
        err = tyto_lstm_sentinel_record_step(step->lstm_sentinel, plan, &shape, &io,
                                             i / TYTO_CMAN_NUM_STREAMS);
    }
    return err;
}

static enum tyto_err record_which(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_co_attn_shape shape =
        tyto_cman_which_shape(&step->layout.dims, w, step->batch, s);
    const struct tyto_co_attn_io io = {
        .other = tyto_step_of_stream(step, 1 - s, TYTO_STEP_AFTER),
        .g = tyto_step_of_stream(step, s, TYTO_STEP_STATE_KEY),
        .ks = tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL_KEY),
        .u = tyto_step_of_stream(step, s, TYTO_STEP_SCORE),
        .h = tyto_step_of_stream(step, s, TYTO_STEP_HIDDEN),
        .s = tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL),
        .len = tyto_step_of(step, TYTO_STEP_LEN),
        .out = tyto_step_of(step, TYTO_STEP_BOTH),
        .beta = tyto_step_of_stream(step, s, TYTO_STEP_BETA),
        .align = tyto_step_of_stream(step, s, TYTO_STEP_ALIGN),
    };
    enum tyto_err err =
        linear(step, plan, step->linears[TYTO_STEP_LINEAR_STATE][s], step->rows,
               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_HIDDEN)),
               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_STATE_KEY)), TYTO_ACT_NONE);

    if (!err)
        err = linear(step, plan, step->linears[TYTO_STEP_LINEAR_SENTINEL][s], step->rows,
                     tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL)),
                     tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL_KEY)),
                     TYTO_ACT_NONE);
    if (!err)
        err = tyto_co_attn_record(step->co_attn, plan, &shape, &io);
    return err;
}

enum tyto_err tyto_step_record_forward(struct tyto_step_device *step, struct tyto_plan *plan,
                                       bool with_dropout)
{
    enum tyto_err err = tyto_step_record_pack(step, plan);

    if (!err)
        err = record_where(step, plan, with_dropout);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        err = record_when(step, plan, s);
    if (!err)
        err = record_lstms(step, plan);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        err = record_which(step, plan, s);
    if (!err && with_dropout)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_BOTH, step->bufs[TYTO_STEP_BOTH]);
    if (!err)
        err = linear(step, plan, step->head[0], step->rows,
                     tyto_cman_mat(tyto_step_of(step, TYTO_STEP_BOTH)),
                     tyto_cman_mat(tyto_step_of(step, TYTO_STEP_HEAD)), TYTO_ACT_RELU);
    if (!err && with_dropout)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_HEAD, step->bufs[TYTO_STEP_HEAD]);
    if (!err)
        err = linear(step, plan, step->head[1], step->rows,
                     tyto_cman_mat(tyto_step_of(step, TYTO_STEP_HEAD)),
                     tyto_cman_mat(tyto_step_of(step, TYTO_STEP_LOGITS)), TYTO_ACT_NONE);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && step->layout.skip && !err; s++)
        err = tyto_cman_record_added(step->gemm, plan, step->linears[TYTO_STEP_LINEAR_SKIP][s],
                                     step->rows,
                                     tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_WINDOW)),
                                     tyto_cman_mat(tyto_step_of(step, TYTO_STEP_LOGITS)));
    return err;
}

enum tyto_err tyto_step_record_loss(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const uint32_t width = step->layout.dims.num_logits, stride = step->layout.widths.logits;
    const bool pools = step->pool != TYTO_STEP_POOL_NONE;
    const uint32_t rows = pools ? step->batch : step->rows;
    const struct tyto_loss_io io = {
        tyto_step_of(step, pools ? TYTO_STEP_POOLED : TYTO_STEP_LOGITS),
        tyto_step_of(step, TYTO_STEP_YES), tyto_step_of(step, TYTO_STEP_NO),
        tyto_step_of(step, pools ? TYTO_STEP_D_POOLED : TYTO_STEP_D_LOGITS),
        tyto_step_of(step, TYTO_STEP_LOSSES)};
    const struct tyto_mil_pool_shape shape = {
        step->batch, step->layout.dims.num_segments, stride,
        step->pool == TYTO_STEP_POOL_MAX ? TYTO_MIL_POOL_MAX : TYTO_MIL_POOL_MEAN};
    const struct tyto_mil_pool_io there = {tyto_step_of(step, TYTO_STEP_LOGITS),
                                           tyto_step_of(step, TYTO_STEP_LEN), io.logits,
                                           tyto_step_of(step, TYTO_STEP_D_LOGITS)};
    const struct tyto_mil_pool_io back = {tyto_step_of(step, TYTO_STEP_LOGITS),
                                          tyto_step_of(step, TYTO_STEP_LEN), io.dlogits,
                                          tyto_step_of(step, TYTO_STEP_D_LOGITS)};
    enum tyto_err err = TYTO_OK;

    if (pools)
        err = tyto_mil_pool_record_there(step->mil_pool, plan, &shape, &there);
    if (!err)
        err = step->layout.dims.head == TYTO_HEAD_SOFTMAX
                  ? tyto_loss_record_softmax(step->loss, plan, rows, width, stride, &io)
                  : tyto_loss_record_sigmoid(step->loss, plan, rows, width, stride, &io);
    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, step->bufs[TYTO_STEP_LOSSES], rows, 1, 1,
                                  step->bufs[TYTO_STEP_LOSS], 0);
    if (!err && pools)
        err = tyto_mil_pool_record_back(step->mil_pool, plan, &shape, &back);
    return err;
}
