/* SPDX-License-Identifier: MIT */
/* A step that trains the picture encoder's last layer: the whole step's gradient against
 * differences of its own loss, its forward pass against a step that reads the layer's output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check/network/step_rig.h"
#include "tests/golden/fill.h"

enum { BATCH = 4, IN = 8 };

static const float tune_rate = 0.1f;

/* The layer's values behind a filled head's; about half of its outputs are clamped. */
static float *fill_values(const struct tyto_params_layout *layout)
{
    float *values = step_filled_values(layout, 8);
    const size_t num = (size_t)layout->dims.visual_in * layout->tune_in;

    if (layout->tune_in > 0) {
        golden_fill("tune.weight", values + layout->tune_weight, num, 1.5f);
        golden_fill("tune.bias", values + layout->tune_bias, layout->dims.visual_in, 3);
    }
    return values;
}

static struct tyto_step *make_step(struct check *check, uint32_t tune_in, uint32_t num_workers,
                                   enum tyto_act act)
{
    const struct tyto_gpu_params gpu_params = step_like_first();
    const struct tyto_step_params params = {.gpu = check->gpu,
                                            .gpu_params = &gpu_params,
                                            .num_workers = num_workers,
                                            .dims = step_small_dims,
                                            .adapt = {true, true},
                                            .batch = BATCH,
                                            .tune = {tune_in, act, tune_rate}};
    struct tyto_step *step = NULL;

    check_must(tyto_step_create(&params, &step), "step");
    return step;
}

/* in: what the layer reads, and targets. */
static struct tyto_step_in make_batch(const struct tyto_params_layout *layout)
{
    struct tyto_step_in in = step_make_batch(layout, BATCH); /* wide enough for the narrower too */
    const uint32_t rows = BATCH * layout->dims.num_segments;

    golden_fill("in.tapped", in.visual, (size_t)rows * layout->dims.num_places * IN, 2);
    for (uint32_t i = 0; i < rows; i++) {
        in.yes[i * layout->widths.logits + i % 15] = 1.0f / (float)rows;
        in.no[i * layout->widths.logits + (i + 4) % 15] = 0.5f / (float)rows;
    }
    in.has[0][3] = in.has[1][8] = in.has[1][0] = TYTO_ROW_NONE;
    in.len[3] = 4;
    return in;
}

static struct tyto_step *make_tuned(struct check *check, uint32_t num_workers, enum tyto_act act)
{
    struct tyto_step *step = make_step(check, IN, num_workers, act);
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    float *values = fill_values(layout);
    struct tyto_step_in in = make_batch(layout);

    check_must(tyto_step_load(step, &in), "batch");
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    step_free_batch(&in);
    free(values);
    return step;
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The loss of the step's logits, summed in double: f32 would hide small differences. */
static double loss_at(struct tyto_step *step, const struct tyto_step_in *in, const float *values)
{
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const size_t num = (size_t)BATCH * layout->dims.num_segments * layout->widths.logits;
    const float *logits = NULL;
    float loss = 0;
    double sum = 0;

    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    check_must(tyto_step_eval(step, &logits, &loss), "eval");
    for (size_t i = 0; i < num; i++)
        sum += (double)in->yes[i] * softplus(-(double)logits[i]) +
               (double)in->no[i] * softplus((double)logits[i]);
    return sum;
}

/* Whether moving value i of the tuned layer by h takes an output of it over a corner, where there
 * is no gradient to compare with. */
static bool turns(const struct tyto_params_layout *layout, const struct tyto_step_in *in,
                  const float *values, uint64_t i, float h)
{
    const size_t places = (size_t)BATCH * layout->dims.num_segments * layout->dims.num_places;
    const bool is_bias = i >= layout->tune_bias;
    const size_t out = is_bias ? i - layout->tune_bias : (i - layout->tune_weight) / IN;

    for (size_t p = 0; p < places && i >= layout->tune_weight; p++) {
        const float *x = in->visual + p * IN, *weight = values + layout->tune_weight + out * IN;
        const double moves = 1.01 * fabs(is_bias ? 1 : (double)x[(i - layout->tune_weight) % IN]);
        double sum = (double)values[layout->tune_bias + out];

        for (size_t k = 0; k < IN; k++)
            sum += (double)weight[k] * (double)x[k];
        if (fabs(sum) <= moves * (double)h || fabs(sum - 6) <= moves * (double)h)
            return true;
    }
    return false;
}

/* Gradients of [begin, end) against differences of the step's own loss, where they are large. */
static void slopes(struct check *check, enum tyto_act act, const char *sentence)
{
    const struct tyto_adamw_hyper still = {.beta_1 = 0.9f, .beta_2 = 0.999f, .epsilon = 1e-8f};
    const struct tyto_dropout_key key = {0};
    struct tyto_step *step = make_tuned(check, 1, act);
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const uint64_t begins[] = {layout->tune_weight, layout->tune_bias,
                               layout->slots[TYTO_CMAN_ADAPT_VISUAL_WEIGHT].at};
    const uint64_t ends[] = {layout->tune_bias, layout->num, begins[2] + 320};
    float *values = fill_values(layout), *grads = check_floats(layout->num);
    struct tyto_step_in in = make_batch(layout);
    struct tyto_step_result result;

    check_must(tyto_step_run(step, &still, &key, &result), "run");
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t part = 0; part < 3; part++) {
        double worst = 0;
        float largest = 0;
        uint32_t num_tried = 0;

        for (uint64_t i = begins[part]; i < ends[part]; i++)
            largest = fmaxf(largest, fabsf(grads[i]));
        for (uint64_t i = begins[part]; i < ends[part] && num_tried < 16; i++) {
            const float was = values[i], h = 1e-3f;

            if (fabsf(grads[i]) < 0.2f * largest || turns(layout, &in, values, i, h))
                continue;
            values[i] = was + h;
            const double above = loss_at(step, &in, values);
            values[i] = was - h;
            const double below = loss_at(step, &in, values);
            values[i] = was;
            worst = fmax(worst,
                         fabs((above - below) / (double)(was + h - (was - h)) - (double)grads[i]) /
                             (double)largest);
            num_tried++;
        }
        check_that(check, largest > 0 && num_tried > 4 && worst < 2e-2,
                   "%s, part %zu: of %u gradients one is off by %g of the largest (%g)", sentence,
                   part, num_tried, worst, (double)largest);
    }
    step_free_batch(&in);
    free(values);
    free(grads);
    tyto_step_destroy(&step);
}

/* What an untuned step says of the layer's output, computed here. */
static void forward(struct check *check)
{
    struct tyto_step *tuned = make_tuned(check, 1, TYTO_ACT_RELU6);
    struct tyto_step *plain = make_step(check, 0, 1, TYTO_ACT_NONE);
    const struct tyto_params_layout *layout = tyto_step_layout(tuned);
    const struct tyto_params_layout *narrow = tyto_step_layout(plain);
    const size_t rows = (size_t)BATCH * layout->dims.num_segments;
    const size_t places = rows * layout->dims.num_places, wide = layout->dims.visual_in;
    struct tyto_step_in in = make_batch(layout);
    float *values = fill_values(layout), *visual = check_floats(places * wide);
    const float *logits[2], *tapped = in.visual;
    float losses[2];
    size_t num_low = 0, num_high = 0;

    for (size_t i = 0; i < places * wide; i++) {
        const float *weight = values + layout->tune_weight + i % wide * IN;
        double sum = (double)values[layout->tune_bias + i % wide];

        for (size_t k = 0; k < IN; k++)
            sum += (double)weight[k] * (double)tapped[i / wide * IN + k];
        visual[i] = (float)fmin(fmax(sum, 0), 6);
        num_low += sum < 0;
        num_high += sum > 6;
    }
    check_that(check, num_low > 100 && num_high > 100, "both sides are clamped");
    in.visual = visual;
    check_must(tyto_step_load(plain, &in), "batch");
    check_must(tyto_step_write(plain, values, NULL, NULL), "values");
    check_must(tyto_step_eval(tuned, &logits[0], &losses[0]), "eval");
    check_must(tyto_step_eval(plain, &logits[1], &losses[1]), "eval");
    check_that(check, narrow->num <= layout->tune_weight, "the layer lies behind the tensors");
    check_close_to(check, logits[0], logits[1], rows * layout->widths.logits, 1e-4,
                   "a tuned layer's forward pass");
    in.visual = (float *)(uintptr_t)tapped;
    step_free_batch(&in);
    free(values);
    free(visual);
    tyto_step_destroy(&tuned);
    tyto_step_destroy(&plain);
}

/* Twice the same bits; two workers as one; the loss goes down; the layer moves, by its own rate. */
static void learns(struct check *check)
{
    const uint32_t num_workers[] = {1, 1, 2};
    float losses[3][STEP_RIG_STEPS], norms[3][STEP_RIG_STEPS], *values[3], *start = NULL;
    const struct tyto_params_layout *layout = NULL;
    struct tyto_step *steps[3];
    float most = 0;

    for (int i = 0; i < 3; i++) {
        steps[i] = make_tuned(check, num_workers[i], TYTO_ACT_RELU6);
        layout = tyto_step_layout(steps[i]);
        values[i] = check_floats(layout->num);
        step_run_some(steps[i], losses[i], norms[i]);
        check_must(tyto_step_read(steps[i], values[i], NULL, NULL), "read");
    }
    start = fill_values(layout);
    for (uint64_t i = layout->tune_weight; i < layout->num; i++)
        most = fmaxf(most, fabsf(values[0][i] - start[i]));
    check_that(check, memcmp(values[0], values[1], layout->num * sizeof(float)) == 0,
               "it repeats bit by bit");
    check_close_to(check, losses[2], losses[0], STEP_RIG_STEPS, 1e-5, "two workers: the losses");
    check_close_to(check, values[2], values[0], layout->num, 1e-4, "two workers: the weights");
    check_that(check, losses[0][STEP_RIG_STEPS - 1] < losses[0][0], "the loss goes from %g to %g",
               (double)losses[0][0], (double)losses[0][STEP_RIG_STEPS - 1]);
    /* AdamW's first steps go by about the rate each, whatever the gradient: 2e-3 of step_rig */
    check_that(check, most > 1e-4f && most < 2e-3f * tune_rate * STEP_RIG_STEPS * 2,
               "the layer moved by %g", (double)most);
    for (int i = 0; i < 3; i++) {
        tyto_step_destroy(&steps[i]);
        free(values[i]);
    }
    free(start);
}

static void refusals(struct check *check)
{
    struct tyto_step_params params = {.gpu = check->gpu,
                                      .dims = step_small_dims,
                                      .adapt = {true, true},
                                      .batch = BATCH,
                                      .tune = {6, TYTO_ACT_RELU6, tune_rate}};
    struct tyto_step *step = NULL;

    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_SHAPE, "no whole texels");
    params.tune.in = IN;
    params.tune.act = TYTO_ACT_TANH;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_UNSUPPORTED, "another activation");
    params.tune.act = TYTO_ACT_RELU6;
    params.objective = TYTO_STEP_CONTRAST;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_UNSUPPORTED, "without labels");
}

static void run_once(void *user)
{
    const struct tyto_adamw_hyper hyper = step_hyper_of(1);
    const struct tyto_dropout_key key = {0};
    struct tyto_step_result result;

    check_must(tyto_step_run(user, &hyper, &key, &result), "run");
}

/* MobileNetV2's last layer behind a head of the usual widths; what is without it, projected. */
static void benches(struct check *check)
{
    static const struct tyto_cman_dims dims = {.num_segments = 10,
                                               .num_places = 49,
                                               .audio_in = 160,
                                               .visual_in = 1280,
                                               .audio_width = 160,
                                               .visual_width = 128,
                                               .match_width = 64,
                                               .when_width = 64,
                                               .hidden_width = 96,
                                               .which_width = 64,
                                               .head_width = 64,
                                               .num_classes = 5,
                                               .num_logits = 15,
                                               .look_ahead = 1};
    struct tyto_step_params params = {.gpu = check->gpu,
                                      .dims = dims,
                                      .adapt = {true, true},
                                      .batch = 32,
                                      .tune = {320, TYTO_ACT_RELU6, tune_rate}};

    for (int i = 0; i < 2; i++) {
        struct tyto_step *step = NULL;

        check_must(tyto_step_create(&params, &step), "step");
        float *values = fill_values(tyto_step_layout(step));
        check_must(tyto_step_write(step, values, NULL, NULL), "values");
        (void)check_bench_call(i == 0 ? "a tuned step of 32 clips x 10 s" : "projected, untuned",
                               run_once, step, 0);
        free(values);
        tyto_step_destroy(&step);
        params.tune.in = 0;
        params.dims.visual_in = dims.visual_width;
        params.adapt[0] = params.adapt[1] = false;
    }
}

int main(int argc, char **argv)
{
    struct check check;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    if (!check.bench) {
        forward(&check);
        slopes(&check, TYTO_ACT_RELU6, "relu6");
        slopes(&check, TYTO_ACT_RELU, "relu");
        slopes(&check, TYTO_ACT_NONE, "no activation");
        learns(&check);
        refusals(&check);
    } else {
        benches(&check);
    }
    return check_close(&check);
}
