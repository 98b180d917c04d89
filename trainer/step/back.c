/* SPDX-License-Identifier: MIT */
/* The backward pass of a training step: from the logits' gradient to every parameter's. Reads like
 * step_forward.c from its end. */
#include <float.h>

#include "trainer/step/internal.h"

static struct tyto_mat columns(struct tyto_bind bind, uint32_t from, uint32_t stride)
{
    return (struct tyto_mat){.buf = bind.buf, .offset = from, .row = stride};
}

enum tyto_err tyto_step_back_x(struct tyto_step_device *step, struct tyto_plan *plan,
                               struct tyto_step_map map, uint64_t m, struct tyto_mat dy,
                               struct tyto_mat dx, struct tyto_mat extra, bool is_gate)
{
    const struct tyto_gemm_back_x_args args = {
        .m = (uint32_t)m,
        .n = map.n,
        .k = map.k,
        .dy = dy,
        .weight = {.buf = step->bufs[TYTO_STEP_VALUES], .offset = map.weight},
        .dx = dx,
        .extra = extra,
        .is_gate = is_gate,
    };

    return tyto_gemm_back_x_record(step->gemm_back, plan, &args);
}

enum tyto_err tyto_step_back_w(struct tyto_step_device *step, struct tyto_plan *plan,
                               struct tyto_step_map map, uint64_t m, struct tyto_mat dy,
                               struct tyto_mat x)
{
    const struct tyto_gemm_back_w_args args = {
        .m = (uint32_t)m,
        .n = map.n,
        .k = map.k,
        .dy = dy,
        .x = x,
        .dw = {.buf = step->bufs[TYTO_STEP_GRADS], .offset = map.weight},
        .db = {.buf = map.bias == UINT64_MAX ? NULL : step->bufs[TYTO_STEP_GRADS],
               .offset = map.bias},
        .scratch = step->bufs[TYTO_STEP_GEMM_SCRATCH],
    };

    return tyto_gemm_back_w_record(step->gemm_back, plan, &args);
}

static const struct tyto_mat none;

static enum tyto_err record_head(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_step_map first = tyto_step_head_map(step, 0),
                               last = tyto_step_head_map(step, 1);
    const struct tyto_mat d_logits = tyto_cman_mat(tyto_step_of(step, TYTO_STEP_D_LOGITS));
    const struct tyto_mat head = tyto_cman_mat(tyto_step_of(step, TYTO_STEP_HEAD)),
                          d_head = tyto_cman_mat(tyto_step_of(step, TYTO_STEP_D_HEAD));
    const struct tyto_elementwise_shape add = {.op = TYTO_ELEMENTWISE_OP_ADD,
                                               .num = step->rows * step->layout.widths.head};
    const struct tyto_elementwise_binds add_binds = {.a = tyto_step_of(step, TYTO_STEP_D_HEAD),
                                                     .b = tyto_step_of(step, TYTO_STEP_EXTRA),
                                                     .out = tyto_step_of(step, TYTO_STEP_D_HEAD)};
    enum tyto_err err = tyto_step_back_w(step, plan, last, step->rows, d_logits, head);

    if (!err)
        err = tyto_step_back_x(step, plan, last, step->rows, d_logits, d_head, head, true);
    if (!err && step->discriminates)
        err = tyto_elementwise_record(step->elementwise, plan, &add, &add_binds);
    if (!err)
        err =
            tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_HEAD, step->bufs[TYTO_STEP_D_HEAD]);
    if (!err)
        err = tyto_step_back_w(step, plan, first, step->rows, d_head,
                               tyto_cman_mat(tyto_step_of(step, TYTO_STEP_BOTH)));
    if (!err)
        err = tyto_step_back_x(step, plan, first, step->rows, d_head,
                               tyto_cman_mat(tyto_step_of(step, TYTO_STEP_D_BOTH)), none, false);
    if (!err)
        err =
            tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_BOTH, step->bufs[TYTO_STEP_D_BOTH]);
    return err;
}

static enum tyto_err record_co_attn(struct tyto_step_device *step, struct tyto_plan *plan,
                                    uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_co_attn_shape shape =
        tyto_cman_which_shape(&step->layout.dims, w, step->batch, s);
    const struct tyto_co_attn_back_io io = {
        .other = tyto_step_of_stream(step, 1 - s, TYTO_STEP_AFTER),
        .g = tyto_step_of_stream(step, s, TYTO_STEP_STATE_KEY),
        .ks = tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL_KEY),
        .u = tyto_step_of_stream(step, s, TYTO_STEP_SCORE),
        .s = tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL),
        .beta = tyto_step_of_stream(step, s, TYTO_STEP_BETA),
        .align = tyto_step_of_stream(step, s, TYTO_STEP_ALIGN),
        .dout = tyto_step_of(step, TYTO_STEP_D_BOTH),
        .scratch = tyto_step_of(step, TYTO_STEP_SCRATCH),
        .dother = tyto_step_of_stream(step, 1 - s, TYTO_STEP_D_AFTER),
        .ds = tyto_step_of_stream(step, s, TYTO_STEP_D_SENTINEL),
        .dg = tyto_step_of_stream(step, s, TYTO_STEP_D_STATE_KEY),
        .dks = tyto_step_of_stream(step, s, TYTO_STEP_D_SENTINEL_KEY),
        .du = tyto_step_of_stream(step, s, TYTO_STEP_D_SCORE),
    };
    enum tyto_err err = tyto_co_attn_back_record(step->co_attn_back, plan, &shape, &io);

    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, io.du.buf, step->rows, w->which, w->which,
                                  step->bufs[TYTO_STEP_GRADS],
                                  tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_H, s));
    return err;
}

/* From the stream's half of D_BOTH to its state, its sentinel, and the other stream's o. */
static enum tyto_err record_which(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_step_map state = tyto_step_map(step, TYTO_STEP_LINEAR_STATE, s);
    const struct tyto_step_map sentinel = tyto_step_map(step, TYTO_STEP_LINEAR_SENTINEL, s);
    const struct tyto_step_map key = tyto_step_map(step, TYTO_STEP_LINEAR_KEY, s);
    const struct tyto_mat d_state =
        tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_STATE_KEY));
    const struct tyto_mat d_own =
        tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_SENTINEL_KEY));
    const struct tyto_mat d_sentinel =
        tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_SENTINEL));
    const struct tyto_mat d_y =
        columns(tyto_step_of(step, TYTO_STEP_D_BOTH), s * w->hidden, 2 * w->hidden);
    const struct tyto_mat o =
        columns(tyto_step_of_stream(step, 1 - s, TYTO_STEP_AFTER), w->after_other, w->after);
    const struct tyto_mat d_o =
        columns(tyto_step_of_stream(step, 1 - s, TYTO_STEP_D_AFTER), w->after_other, w->after);
    const struct tyto_mat d_key =
        columns(tyto_step_of_stream(step, 1 - s, TYTO_STEP_D_AFTER), w->after_key, w->after);
    enum tyto_err err = record_co_attn(step, plan, s);

    if (!err)
        err = tyto_step_back_w(step, plan, state, step->rows, d_state,
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_HIDDEN)));
    if (!err)
        err = tyto_step_back_x(step, plan, state, step->rows, d_state,
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_HIDDEN)), d_y,
                               false);
    if (!err)
        err = tyto_step_back_w(step, plan, sentinel, step->rows, d_own,
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_SENTINEL)));
    if (!err)
        err = tyto_step_back_x(step, plan, sentinel, step->rows, d_own, d_sentinel, d_sentinel,
                               false);
    if (!err)
        err = tyto_step_back_w(step, plan, key, step->rows, d_key, o);
    if (!err)
        err = tyto_step_back_x(step, plan, key, step->rows, d_key, d_o, d_o, false);
    return err;
}

/* Gates and cells once more, from the states that are known now. */
static enum tyto_err record_gates(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s,
                                  const struct tyto_lstm_sentinel_back_shape *shape,
                                  const struct tyto_lstm_sentinel_back_io *io)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, w->hidden, w->hidden};
    const struct tyto_row_gather_io gather_io = {tyto_step_of_stream(step, s, TYTO_STEP_HIDDEN),
                                                 tyto_step_of(step, TYTO_STEP_PREVIOUS),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_BEFORE)};
    const struct tyto_gemm_args args = {
        .m = step->rows,
        .x = tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_BEFORE)),
        .y = tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_GATES)),
        .residual = columns(tyto_step_of_stream(step, s, TYTO_STEP_AFTER), 0, w->after),
    };
    enum tyto_err err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);

    if (!err)
        err = tyto_gemm_record(step->gemm, plan, step->linears[TYTO_STEP_LINEAR_AGAIN][s], &args);
    if (!err)
        err = tyto_lstm_sentinel_back_record_gates(step->lstm_sentinel_back, plan, shape, io);
    return err;
}

static enum tyto_err record_lstm(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_step_map again = tyto_step_map(step, TYTO_STEP_LINEAR_AGAIN, s);
    const uint32_t num = step->layout.dims.num_segments;
    const struct tyto_lstm_sentinel_back_shape shape = {step->batch, num, w->hidden, w->after, 0};
    const struct tyto_lstm_sentinel_back_io io = {
        tyto_step_of_stream(step, s, TYTO_STEP_GATES),
        tyto_step_of_stream(step, s, TYTO_STEP_GATES),
        tyto_step_of_stream(step, s, TYTO_STEP_CELLS),
        tyto_step_of_stream(step, s, TYTO_STEP_D_HIDDEN),
        tyto_step_of_stream(step, s, TYTO_STEP_D_SENTINEL),
        tyto_step_of_stream(step, s, TYTO_STEP_D_CELL),
        tyto_step_of_stream(step, s, TYTO_STEP_D_AFTER)};
    enum tyto_err err = record_gates(step, plan, s, &shape, &io);

    for (uint32_t t = num; t-- > 0 && !err;) {
        const struct tyto_mat d_hidden = columns(io.dh, t * w->hidden, num * w->hidden);
        const struct tyto_mat later = columns(io.dx, (t + 1) * w->after, num * w->after);

        if (t + 1 < num)
            err =
                tyto_step_back_x(step, plan, again, step->batch, later, d_hidden, d_hidden, false);
        if (!err)
            err =
                tyto_lstm_sentinel_back_record_step(step->lstm_sentinel_back, plan, &shape, &io, t);
    }
    if (!err)
        err = tyto_step_back_w(step, plan, again, step->rows, columns(io.dx, 0, w->after),
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_BEFORE)));
    return err;
}

/* The maps of x^: gates with a bias, the sentinel's gate without, the other stream's o with. */
static enum tyto_err record_after(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_step_map all = tyto_step_map(step, TYTO_STEP_LINEAR_AFTER, s);
    const struct tyto_mat mixed = tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_MIXED));
    const uint32_t begins[] = {0, 4 * w->hidden, w->after_other, w->after_key};
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < 3 && !err; i++) {
        const struct tyto_step_map part = {
            .weight = all.weight + (uint64_t)begins[i] * all.k,
            .bias = i == 1 ? UINT64_MAX : all.bias + begins[i],
            .n = begins[i + 1] - begins[i],
            .k = all.k,
        };

        err = tyto_step_back_w(
            step, plan, part, step->rows,
            columns(tyto_step_of_stream(step, s, TYTO_STEP_D_AFTER), begins[i], w->after), mixed);
    }
    if (!err)
        err = tyto_step_back_x(
            step, plan, all, step->rows,
            columns(tyto_step_of_stream(step, s, TYTO_STEP_D_AFTER), 0, w->after),
            tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_MIXED)), none, false);
    return err;
}

static enum tyto_err record_when(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_step_map map = tyto_step_map(step, TYTO_STEP_LINEAR_QKV, s);
    const struct tyto_self_attn_shape shape =
        tyto_cman_when_shape(d, &step->layout.widths, step->batch, s);
    const struct tyto_self_attn_back_io io = {
        tyto_step_of_stream(step, s, TYTO_STEP_QKV), tyto_step_of(step, TYTO_STEP_LEN),
        tyto_step_of_stream(step, s, TYTO_STEP_D_MIXED), tyto_step_of(step, TYTO_STEP_SCRATCH),
        tyto_step_of_stream(step, s, TYTO_STEP_D_QKV)};
    enum tyto_err err = tyto_self_attn_back_record(step->self_attn_back, plan, &shape, &io);

    if (!err)
        err = tyto_step_back_w(step, plan, map, step->rows, tyto_cman_mat(io.dqkv),
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_WINDOW)));
    if (!err)
        err = tyto_step_back_x(step, plan, map, step->rows, tyto_cman_mat(io.dqkv),
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_WINDOW)),
                               tyto_cman_mat(io.dout), false);
    return err;
}

/* The logits' maps straight from a stream's segments; D_WINDOW is there already. */
static enum tyto_err record_skip(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_step_map map = tyto_step_map(step, TYTO_STEP_LINEAR_SKIP, s);
    const struct tyto_mat d_logits = tyto_cman_mat(tyto_step_of(step, TYTO_STEP_D_LOGITS));
    const struct tyto_mat d_window =
        tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_WINDOW));
    enum tyto_err err =
        tyto_step_back_w(step, plan, map, step->rows, d_logits,
                         tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_WINDOW)));

    if (!err)
        err = tyto_step_back_x(step, plan, map, step->rows, d_logits, d_window, d_window, false);
    return err;
}

/* From the pooled picture to the cosine of sound and places. */
static enum tyto_err record_places(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint32_t rows = step->rows;
    const struct tyto_attn_pool_shape pool = {rows, d->num_places, w->stream[TYTO_CMAN_VISUAL],
                                              rows};
    const struct tyto_bind place = tyto_step_of(step, TYTO_STEP_PLACE),
                           d_place = tyto_step_of(step, TYTO_STEP_D_PLACE);
    const struct tyto_attn_pool_back_io pool_io = {
        place,
        tyto_step_adapted(step, TYTO_CMAN_VISUAL),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_HAS),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_D_WINDOW),
        d_place,
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_D_ADAPTED)};
    const struct tyto_cosine_attn_shape cosine = {rows, d->num_places, w->match, rows};
    const struct tyto_cosine_attn_back_io cosine_io = {
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_MATCH),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_MATCH),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_HAS),
        tyto_step_of(step, TYTO_STEP_SCALE),
        d_place,
        tyto_step_of(step, TYTO_STEP_SHARES),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_MATCH),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_D_MATCH),
        tyto_step_of(step, TYTO_STEP_D_SCALE)};
    enum tyto_err err = tyto_step_record_dropout(
        step, plan, TYTO_STEP_SITE_VISUAL, step->stream_bufs[TYTO_CMAN_VISUAL][TYTO_STEP_D_WINDOW]);

    if (!err)
        err = tyto_attn_pool_back_record(step->attn_pool_back, plan, &pool, &pool_io);
    if (!err)
        err = tyto_softmax_back_record(step->softmax_back, plan, rows, d->num_places, &place,
                                       &d_place, &d_place);
    if (!err)
        err = tyto_cosine_attn_back_record(step->cosine_attn_back, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, step->bufs[TYTO_STEP_D_SCALE], rows, 1, 1,
                                  step->bufs[TYTO_STEP_GRADS],
                                  step->layout.slots[TYTO_CMAN_WHERE_SCALE].at);
    return err;
}

/* From the adapter's gradient to the encoder's last layer. */
static enum tyto_err record_tune(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_step_map adapt =
        tyto_step_map(step, TYTO_STEP_LINEAR_ADAPT, TYTO_CMAN_VISUAL);
    const struct tyto_step_map tune = tyto_step_map(step, TYTO_STEP_LINEAR_TUNE, TYTO_CMAN_VISUAL);
    const uint32_t m = step->rows * step->layout.dims.num_places;
    const struct tyto_bind d_encoded =
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_D_ENCODED);
    const struct tyto_clamp_back_io io = {tyto_step_encoded(step, TYTO_CMAN_VISUAL), d_encoded,
                                          d_encoded};
    enum tyto_err err = tyto_step_back_x(
        step, plan, adapt, m,
        tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_D_ADAPTED)),
        tyto_cman_mat(d_encoded), none, false);

    if (!err && step->tune.act != TYTO_ACT_NONE)
        err = tyto_clamp_back_record(step->clamp_back, plan, m * tune.n, 0,
                                     step->tune.act == TYTO_ACT_RELU6 ? 6 : FLT_MAX, &io);
    if (!err)
        err = tyto_step_back_w(
            step, plan, tune, m, tyto_cman_mat(d_encoded),
            tyto_cman_mat(tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_FEATURES)));
    return err;
}

/* The two maps of "where", then the adapters where there are any. */
static enum tyto_err record_front(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_step_map match = tyto_step_map(step, TYTO_STEP_LINEAR_MATCH, s);
    const struct tyto_step_map adapt = tyto_step_map(step, TYTO_STEP_LINEAR_ADAPT, s);
    const uint32_t width = step->layout.widths.stream[s];
    const uint64_t m =
        (uint64_t)step->rows * (s == TYTO_CMAN_AUDIO ? 1 : step->layout.dims.num_places);
    const struct tyto_mat d_match = tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_MATCH));
    const struct tyto_mat x =
        tyto_cman_mat(s == TYTO_CMAN_AUDIO ? tyto_step_of_stream(step, s, TYTO_STEP_WINDOW)
                                           : tyto_step_adapted(step, s));
    const struct tyto_mat d_x = tyto_cman_mat(tyto_step_of_stream(
        step, s, s == TYTO_CMAN_AUDIO ? TYTO_STEP_D_WINDOW : TYTO_STEP_D_ADAPTED));
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {tyto_step_of_stream(step, s, TYTO_STEP_D_WINDOW),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_HAS),
                                                 tyto_step_of_stream(step, s, TYTO_STEP_D_ADAPTED)};
    enum tyto_err err = tyto_step_back_w(step, plan, match, m, d_match, x);

    if (err || !step->layout.adapt[s])
        return err;
    err = tyto_step_back_x(step, plan, match, m, d_match, d_x, d_x, false);
    if (!err && s == TYTO_CMAN_AUDIO)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_AUDIO,
                                       step->stream_bufs[s][TYTO_STEP_D_WINDOW]);
    if (!err && s == TYTO_CMAN_AUDIO) /* a missing row was zeros after the adapter */
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err)
        err = tyto_step_back_w(step, plan, adapt, m,
                               tyto_cman_mat(tyto_step_of_stream(step, s, TYTO_STEP_D_ADAPTED)),
                               tyto_cman_mat(tyto_step_encoded(step, s)));
    if (!err && s == TYTO_CMAN_VISUAL && step->layout.tune_in > 0)
        err = record_tune(step, plan);
    return err;
}

enum tyto_err tyto_step_record_back(struct tyto_step_device *step, struct tyto_plan *plan)
{
    enum tyto_err err = record_head(step, plan);

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        err = record_which(step, plan, s);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        err = record_lstm(step, plan, s);
        if (!err)
            err = record_after(step, plan, s);
        if (!err)
            err = record_when(step, plan, s);
        if (!err && step->layout.skip)
            err = record_skip(step, plan, s);
    }
    if (!err)
        err = record_places(step, plan);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        err = record_front(step, plan, s);
    return err;
}

enum tyto_err tyto_step_record_update(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_adamw_io io = {
        tyto_step_of(step, TYTO_STEP_VALUES),   tyto_step_of(step, TYTO_STEP_GRADS),
        tyto_step_of(step, TYTO_STEP_MOMENT_1), tyto_step_of(step, TYTO_STEP_MOMENT_2),
        tyto_step_of(step, TYTO_STEP_HYPER),    tyto_step_of(step, TYTO_STEP_PARTS),
        tyto_step_of(step, TYTO_STEP_NORM)};

    const struct tyto_bind tune = tyto_step_of(step, TYTO_STEP_TUNE_HYPER);

    if (step->layout.tune_in > 0)
        return tyto_adamw_record_two(step->adamw, plan, (uint32_t)step->layout.num,
                                     (uint32_t)step->layout.tune_weight, &tune, &io);
    return tyto_adamw_record(step->adamw, plan, (uint32_t)step->layout.num, &io);
}
