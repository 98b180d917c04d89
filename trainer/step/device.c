/* SPDX-License-Identifier: MIT */
/* One device's share of a step: its buffers, its maps' places among the parameters, its plans. */
#include <stdlib.h>
#include <string.h>

#include "trainer/step/internal.h"

static const float default_temperature = 0.1f;

/* --- making ---------------------------------------------------------------------------------- */

static uint64_t largest_scratch(const struct tyto_step_device *step)
{
    const uint64_t pictures = (uint64_t)step->rows * step->layout.dims.num_places;
    uint64_t largest = 1;

    for (uint32_t i = 0; i < TYTO_STEP_NUM_LINEARS * TYTO_CMAN_NUM_STREAMS; i++) {
        const struct tyto_step_map map = tyto_step_map(
            step, (enum tyto_step_linear)(i / TYTO_CMAN_NUM_STREAMS), i % TYTO_CMAN_NUM_STREAMS);
        const uint64_t need = tyto_gemm_back_scratch(step->gpu, (uint32_t)pictures, map.n, map.k);

        largest =
            need > largest && i / TYTO_CMAN_NUM_STREAMS <= TYTO_STEP_LINEAR_MATCH ? need : largest;
        if (tyto_gemm_back_scratch(step->gpu, step->rows, map.n, map.k) > largest)
            largest = tyto_gemm_back_scratch(step->gpu, step->rows, map.n, map.k);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const struct tyto_step_map map = tyto_step_head_map(step, i);

        if (tyto_gemm_back_scratch(step->gpu, step->rows, map.n, map.k) > largest)
            largest = tyto_gemm_back_scratch(step->gpu, step->rows, map.n, map.k);
    }
    return largest;
}

static enum tyto_err make_bufs(struct tyto_step_device *step)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_cman_dims *d = &step->layout.dims;
    const uint64_t batch = step->batch, rows = step->rows, places = d->num_places;
    const uint64_t gemm_scratch = largest_scratch(step);
    const bool tunes = step->layout.tune_in > 0;
    enum tyto_err err = TYTO_OK;

#define MAKE_BUF(name, kind, num, width)                                                           \
    if (!err)                                                                                      \
        err = tyto_cman_buf_create(step->gpu, TYTO_BUF_##kind, num, width,                         \
                                   &step->bufs[TYTO_STEP_##name]);
#define MAKE_STREAM_BUF(name, kind, num, width)                                                    \
    if (!err)                                                                                      \
        err = tyto_cman_buf_create(step->gpu, TYTO_BUF_##kind, num, width,                         \
                                   &step->stream_bufs[s][TYTO_STEP_##name]);
    TYTO_STEP_BUF_LIST(MAKE_BUF)
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) {
        const uint64_t pictures = s == TYTO_CMAN_AUDIO ? rows : rows * places;
        const bool adapts = step->layout.adapt[s];

        TYTO_STEP_STREAM_BUF_LIST(MAKE_STREAM_BUF)
    }
#undef MAKE_BUF
#undef MAKE_STREAM_BUF
    return err;
}

static enum tyto_err make_ops(struct tyto_step_device *step)
{
    enum tyto_err err = TYTO_OK;

#define MAKE_OP(name)                                                                              \
    if (!err)                                                                                      \
        err = tyto_##name##_create(step->gpu, &step->name);
    TYTO_STEP_OP_LIST(MAKE_OP)
#undef MAKE_OP
    return err;
}

static enum tyto_err make_linear(struct tyto_step_device *step, struct tyto_step_map map,
                                 const float *zeros, struct tyto_gemm_weights **ret_weights)
{
    if (map.n == 0)
        return TYTO_OK;
    return tyto_gemm_weights_create(step->gpu, TYTO_WEIGHT_F32, zeros,
                                    map.bias == UINT64_MAX ? NULL : zeros, map.n, map.k,
                                    ret_weights);
}

static enum tyto_err make_linears(struct tyto_step_device *step)
{
    float *zeros = calloc(step->layout.num, sizeof(*zeros));
    enum tyto_err err = zeros ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t i = 0; i < TYTO_STEP_NUM_LINEARS * TYTO_CMAN_NUM_STREAMS && !err; i++) {
        const uint32_t which = i / TYTO_CMAN_NUM_STREAMS, s = i % TYTO_CMAN_NUM_STREAMS;

        err = make_linear(step, tyto_step_map(step, (enum tyto_step_linear)which, s), zeros,
                          &step->linears[which][s]);
    }
    for (uint32_t i = 0; i < 2 && !err; i++)
        err = make_linear(step, tyto_step_head_map(step, i), zeros, &step->head[i]);
    free(zeros);
    return err;
}

/* Four kernels read the features: over the bus once, rather than by each. */
static enum tyto_err record_features(struct tyto_step_device *step, struct tyto_plan *plan)
{
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        const struct tyto_buf *host = step->stream_bufs[s][TYTO_STEP_FEATURES_HOST];

        if (host)
            err = tyto_plan_copy(plan, host, 0, step->stream_bufs[s][TYTO_STEP_FEATURES], 0,
                                 tyto_buf_size_bytes(host));
    }
    return err;
}

static enum tyto_err record_one(struct tyto_step_device *step, enum tyto_step_plan which)
{
    static const char *const names[TYTO_STEP_NUM_PLANS] = {"training step", "forward", "backward",
                                                           "update", "evaluation"};
    struct tyto_plan *plan = NULL;
    enum tyto_err err = tyto_plan_create(step->gpu, names[which], &step->plans[which]);

    const bool forward = which == TYTO_STEP_PLAN_WHOLE || which == TYTO_STEP_PLAN_FORWARD ||
                         which == TYTO_STEP_PLAN_EVAL;

    plan = step->plans[which];
    if (!err && forward)
        err = record_features(step, plan);
    if (!err && forward && step->contrasts)
        err = tyto_step_record_contrast(step, plan, which != TYTO_STEP_PLAN_EVAL);
    if (!err && forward && !step->contrasts)
        err = tyto_step_record_forward(step, plan, which != TYTO_STEP_PLAN_EVAL);
    if (!err && forward && !step->contrasts)
        err = tyto_step_record_loss(step, plan);
    if (!err && (which == TYTO_STEP_PLAN_WHOLE || which == TYTO_STEP_PLAN_BACK))
        err = step->contrasts ? tyto_step_record_contrast_back(step, plan)
                              : tyto_step_record_back(step, plan);
    if (!err && (which == TYTO_STEP_PLAN_WHOLE || which == TYTO_STEP_PLAN_UPDATE))
        err = tyto_step_record_update(step, plan);
    return err ? err : tyto_plan_finish(plan);
}

static enum tyto_err record(struct tyto_step_device *step, bool is_split)
{
    enum tyto_err err = record_one(step, TYTO_STEP_PLAN_EVAL);

    if (!is_split)
        return err ? err : record_one(step, TYTO_STEP_PLAN_WHOLE);
    for (uint32_t which = TYTO_STEP_PLAN_FORWARD; which <= TYTO_STEP_PLAN_UPDATE && !err; which++)
        err = record_one(step, (enum tyto_step_plan)which);
    return err;
}

static void fill_in(struct tyto_step_device *step)
{
    const uint32_t num = step->layout.dims.num_segments;
    const struct tyto_step_in in = tyto_step_device_in(step);
    uint32_t *previous = tyto_buf_map(step->bufs[TYTO_STEP_PREVIOUS]);

    for (uint32_t i = 0; i < step->rows; i++) {
        in.has[TYTO_CMAN_AUDIO][i] = in.has[TYTO_CMAN_VISUAL][i] = i;
        previous[i] = i % num > 0 ? i - 1 : TYTO_ROW_NONE;
    }
    for (uint32_t b = 0; b < step->batch; b++)
        in.len[b] = num;
}

static enum tyto_err make_contrast(struct tyto_step_device *step,
                                   const struct tyto_step_params *params)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_info_nce_shape shape = {
        .rows = step->rows,
        .segments = d->num_segments,
        .width = step->layout.widths.match,
        .weight_stride = step->layout.widths.logits,
        .temperature = params->temperature > 0 ? params->temperature : default_temperature,
    };
    float *uniform = tyto_buf_map(step->bufs[TYTO_STEP_UNIFORM]);

    for (size_t i = 0; i < (size_t)step->rows * d->num_places; i++)
        uniform[i] = 1 / (float)d->num_places;
    return tyto_info_nce_create(step->gpu, &shape, &step->info_nce);
}

enum tyto_err tyto_step_device_create(const struct tyto_step_params *params, struct tyto_gpu *gpu,
                                      uint32_t first, uint32_t batch, bool is_split,
                                      struct tyto_step_device **ret_step)
{
    const uint64_t rows = (uint64_t)batch * params->dims.num_segments;
    struct tyto_step_device *step = NULL;
    enum tyto_err err = TYTO_OK;

    if (rows == 0 || rows > TYTO_COL_SUM_MAX_ROWS || params->dims.num_places == 0 ||
        rows * params->dims.num_places > UINT32_MAX)
        return TYTO_ERR_SHAPE;
    step = calloc(1, sizeof(*step));
    if (!step)
        return TYTO_ERR_NOMEM;
    step->gpu = gpu;
    step->first = first;
    step->batch = batch;
    step->rows = (uint32_t)rows;
    step->drop_rate = params->dropout;
    step->pool = params->pool;
    step->contrasts = params->objective == TYTO_STEP_CONTRAST;
    step->discriminates = params->discriminant > 0;
    step->tune = params->tune;
    err = tyto_params_layout_init(&params->dims, params->adapt, params->skip, &step->layout);
    if (!err && params->tune.in > 0)
        err = tyto_params_layout_tune(&step->layout, params->tune.in);
    if (!err)
        err = make_bufs(step);
    if (!err)
        err = make_ops(step);
    if (!err)
        err = make_linears(step);
    if (!err && step->contrasts)
        err = make_contrast(step, params);
    if (!err) {
        fill_in(step);
        err = record(step, is_split);
    }
    if (err) {
        tyto_step_device_destroy(&step);
        return err;
    }
    *ret_step = step;
    return TYTO_OK;
}

void tyto_step_device_destroy(struct tyto_step_device **step_ptr)
{
    struct tyto_step_device *step = step_ptr ? *step_ptr : NULL;

    if (!step)
        return;
    *step_ptr = NULL;
    for (uint32_t i = 0; i < TYTO_STEP_NUM_PLANS; i++)
        tyto_plan_destroy(&step->plans[i]);
    tyto_info_nce_destroy(&step->info_nce);
#define DESTROY_OP(name) tyto_##name##_destroy(&step->name);
    TYTO_STEP_OP_LIST(DESTROY_OP)
#undef DESTROY_OP
    for (uint32_t i = 0; i < TYTO_STEP_NUM_LINEARS * TYTO_CMAN_NUM_STREAMS; i++)
        tyto_gemm_weights_destroy(
            &step->linears[i / TYTO_CMAN_NUM_STREAMS][i % TYTO_CMAN_NUM_STREAMS]);
    for (uint32_t i = 0; i < 2; i++)
        tyto_gemm_weights_destroy(&step->head[i]);
    tyto_cman_bufs_destroy(step->bufs, TYTO_STEP_NUM_BUFS);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        tyto_cman_bufs_destroy(step->stream_bufs[s], TYTO_STEP_NUM_STREAM_BUFS);
    free(step);
}

/* --- using ----------------------------------------------------------------------------------- */

static float *features_of(const struct tyto_step_device *step, uint32_t s)
{
    const struct tyto_buf *host = step->stream_bufs[s][TYTO_STEP_FEATURES_HOST];

    return tyto_buf_map(host ? host : step->stream_bufs[s][TYTO_STEP_FEATURES]);
}

struct tyto_step_in tyto_step_device_in(const struct tyto_step_device *step)
{
    return (struct tyto_step_in){
        .audio = features_of(step, TYTO_CMAN_AUDIO),
        .visual = features_of(step, TYTO_CMAN_VISUAL),
        .has = {tyto_buf_map(step->stream_bufs[TYTO_CMAN_AUDIO][TYTO_STEP_HAS]),
                tyto_buf_map(step->stream_bufs[TYTO_CMAN_VISUAL][TYTO_STEP_HAS])},
        .len = tyto_buf_map(step->bufs[TYTO_STEP_LEN]),
        .yes = tyto_buf_map(step->bufs[TYTO_STEP_YES]),
        .no = tyto_buf_map(step->bufs[TYTO_STEP_NO]),
    };
}

/* A segment is a pair where both streams are there. */
static void weigh_pairs(struct tyto_step_device *step, const struct tyto_step_in *to,
                        float pair_weight)
{
    const uint32_t num = step->layout.dims.num_segments;

    for (uint32_t i = 0; i < step->rows; i++) {
        const bool both = to->has[TYTO_CMAN_AUDIO][i] != TYTO_ROW_NONE &&
                          to->has[TYTO_CMAN_VISUAL][i] != TYTO_ROW_NONE;

        to->yes[(size_t)i * step->layout.widths.logits] =
            both && i % num < to->len[i / num] ? pair_weight : 0;
    }
}

void tyto_step_device_load(struct tyto_step_device *step, const struct tyto_step_in *in,
                           float pair_weight)
{
    const uint32_t begin = step->first;
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_step_in to = tyto_step_device_in(step);
    const size_t rows = step->rows, before = (size_t)begin * d->num_segments;
    const size_t picture = (size_t)d->num_places * tyto_step_picture_in(step);
    const size_t width = step->layout.widths.logits, targets = tyto_step_device_targets(step);
    const size_t targets_before = step->pool == TYTO_STEP_POOL_NONE ? before : begin;

    memcpy(to.audio, in->audio + before * d->audio_in, rows * d->audio_in * sizeof(float));
    memcpy(to.visual, in->visual + before * picture, rows * picture * sizeof(float));
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        for (size_t i = 0; i < rows; i++)
            to.has[s][i] = in->has[s][before + i] == TYTO_ROW_NONE ? TYTO_ROW_NONE : (uint32_t)i;
    memcpy(to.len, in->len + begin, step->batch * sizeof(uint32_t));
    if (step->contrasts) {
        weigh_pairs(step, &to, pair_weight);
        return;
    }
    memcpy(to.yes, in->yes + targets_before * width, targets * width * sizeof(float));
    memcpy(to.no, in->no + targets_before * width, targets * width * sizeof(float));
}

static enum tyto_err write_or_zero(struct tyto_step_device *step, enum tyto_step_buf buf,
                                   const float *values)
{
    const uint64_t num_bytes = step->layout.num * sizeof(float);
    float *zeros = NULL;
    enum tyto_err err = TYTO_OK;

    if (values)
        return tyto_buf_write(step->bufs[buf], 0, values, num_bytes);
    zeros = calloc(1, num_bytes);
    if (!zeros)
        return TYTO_ERR_NOMEM;
    err = tyto_buf_write(step->bufs[buf], 0, zeros, num_bytes);
    free(zeros);
    return err;
}

enum tyto_err tyto_step_device_write(struct tyto_step_device *step, const float *values,
                                     const float *moment_1, const float *moment_2)
{
    enum tyto_err err = write_or_zero(step, TYTO_STEP_VALUES, values);

    if (!err)
        err = write_or_zero(step, TYTO_STEP_MOMENT_1, moment_1);
    if (!err)
        err = write_or_zero(step, TYTO_STEP_MOMENT_2, moment_2);
    return err;
}

enum tyto_err tyto_step_device_run(struct tyto_step_device *step, enum tyto_step_plan plan,
                                   const struct tyto_adamw_hyper *hyper,
                                   const struct tyto_dropout_key *key)
{
    if (hyper)
        memcpy(tyto_buf_map(step->bufs[TYTO_STEP_HYPER]), hyper, sizeof(*hyper));
    if (hyper && step->layout.tune_in > 0) {
        struct tyto_adamw_hyper *tune = tyto_buf_map(step->bufs[TYTO_STEP_TUNE_HYPER]);

        *tune = *hyper;
        tune->rate *= step->tune.rate;
        tune->decay = 0; /* towards 0 is away from what the encoder knows */
    }
    if (key)
        memcpy(tyto_buf_map(step->bufs[TYTO_STEP_KEY]), key, sizeof(*key));
    return tyto_plan_run(step->plans[plan]);
}
