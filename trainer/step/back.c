/* SPDX-License-Identifier: MIT */
/* The backward pass of a training step: from the logits' gradient to every parameter's. Reads like
 * step_forward.c from its end. */
#include <float.h>
#include <math.h>

#include "trainer/step/internal.h"

static struct tyto_mat whole(struct tyto_bind bind)
{
    return (struct tyto_mat){.buf = bind.buf};
}

static struct tyto_mat columns(struct tyto_bind bind, uint32_t from, uint32_t stride)
{
    return (struct tyto_mat){.buf = bind.buf, .offset = from, .row = stride};
}

enum tyto_err tyto_step_back_x(struct device_step *step, struct tyto_plan *plan, struct map map,
                               uint64_t m, struct tyto_mat dy, struct tyto_mat dx,
                               struct tyto_mat extra, bool is_gate)
{
    const struct tyto_gemm_back_x_args args = {
        .m = (uint32_t)m,
        .n = map.n,
        .k = map.k,
        .dy = dy,
        .weight = {.buf = step->bufs[BUF_VALUES], .offset = map.weight},
        .dx = dx,
        .extra = extra,
        .is_gate = is_gate,
    };

    return tyto_gemm_back_x_record(step->gemm_back, plan, &args);
}

enum tyto_err tyto_step_back_w(struct device_step *step, struct tyto_plan *plan, struct map map,
                               uint64_t m, struct tyto_mat dy, struct tyto_mat x)
{
    const struct tyto_gemm_back_w_args args = {
        .m = (uint32_t)m,
        .n = map.n,
        .k = map.k,
        .dy = dy,
        .x = x,
        .dw = {.buf = step->bufs[BUF_GRADS], .offset = map.weight},
        .db = {.buf = map.bias == UINT64_MAX ? NULL : step->bufs[BUF_GRADS], .offset = map.bias},
        .scratch = step->bufs[BUF_GEMM_SCRATCH],
    };

    return tyto_gemm_back_w_record(step->gemm_back, plan, &args);
}

static const struct tyto_mat none;

static enum tyto_err record_head(struct device_step *step, struct tyto_plan *plan)
{
    const struct map first = tyto_step_head_map(step, 0), last = tyto_step_head_map(step, 1);
    const struct tyto_mat d_logits = whole(of(step, BUF_D_LOGITS));
    const struct tyto_mat head = whole(of(step, BUF_HEAD)), d_head = whole(of(step, BUF_D_HEAD));
    const struct tyto_elementwise_shape add = {.op = TYTO_ELEMENTWISE_OP_ADD,
                                               .num = step->rows * step->layout.widths.head};
    const struct tyto_elementwise_binds add_binds = {
        .a = of(step, BUF_D_HEAD), .b = of(step, BUF_EXTRA), .out = of(step, BUF_D_HEAD)};
    enum tyto_err err = tyto_step_back_w(step, plan, last, step->rows, d_logits, head);

    if (!err)
        err = tyto_step_back_x(step, plan, last, step->rows, d_logits, d_head, head, true);
    if (!err && step->discriminates)
        err = tyto_elementwise_record(step->elementwise, plan, &add, &add_binds);
    if (!err)
        err = tyto_step_record_dropout(step, plan, SITE_HEAD, step->bufs[BUF_D_HEAD]);
    if (!err)
        err = tyto_step_back_w(step, plan, first, step->rows, d_head, whole(of(step, BUF_BOTH)));
    if (!err)
        err = tyto_step_back_x(step, plan, first, step->rows, d_head, whole(of(step, BUF_D_BOTH)),
                               none, false);
    if (!err)
        err = tyto_step_record_dropout(step, plan, SITE_BOTH, step->bufs[BUF_D_BOTH]);
    return err;
}

static enum tyto_err record_co_attn(struct device_step *step, struct tyto_plan *plan, uint32_t s)
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
    const struct tyto_co_attn_back_io io = {
        .other = of_stream(step, 1 - s, BUF_AFTER),
        .g = of_stream(step, s, BUF_STATE_KEY),
        .ks = of_stream(step, s, BUF_SENTINEL_KEY),
        .u = of_stream(step, s, BUF_SCORE),
        .s = of_stream(step, s, BUF_SENTINEL),
        .beta = of_stream(step, s, BUF_BETA),
        .align = of_stream(step, s, BUF_ALIGN),
        .dout = of(step, BUF_D_BOTH),
        .scratch = of(step, BUF_SCRATCH),
        .dother = of_stream(step, 1 - s, BUF_D_AFTER),
        .ds = of_stream(step, s, BUF_D_SENTINEL),
        .dg = of_stream(step, s, BUF_D_STATE_KEY),
        .dks = of_stream(step, s, BUF_D_SENTINEL_KEY),
        .du = of_stream(step, s, BUF_D_SCORE),
    };
    enum tyto_err err = tyto_co_attn_back_record(step->co_attn_back, plan, &shape, &io);

    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, io.du.buf, step->rows, w->which, w->which,
                                  step->bufs[BUF_GRADS],
                                  tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_H, s));
    return err;
}

/* From the stream's half of D_BOTH to its state, its sentinel, and the other stream's o. */
static enum tyto_err record_which(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct map state = tyto_step_map(step, LINEAR_STATE, s);
    const struct map sentinel = tyto_step_map(step, LINEAR_SENTINEL, s);
    const struct map key = tyto_step_map(step, LINEAR_KEY, s);
    const struct tyto_mat d_state = whole(of_stream(step, s, BUF_D_STATE_KEY));
    const struct tyto_mat d_own = whole(of_stream(step, s, BUF_D_SENTINEL_KEY));
    const struct tyto_mat d_sentinel = whole(of_stream(step, s, BUF_D_SENTINEL));
    const struct tyto_mat d_y = columns(of(step, BUF_D_BOTH), s * w->hidden, 2 * w->hidden);
    const struct tyto_mat o = columns(of_stream(step, 1 - s, BUF_AFTER), w->after_other, w->after);
    const struct tyto_mat d_o =
        columns(of_stream(step, 1 - s, BUF_D_AFTER), w->after_other, w->after);
    const struct tyto_mat d_key =
        columns(of_stream(step, 1 - s, BUF_D_AFTER), w->after_key, w->after);
    enum tyto_err err = record_co_attn(step, plan, s);

    if (!err)
        err = tyto_step_back_w(step, plan, state, step->rows, d_state,
                               whole(of_stream(step, s, BUF_HIDDEN)));
    if (!err)
        err = tyto_step_back_x(step, plan, state, step->rows, d_state,
                               whole(of_stream(step, s, BUF_D_HIDDEN)), d_y, false);
    if (!err)
        err = tyto_step_back_w(step, plan, sentinel, step->rows, d_own,
                               whole(of_stream(step, s, BUF_SENTINEL)));
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
static enum tyto_err record_gates(struct device_step *step, struct tyto_plan *plan, uint32_t s,
                                  const struct tyto_lstm_sentinel_back_shape *shape,
                                  const struct tyto_lstm_sentinel_back_io *io)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, w->hidden, w->hidden};
    const struct tyto_row_gather_io gather_io = {
        of_stream(step, s, BUF_HIDDEN), of(step, BUF_PREVIOUS), of_stream(step, s, BUF_BEFORE)};
    const struct tyto_gemm_args args = {
        .m = step->rows,
        .x = whole(of_stream(step, s, BUF_BEFORE)),
        .y = whole(of_stream(step, s, BUF_GATES)),
        .residual = columns(of_stream(step, s, BUF_AFTER), 0, w->after),
    };
    enum tyto_err err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);

    if (!err)
        err = tyto_gemm_record(step->gemm, plan, step->linears[LINEAR_AGAIN][s], &args);
    if (!err)
        err = tyto_lstm_sentinel_back_record_gates(step->lstm_sentinel_back, plan, shape, io);
    return err;
}

static enum tyto_err record_lstm(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct map again = tyto_step_map(step, LINEAR_AGAIN, s);
    const uint32_t num = step->layout.dims.num_segments;
    const struct tyto_lstm_sentinel_back_shape shape = {step->batch, num, w->hidden, w->after, 0};
    const struct tyto_lstm_sentinel_back_io io = {
        of_stream(step, s, BUF_GATES),      of_stream(step, s, BUF_GATES),
        of_stream(step, s, BUF_CELLS),      of_stream(step, s, BUF_D_HIDDEN),
        of_stream(step, s, BUF_D_SENTINEL), of_stream(step, s, BUF_D_CELL),
        of_stream(step, s, BUF_D_AFTER)};
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
                               whole(of_stream(step, s, BUF_BEFORE)));
    return err;
}

/* The maps of x^: gates with a bias, the sentinel's gate without, the other stream's o with. */
static enum tyto_err record_after(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct map all = tyto_step_map(step, LINEAR_AFTER, s);
    const struct tyto_mat mixed = whole(of_stream(step, s, BUF_MIXED));
    const uint32_t begins[] = {0, 4 * w->hidden, w->after_other, w->after_key};
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < 3 && !err; i++) {
        const struct map part = {
            .weight = all.weight + (uint64_t)begins[i] * all.k,
            .bias = i == 1 ? UINT64_MAX : all.bias + begins[i],
            .n = begins[i + 1] - begins[i],
            .k = all.k,
        };

        err =
            tyto_step_back_w(step, plan, part, step->rows,
                             columns(of_stream(step, s, BUF_D_AFTER), begins[i], w->after), mixed);
    }
    if (!err)
        err = tyto_step_back_x(step, plan, all, step->rows,
                               columns(of_stream(step, s, BUF_D_AFTER), 0, w->after),
                               whole(of_stream(step, s, BUF_D_MIXED)), none, false);
    return err;
}

static enum tyto_err record_when(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct map map = tyto_step_map(step, LINEAR_QKV, s);
    const struct tyto_self_attn_shape shape = {
        .batch = step->batch,
        .num_segments = d->num_segments,
        .key_width = step->layout.widths.when,
        .width = step->layout.widths.stream[s],
        .look_ahead = d->look_ahead,
        .scale = 1.0F / sqrtf((float)d->when_width),
    };
    const struct tyto_self_attn_back_io io = {of_stream(step, s, BUF_QKV), of(step, BUF_LEN),
                                              of_stream(step, s, BUF_D_MIXED),
                                              of(step, BUF_SCRATCH), of_stream(step, s, BUF_D_QKV)};
    enum tyto_err err = tyto_self_attn_back_record(step->self_attn_back, plan, &shape, &io);

    if (!err)
        err = tyto_step_back_w(step, plan, map, step->rows, whole(io.dqkv),
                               whole(of_stream(step, s, BUF_WINDOW)));
    if (!err)
        err = tyto_step_back_x(step, plan, map, step->rows, whole(io.dqkv),
                               whole(of_stream(step, s, BUF_D_WINDOW)), whole(io.dout), false);
    return err;
}

/* From the pooled picture to the cosine of sound and places. */
static enum tyto_err record_places(struct device_step *step, struct tyto_plan *plan)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint32_t rows = step->rows;
    const struct tyto_attn_pool_shape pool = {rows, d->num_places, w->stream[VISUAL], rows};
    const struct tyto_bind place = of(step, BUF_PLACE), d_place = of(step, BUF_D_PLACE);
    const struct tyto_attn_pool_back_io pool_io = {place,
                                                   adapted(step, VISUAL),
                                                   of_stream(step, VISUAL, BUF_HAS),
                                                   of_stream(step, VISUAL, BUF_D_WINDOW),
                                                   d_place,
                                                   of_stream(step, VISUAL, BUF_D_ADAPTED)};
    const struct tyto_cosine_attn_shape cosine = {rows, d->num_places, w->match, rows};
    const struct tyto_cosine_attn_back_io cosine_io = {of_stream(step, AUDIO, BUF_MATCH),
                                                       of_stream(step, VISUAL, BUF_MATCH),
                                                       of_stream(step, VISUAL, BUF_HAS),
                                                       of(step, BUF_SCALE),
                                                       d_place,
                                                       of(step, BUF_SHARES),
                                                       of_stream(step, AUDIO, BUF_D_MATCH),
                                                       of_stream(step, VISUAL, BUF_D_MATCH),
                                                       of(step, BUF_D_SCALE)};
    enum tyto_err err =
        tyto_step_record_dropout(step, plan, SITE_VISUAL, step->stream_bufs[VISUAL][BUF_D_WINDOW]);

    if (!err)
        err = tyto_attn_pool_back_record(step->attn_pool_back, plan, &pool, &pool_io);
    if (!err)
        err = tyto_softmax_back_record(step->softmax_back, plan, rows, d->num_places, &place,
                                       &d_place, &d_place);
    if (!err)
        err = tyto_cosine_attn_back_record(step->cosine_attn_back, plan, &cosine, &cosine_io);
    if (!err)
        err = tyto_col_sum_record(step->col_sum, plan, step->bufs[BUF_D_SCALE], rows, 1, 1,
                                  step->bufs[BUF_GRADS],
                                  step->layout.slots[TYTO_CMAN_WHERE_SCALE].at);
    return err;
}

/* From the adapter's gradient to the encoder's last layer. */
static enum tyto_err record_tune(struct device_step *step, struct tyto_plan *plan)
{
    const struct map adapt = tyto_step_map(step, LINEAR_ADAPT, VISUAL);
    const struct map tune = tyto_step_map(step, LINEAR_TUNE, VISUAL);
    const uint32_t m = step->rows * step->layout.dims.num_places;
    const struct tyto_bind d_encoded = of_stream(step, VISUAL, BUF_D_ENCODED);
    const struct tyto_clamp_back_io io = {encoded(step, VISUAL), d_encoded, d_encoded};
    enum tyto_err err =
        tyto_step_back_x(step, plan, adapt, m, whole(of_stream(step, VISUAL, BUF_D_ADAPTED)),
                         whole(d_encoded), none, false);

    if (!err && step->tune.act != TYTO_ACT_NONE)
        err = tyto_clamp_back_record(step->clamp_back, plan, m * tune.n, 0,
                                     step->tune.act == TYTO_ACT_RELU6 ? 6 : FLT_MAX, &io);
    if (!err)
        err = tyto_step_back_w(step, plan, tune, m, whole(d_encoded),
                               whole(of_stream(step, VISUAL, BUF_FEATURES)));
    return err;
}

/* The two maps of "where", then the adapters where there are any. */
static enum tyto_err record_front(struct device_step *step, struct tyto_plan *plan, uint32_t s)
{
    const struct map match = tyto_step_map(step, LINEAR_MATCH, s);
    const struct map adapt = tyto_step_map(step, LINEAR_ADAPT, s);
    const uint32_t width = step->layout.widths.stream[s];
    const uint64_t m = (uint64_t)step->rows * (s == AUDIO ? 1 : step->layout.dims.num_places);
    const struct tyto_mat d_match = whole(of_stream(step, s, BUF_D_MATCH));
    const struct tyto_mat x = whole(s == AUDIO ? of_stream(step, s, BUF_WINDOW) : adapted(step, s));
    const struct tyto_mat d_x =
        whole(of_stream(step, s, s == AUDIO ? BUF_D_WINDOW : BUF_D_ADAPTED));
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {of_stream(step, s, BUF_D_WINDOW),
                                                 of_stream(step, s, BUF_HAS),
                                                 of_stream(step, s, BUF_D_ADAPTED)};
    enum tyto_err err = tyto_step_back_w(step, plan, match, m, d_match, x);

    if (err || !step->layout.adapt[s])
        return err;
    err = tyto_step_back_x(step, plan, match, m, d_match, d_x, d_x, false);
    if (!err && s == AUDIO)
        err = tyto_step_record_dropout(step, plan, SITE_AUDIO, step->stream_bufs[s][BUF_D_WINDOW]);
    if (!err && s == AUDIO) /* a missing row was zeros after the adapter */
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err)
        err = tyto_step_back_w(step, plan, adapt, m, whole(of_stream(step, s, BUF_D_ADAPTED)),
                               whole(encoded(step, s)));
    if (!err && s == VISUAL && step->layout.tune_in > 0)
        err = record_tune(step, plan);
    return err;
}

enum tyto_err tyto_step_record_back(struct device_step *step, struct tyto_plan *plan)
{
    enum tyto_err err = record_head(step, plan);

    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        err = record_which(step, plan, s);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++) {
        err = record_lstm(step, plan, s);
        if (!err)
            err = record_after(step, plan, s);
        if (!err)
            err = record_when(step, plan, s);
    }
    if (!err)
        err = record_places(step, plan);
    for (uint32_t s = 0; s < NUM_STREAMS && !err; s++)
        err = record_front(step, plan, s);
    return err;
}

enum tyto_err tyto_step_record_update(struct device_step *step, struct tyto_plan *plan)
{
    const struct tyto_adamw_io io = {
        of(step, BUF_VALUES), of(step, BUF_GRADS), of(step, BUF_MOMENT_1), of(step, BUF_MOMENT_2),
        of(step, BUF_HYPER),  of(step, BUF_PARTS), of(step, BUF_NORM)};

    const struct tyto_bind tune = of(step, BUF_TUNE_HYPER);

    if (step->layout.tune_in > 0)
        return tyto_adamw_record_two(step->adamw, plan, (uint32_t)step->layout.num,
                                     (uint32_t)step->layout.tune_weight, &tune, &io);
    return tyto_adamw_record(step->adamw, plan, (uint32_t)step->layout.num, &io);
}
