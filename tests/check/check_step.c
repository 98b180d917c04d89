/* SPDX-License-Identifier: MIT */
/* Ten training steps against PyTorch's, from the same filled weights
 * (scripts/golden/make_train.py); what a step must keep to; and its time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "tests/check/check.h"
#include "tests/golden/fill.h"
#include "tests/golden/train.h"
#include "trainer/step.h"

enum { STEPS = 10 };

static const struct tyto_cman_dims small_dims = {
    .num_segments = 6,
    .num_places = 9,
    .audio_in = 12,
    .visual_in = 20,
    .audio_width = 8,
    .visual_width = 16,
    .match_width = 10,
    .when_width = 8,
    .hidden_width = 12,
    .which_width = 6,
    .head_width = 14,
    .num_classes = 5,
    .num_logits = 15,
    .look_ahead = 1,
    .head = TYTO_HEAD_MULTI_LABEL,
};

static const struct tyto_cman_dims full_dims = {
    .num_segments = 10,
    .num_places = 49,
    .audio_in = 128,
    .visual_in = 512,
    .audio_width = 128,
    .visual_width = 512,
    .match_width = 128,
    .when_width = 128,
    .hidden_width = 128,
    .which_width = 128,
    .head_width = 64,
    .num_classes = 28,
    .num_logits = 29,
    .look_ahead = UINT32_MAX,
    .head = TYTO_HEAD_SOFTMAX,
};

/* PyTorch's AdamW at its defaults, step t from 1 on. */
static struct tyto_adamw_hyper hyper_of(int t)
{
    return (struct tyto_adamw_hyper){
        .rate = 2e-3F,
        .beta_1 = 0.9F,
        .beta_2 = 0.999F,
        .epsilon = 1e-8F,
        .decay = 0.01F,
        .correct_1 = (float)(1 / (1 - pow(0.9, t))),
        .correct_2 = (float)(1 / (1 - pow(0.999, t))),
        .max_norm = 2,
    };
}

static float *filled_values(const struct tyto_params_layout *layout, float where_scale)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    float *values = check_floats(layout->num);

    tyto_cman_list_tensors(&layout->dims, infos);
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const size_t cols = infos[i].cols, num = infos[i].rows * (cols ? cols : 1);

        tensors[i] = check_floats(num);
        golden_fill(infos[i].name, tensors[i], num, cols ? golden_weight_scale(cols) : 0.125F);
    }
    tensors[TYTO_CMAN_WHERE_SCALE][0] = where_scale;
    tyto_params_put(layout, tensors, values);
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(tensors[i]);
    return values;
}

/* A batch in host memory, everything there; free_batch frees it. */
static struct tyto_step_in make_batch(const struct tyto_params_layout *layout, uint32_t batch)
{
    const struct tyto_cman_dims *d = &layout->dims;
    const size_t rows = (size_t)batch * d->num_segments;
    struct tyto_step_in in = {
        .audio = check_floats(rows * d->audio_in),
        .visual = check_floats(rows * d->num_places * d->visual_in),
        .has = {malloc(rows * sizeof(uint32_t)), malloc(rows * sizeof(uint32_t))},
        .len = malloc(batch * sizeof(uint32_t)),
        .yes = check_floats(rows * layout->logits),
        .no = check_floats(rows * layout->logits),
    };

    if (!in.has[0] || !in.has[1] || !in.len)
        check_must(TYTO_ERR_NOMEM, "batch");
    golden_fill("in.audio", in.audio, rows * d->audio_in, 2);
    golden_fill("in.visual", in.visual, rows * d->num_places * d->visual_in, 2);
    for (uint32_t i = 0; i < rows; i++)
        in.has[0][i] = in.has[1][i] = i;
    for (uint32_t b = 0; b < batch; b++)
        in.len[b] = d->num_segments;
    return in;
}

static void free_batch(struct tyto_step_in *in)
{
    free(in->audio);
    free(in->visual);
    free(in->has[0]);
    free(in->has[1]);
    free(in->len);
    free(in->yes);
    free(in->no);
}

/* Mean binary cross-entropy where a yes counts twice; what make_train.py leaves out. */
static void small_targets(const struct tyto_step_in *in, uint32_t stride)
{
    float target[12 * 15];

    golden_fill("in.target", target, 12 * 15, 1);
    for (size_t i = 0; i < 12 * 15; i++) {
        in->yes[i / 15 * stride + i % 15] = target[i] > 0.4F ? 2.0F / 180 : 0;
        in->no[i / 15 * stride + i % 15] = target[i] > 0.4F ? 0 : 1.0F / 180;
    }
    in->has[0][2] = in->has[0][6] = in->has[0][11] = TYTO_ROW_NONE;
    in->has[1][3] = in->has[1][4] = in->has[1][6] = TYTO_ROW_NONE;
}

static void full_targets(const struct tyto_step_in *in, uint32_t stride, size_t rows)
{
    float *unit = check_floats(rows);
    float sum = 0;

    golden_fill("in.class", unit, rows, 1);
    for (size_t i = 0; i < rows; i++) {
        const size_t idx = (size_t)((unit[i] + 1) * 14.5F);

        in->yes[i * stride + idx] = 1 + 0.5F * (float)(idx % 3);
        sum += in->yes[i * stride + idx];
    }
    for (size_t i = 0; i < rows * stride; i++)
        in->yes[i] /= sum;
    free(unit);
}

static struct tyto_step *make_step(const struct tyto_step_params *params)
{
    const bool is_small = params->dims.audio_in == small_dims.audio_in;
    struct tyto_step *step = NULL;

    check_must(tyto_step_create(params, &step), "step");
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    float *values = filled_values(layout, is_small ? 8 : 1);
    struct tyto_step_in in = make_batch(layout, params->batch);
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    if (is_small)
        small_targets(&in, layout->logits);
    else
        full_targets(&in, layout->logits, (size_t)params->batch * layout->dims.num_segments);
    check_must(tyto_step_load(step, &in), "batch");
    free_batch(&in);
    free(values);
    return step;
}

/* What workers beside the first run on. */
static struct tyto_gpu_params like_first(void)
{
    const char *minimal = getenv("TYTO_CHECK_MINIMAL");

    return (struct tyto_gpu_params){.device = getenv("TYTO_DEVICE"),
                                    .minimal = minimal && strcmp(minimal, "1") == 0};
}

static struct tyto_step *make_small(struct check *check, float dropout, uint32_t num_workers)
{
    const struct tyto_gpu_params gpu_params = like_first();
    const struct tyto_step_params params = {.gpu = check->gpu,
                                            .dims = small_dims,
                                            .adapt = {true, true},
                                            .batch = 2,
                                            .dropout = dropout,
                                            .num_workers = num_workers,
                                            .gpu_params = &gpu_params};

    return make_step(&params);
}

static struct tyto_step *make_full(struct tyto_gpu *gpu, uint32_t batch, uint32_t num_workers)
{
    const struct tyto_gpu_params gpu_params = like_first();
    const struct tyto_step_params params = {.gpu = gpu,
                                            .dims = full_dims,
                                            .batch = batch,
                                            .num_workers = num_workers,
                                            .gpu_params = &gpu_params};

    return make_step(&params);
}

static void run_steps(struct tyto_step *step, float *ret_losses, float *ret_norms)
{
    for (int t = 1; t <= STEPS; t++) {
        const struct tyto_adamw_hyper hyper = hyper_of(t);
        const struct tyto_dropout_key key = {7, 0, (uint32_t)t, 0};
        struct tyto_step_result result;

        check_must(tyto_step_run(step, &hyper, &key, &result), "run");
        ret_losses[t - 1] = result.loss;
        ret_norms[t - 1] = result.norm;
    }
}

static void follows(struct check *check, struct tyto_step *step, const float *losses,
                    const float *norms, const char *sentence)
{
    float got_losses[STEPS], got_norms[STEPS];

    run_steps(step, got_losses, got_norms);
    check_close_to(check, got_losses, losses, STEPS, 1e-4 / fmax(1, (double)losses[0]), sentence);
    check_close_to(check, got_norms, norms, STEPS, 1e-4, sentence);
}

/* The same seed, the same bits; another seed, others. */
static void repeats(struct check *check)
{
    float losses[3][STEPS], norms[STEPS];

    for (int i = 0; i < 2; i++) {
        struct tyto_step *step = make_small(check, 0.3F, 1);

        run_steps(step, losses[i], norms);
        tyto_step_destroy(&step);
    }
    struct tyto_step *step = make_small(check, 0, 1);
    run_steps(step, losses[2], norms);
    tyto_step_destroy(&step);
    check_that(check, memcmp(losses[0], losses[1], sizeof(losses[0])) == 0,
               "two runs with one seed are equal bit by bit");
    check_that(check, memcmp(losses[0], losses[2], sizeof(losses[0])) != 0,
               "dropout makes a difference");
}

/* Two workers, a clip each, do what one does with both, with dropout too; twice the same bits. */
static void shares(struct check *check)
{
    const uint32_t num_workers[] = {1, 2, 2};
    float losses[3][STEPS], norms[3][STEPS], *values[3];
    size_t num = 0;

    for (int i = 0; i < 3; i++) {
        struct tyto_step *step = make_small(check, 0.3F, num_workers[i]);

        num = tyto_step_layout(step)->num;
        values[i] = check_floats(num);
        run_steps(step, losses[i], norms[i]);
        check_must(tyto_step_read(step, values[i], NULL, NULL), "read");
        tyto_step_destroy(&step);
    }
    check_close_to(check, losses[1], losses[0], STEPS, 1e-5, "two workers: the losses of one");
    check_close_to(check, norms[1], norms[0], STEPS, 1e-5, "two workers: the gradients of one");
    check_close_to(check, values[1], values[0], num, 1e-4, "two workers: the weights of one");
    check_that(check, memcmp(values[1], values[2], num * sizeof(float)) == 0,
               "two workers repeat bit by bit");
    for (int i = 0; i < 3; i++)
        free(values[i]);
}

/* Evaluation gives all clips' logits in their order. */
static void evaluates(struct check *check)
{
    struct tyto_step *one = make_small(check, 0, 1), *two = make_small(check, 0, 2);
    const size_t num = (size_t)12 * tyto_step_layout(one)->logits;
    const float *logits[2] = {0};
    float losses[2];

    check_must(tyto_step_eval(one, &logits[0], &losses[0]), "eval");
    check_must(tyto_step_eval(two, &logits[1], &losses[1]), "eval");
    check_close_to(check, logits[1], logits[0], num, 1e-6, "two workers: the logits of one");
    check_close_to(check, &losses[1], &losses[0], 1, 1e-6, "two workers: the loss of one");
    tyto_step_destroy(&one);
    tyto_step_destroy(&two);
}

/* --- other objectives ------------------------------------------------------------------------ */

enum { OTHER_BATCH = 6 };

/* A small head of one class at a time; six clips, some parts missing. */
static struct tyto_step *make_other(struct check *check, struct tyto_step_params params)
{
    const struct tyto_gpu_params gpu_params = like_first();
    struct tyto_step *step = NULL;

    params.gpu = check->gpu;
    params.gpu_params = &gpu_params;
    params.dims = small_dims;
    params.dims.head = TYTO_HEAD_SOFTMAX;
    params.dims.num_logits = params.dims.num_classes + 1;
    params.adapt[0] = params.adapt[1] = true;
    params.batch = OTHER_BATCH;
    check_must(tyto_step_create(&params, &step), "step of another objective");
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const uint32_t rows = OTHER_BATCH * layout->dims.num_segments;
    float *values = filled_values(layout, 8);
    struct tyto_step_in in = make_batch(layout, OTHER_BATCH);
    for (uint32_t i = 0; i < rows; i++)
        in.yes[i * layout->logits + i % 4] = 1.0F / (float)rows;
    in.has[0][3] = in.has[1][8] = TYTO_ROW_NONE;
    in.len[5] = 4;
    check_must(tyto_step_load(step, &in), "batch");
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    free_batch(&in);
    free(values);
    return step;
}

/* The loss where the parameters stand: a step at a rate of 0. */
static double loss_at(struct tyto_step *step, const float *values)
{
    const struct tyto_adamw_hyper still = {.beta_1 = 0.9F, .beta_2 = 0.999F, .epsilon = 1e-8F};
    const struct tyto_dropout_key key = {0};
    struct tyto_step_result result;

    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    check_must(tyto_step_run(step, &still, &key, &result), "run");
    return (double)result.loss;
}

/* The whole step's gradient against differences of its own loss, where it is large. */
static void slopes(struct check *check, struct tyto_step *step, const char *sentence)
{
    const size_t num = tyto_step_layout(step)->num;
    const float h = 4e-3F;
    float *values = check_floats(num), *grads = check_floats(num), largest = 0;
    double worst = 0;
    size_t num_tried = 0;

    check_must(tyto_step_read(step, values, NULL, NULL), "read");
    (void)loss_at(step, values);
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t i = 0; i < num; i++)
        largest = fmaxf(largest, fabsf(grads[i]));
    for (size_t i = 0; i < num && num_tried < 24; i += 7) {
        const float was = values[i];

        if (fabsf(grads[i]) < 0.1F * largest)
            continue;
        values[i] = was + h;
        const double above = loss_at(step, values);
        values[i] = was - h;
        const double below = loss_at(step, values);
        values[i] = was;
        const double slope = (above - below) / (double)(was + h - (was - h));
        worst = fmax(worst, fabs(slope - (double)grads[i]) / (double)largest);
        num_tried++;
    }
    check_that(check, num_tried > 4 && worst < 1e-2, "%s: a gradient is off by %g of the largest",
               sentence, worst);
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    free(values);
    free(grads);
}

static void learns(struct check *check, struct tyto_step *step, const char *sentence)
{
    float losses[STEPS], norms[STEPS];

    run_steps(step, losses, norms);
    check_that(check, losses[STEPS - 1] < losses[0], "%s: from %g to %g", sentence,
               (double)losses[0], (double)losses[STEPS - 1]);
}

static void contrasts(struct check *check)
{
    struct tyto_step *step =
        make_other(check, (struct tyto_step_params){.objective = TYTO_STEP_CONTRAST});
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const struct tyto_params_slot *head = &layout->slots[TYTO_CMAN_HEAD_0_WEIGHT];
    float *grads = check_floats(layout->num);
    bool is_still = true;

    slopes(check, step, "contrast");
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t i = 0; i < (size_t)layout->widths.head * 2 * layout->widths.hidden; i++)
        is_still &= !(fabsf(grads[head->at + i]) > 0);
    check_that(check, is_still, "contrast: the head has no gradient");
    learns(check, step, "contrast");
    free(grads);
    tyto_step_destroy(&step);
}

/* The host has all workers' features, so that two are as one. */
static void discriminates(struct check *check)
{
    float losses[2][STEPS], norms[2][STEPS];

    for (uint32_t i = 0; i < 2; i++) {
        struct tyto_step *step = make_other(
            check, (struct tyto_step_params){.discriminant = 0.5F, .num_workers = i + 1});

        if (i == 0)
            slopes(check, step, "discriminant");
        run_steps(step, losses[i], norms[i]);
        tyto_step_destroy(&step);
    }
    check_that(check, losses[0][STEPS - 1] < losses[0][0], "discriminant: from %g to %g",
               (double)losses[0][0], (double)losses[0][STEPS - 1]);
    check_close_to(check, losses[1], losses[0], STEPS, 1e-4, "discriminant: two workers as one");
    check_close_to(check, norms[1], norms[0], STEPS, 1e-3, "discriminant: two workers as one");
}

/* What is read back and written again goes on as if nothing had been. */
static void resumes(struct check *check)
{
    struct tyto_step *step = make_small(check, 0, 1), *other = make_small(check, 0, 1);
    const size_t num = tyto_step_layout(step)->num;
    float *state[] = {check_floats(num), check_floats(num), check_floats(num)};
    float losses[STEPS], again[STEPS], norms[STEPS];

    run_steps(step, losses, norms);
    check_must(tyto_step_read(step, state[0], state[1], state[2]), "read");
    check_must(tyto_step_write(other, state[0], state[1], state[2]), "write");
    run_steps(step, losses, norms);
    run_steps(other, again, norms);
    check_that(check, memcmp(losses, again, sizeof(losses)) == 0, "it resumes to the same curve");
    for (size_t i = 0; i < 3; i++)
        free(state[i]);
    tyto_step_destroy(&step);
    tyto_step_destroy(&other);
}

/* Padding stays zero, through gradients, moments and decay. */
static void keeps_padding(struct check *check)
{
    struct tyto_step *step = make_small(check, 0, 1);
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS];
    float *values = check_floats(layout->num), *back = check_floats(layout->num);
    float losses[STEPS], norms[STEPS];

    run_steps(step, losses, norms);
    check_must(tyto_step_read(step, values, NULL, NULL), "read");
    tyto_cman_list_tensors(&layout->dims, infos);
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        tensors[i] = check_floats((size_t)infos[i].rows * (infos[i].cols ? infos[i].cols : 1));
    tyto_params_take(layout, values, tensors);
    tyto_params_put(layout, tensors, back);
    check_that(check, memcmp(values, back, layout->num * sizeof(*values)) == 0,
               "padding stays zero");
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(tensors[i]);
    free(values);
    free(back);
    tyto_step_destroy(&step);
}

static void run_once(void *user)
{
    const struct tyto_adamw_hyper hyper = hyper_of(1);
    const struct tyto_dropout_key key = {0};
    struct tyto_step_result result;

    check_must(tyto_step_run(user, &hyper, &key, &result), "run");
}

static void eval_once(void *user)
{
    const float *logits = NULL;
    float loss = 0;

    check_must(tyto_step_eval(user, &logits, &loss), "eval");
}

/* Kernels of a step by the sum of their times. */
static void print_profile(const struct tyto_step *step)
{
    struct {
        const char *name;
        uint32_t num, groups[3];
        double ms;
    } kinds[256], swap;
    struct tyto_plan_part part;
    uint32_t num = 0;
    double total = 0;

    for (uint32_t i = 0; tyto_step_part(step, i, &part); i++) {
        uint32_t k = 0;

        while (k < num && (strcmp(kinds[k].name, part.name) != 0 ||
                           memcmp(kinds[k].groups, part.groups, sizeof(part.groups)) != 0))
            k++;
        if (k == sizeof(kinds) / sizeof(kinds[0]))
            break;
        if (k == num) {
            kinds[num++].name = part.name;
            memcpy(kinds[k].groups, part.groups, sizeof(part.groups));
            kinds[k].num = 0;
            kinds[k].ms = 0;
        }
        kinds[k].num++;
        kinds[k].ms += (double)part.best_ns * 1e-6;
        total += (double)part.best_ns * 1e-6;
    }
    for (uint32_t i = 0; i < num; i++)
        for (uint32_t k = i + 1; k < num; k++)
            if (kinds[k].ms > kinds[i].ms) {
                swap = kinds[i];
                kinds[i] = kinds[k];
                kinds[k] = swap;
            }
    printf("kernel by kernel, %.1f ms altogether:\n", total);
    for (uint32_t i = 0; i < num && kinds[i].ms > total * 0.003; i++)
        printf("  %8.2f ms %5.1f %%  %3u x %-26s %u x %u x %u groups\n", kinds[i].ms,
               100 * kinds[i].ms / total, kinds[i].num, kinds[i].name, kinds[i].groups[0],
               kinds[i].groups[1], kinds[i].groups[2]);
}

/* The same step on a device that times each command. */
static void profile(void)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .profile = true};
    struct tyto_gpu *gpu = NULL;
    struct tyto_step *step = NULL;

    check_must(tyto_gpu_create(&params, &gpu), "device with profile");
    step = make_full(gpu, 64, 1);
    for (int i = 0; i < STEPS; i++)
        run_once(step);
    print_profile(step);
    tyto_step_destroy(&step);
    tyto_gpu_destroy(&gpu);
}

static double clock_s(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* For tests/bench/step.py: a line of seconds and CPU seconds for each of num steps. */
static int time_steps(uint32_t num_workers, int num)
{
    const struct tyto_gpu_params params = like_first();
    struct tyto_gpu *gpu = NULL;
    struct tyto_step *step = NULL;

    check_must(tyto_gpu_create(&params, &gpu), "device");
    step = make_full(gpu, 64, num_workers);
    for (int i = -2; i < num; i++) {
        const double begin = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);

        run_once(step);
        if (i >= 0)
            printf("%.6f %.6f\n", clock_s(CLOCK_MONOTONIC) - begin,
                   clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    tyto_step_destroy(&step);
    tyto_gpu_destroy(&gpu);
    return 0;
}

static void benches(struct check *check)
{
    struct tyto_step *step = make_full(check->gpu, 64, 1);

    (void)check_bench_call("a step of 64 clips x 10 s", run_once, step, 0);
    (void)check_bench_call("its forward half and loss alone", eval_once, step, 0);
    tyto_step_destroy(&step);
    for (uint32_t num_workers = 2; num_workers <= 4; num_workers *= 2) {
        char name[64];

        (void)snprintf(name, sizeof(name), "a step, %u workers", num_workers);
        step = make_full(check->gpu, 64, num_workers);
        (void)check_bench_call(name, run_once, step, 0);
        tyto_step_destroy(&step);
    }
    profile();
}

static void cases(struct check *check)
{
    float *golden = golden_read("train.f32", GOLDEN_TRAIN_NUM);
    struct tyto_step *step = NULL;

    if (!golden)
        check_must(TYTO_ERR_NOT_FOUND, "golden values");
    step = make_small(check, 0, 1);
    follows(check, step, golden + GOLDEN_TRAIN_SMALL_LOSSES_AT,
            golden + GOLDEN_TRAIN_SMALL_NORMS_AT,
            "ten steps of a small head with adapters and missing parts");
    tyto_step_destroy(&step);
    step = make_full(check->gpu, 2, 1);
    follows(check, step, golden + GOLDEN_TRAIN_FULL_LOSSES_AT, golden + GOLDEN_TRAIN_FULL_NORMS_AT,
            "ten steps of the paper's widths with class weights");
    tyto_step_destroy(&step);
    repeats(check);
    resumes(check);
    keeps_padding(check);
    shares(check);
    evaluates(check);
    contrasts(check);
    discriminates(check);
    free(golden);
}

static void refusals(struct check *check)
{
    struct tyto_step_params params = {.gpu = check->gpu, .dims = small_dims, .batch = 2};
    struct tyto_step *step = NULL;

    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_SHAPE,
              "widths that differ without an adapter");
    params.adapt[0] = params.adapt[1] = true;
    params.batch = 0;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_SHAPE, "no clips");
    params.batch = 2;
    params.num_workers = 3;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_SHAPE, "more workers than clips");
    params.num_workers = 2;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_INVALID,
              "workers without a word on their devices");
    params.num_workers = 1;
    params.discriminant = 1;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_UNSUPPORTED,
              "a discriminant of several labels at once");
    params.discriminant = 0;
    params.dims.visual_in = 21;
    check_err(check, tyto_step_create(&params, &step), TYTO_ERR_SHAPE,
              "an input of no whole texels");
}

int main(int argc, char **argv)
{
    struct check check;
    int exit_code = 0;

    if (argc == 4 && strcmp(argv[1], "--steps") == 0)
        return time_steps((uint32_t)strtoul(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    if (check.bench) {
        benches(&check);
    } else {
        cases(&check);
        refusals(&check);
    }
    return check_close(&check);
}
