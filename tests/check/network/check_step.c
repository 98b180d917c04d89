/* SPDX-License-Identifier: MIT */
/* Ten training steps against PyTorch's, from the same filled weights
 * (scripts/golden/make_train.py); what a step must keep to; and its time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "tests/check/network/step_rig.h"
#include "tests/golden/fill.h"
#include "tests/golden/train.h"

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

/* Mean binary cross-entropy where a yes counts twice; what make_train.py leaves out. */
static void small_targets(const struct tyto_step_in *in, uint32_t stride)
{
    float target[12 * 15];

    golden_fill("in.target", target, 12 * 15, 1);
    for (size_t i = 0; i < 12 * 15; i++) {
        in->yes[i / 15 * stride + i % 15] = target[i] > 0.4f ? 2.0f / 180 : 0;
        in->no[i / 15 * stride + i % 15] = target[i] > 0.4f ? 0 : 1.0f / 180;
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
        const size_t idx = (size_t)((unit[i] + 1) * 14.5f);

        in->yes[i * stride + idx] = 1 + 0.5f * (float)(idx % 3);
        sum += in->yes[i * stride + idx];
    }
    for (size_t i = 0; i < rows * stride; i++)
        in->yes[i] /= sum;
    free(unit);
}

static struct tyto_step *make_step(const struct tyto_step_params *params)
{
    const bool is_small = params->dims.audio_in == step_small_dims.audio_in;
    struct tyto_step *step = NULL;

    check_must(tyto_step_create(params, &step), "step");
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    float *values = step_filled_values(layout, is_small ? 8 : 1);
    struct tyto_step_in in = step_make_batch(layout, params->batch);
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    if (is_small)
        small_targets(&in, layout->widths.logits);
    else
        full_targets(&in, layout->widths.logits, (size_t)params->batch * layout->dims.num_segments);
    check_must(tyto_step_load(step, &in), "batch");
    step_free_batch(&in);
    free(values);
    return step;
}

static struct tyto_step *make_small(struct check *check, float dropout, uint32_t num_workers)
{
    const struct tyto_gpu_params gpu_params = step_like_first();
    const struct tyto_step_params params = {.gpu = check->gpu,
                                            .dims = step_small_dims,
                                            .adapt = {true, true},
                                            .batch = 2,
                                            .dropout = dropout,
                                            .num_workers = num_workers,
                                            .gpu_params = &gpu_params};

    return make_step(&params);
}

static struct tyto_step *make_full(struct tyto_gpu *gpu, uint32_t batch, uint32_t num_workers)
{
    const struct tyto_gpu_params gpu_params = step_like_first();
    const struct tyto_step_params params = {.gpu = gpu,
                                            .dims = full_dims,
                                            .batch = batch,
                                            .num_workers = num_workers,
                                            .gpu_params = &gpu_params};

    return make_step(&params);
}

static void follows(struct check *check, struct tyto_step *step, const float *losses,
                    const float *norms, const char *sentence)
{
    float got_losses[STEP_RIG_STEPS], got_norms[STEP_RIG_STEPS];

    step_run_some(step, got_losses, got_norms);
    check_close_to(check, got_losses, losses, STEP_RIG_STEPS, 1e-4 / fmax(1, (double)losses[0]),
                   sentence);
    check_close_to(check, got_norms, norms, STEP_RIG_STEPS, 1e-4, sentence);
}

/* The same seed, the same bits; another seed, others. */
static void repeats(struct check *check)
{
    float losses[3][STEP_RIG_STEPS], norms[STEP_RIG_STEPS];

    for (int i = 0; i < 2; i++) {
        struct tyto_step *step = make_small(check, 0.3f, 1);

        step_run_some(step, losses[i], norms);
        tyto_step_destroy(&step);
    }
    struct tyto_step *step = make_small(check, 0, 1);
    step_run_some(step, losses[2], norms);
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
    float losses[3][STEP_RIG_STEPS], norms[3][STEP_RIG_STEPS], *values[3];
    size_t num = 0;

    for (int i = 0; i < 3; i++) {
        struct tyto_step *step = make_small(check, 0.3f, num_workers[i]);

        num = tyto_step_layout(step)->num;
        values[i] = check_floats(num);
        step_run_some(step, losses[i], norms[i]);
        check_must(tyto_step_read(step, values[i], NULL, NULL), "read");
        tyto_step_destroy(&step);
    }
    check_close_to(check, losses[1], losses[0], STEP_RIG_STEPS, 1e-5,
                   "two workers: the losses of one");
    check_close_to(check, norms[1], norms[0], STEP_RIG_STEPS, 1e-5,
                   "two workers: the gradients of one");
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
    const size_t num = (size_t)12 * tyto_step_layout(one)->widths.logits;
    const float *logits[2] = {0};
    float losses[2];

    check_must(tyto_step_eval(one, &logits[0], &losses[0]), "eval");
    check_must(tyto_step_eval(two, &logits[1], &losses[1]), "eval");
    check_close_to(check, logits[1], logits[0], num, 1e-6, "two workers: the logits of one");
    check_close_to(check, &losses[1], &losses[0], 1, 1e-6, "two workers: the loss of one");
    tyto_step_destroy(&one);
    tyto_step_destroy(&two);
}

/* What is read back and written again goes on as if nothing had been. */
static void resumes(struct check *check)
{
    struct tyto_step *step = make_small(check, 0, 1), *other = make_small(check, 0, 1);
    const size_t num = tyto_step_layout(step)->num;
    float *state[] = {check_floats(num), check_floats(num), check_floats(num)};
    float losses[STEP_RIG_STEPS], again[STEP_RIG_STEPS], norms[STEP_RIG_STEPS];

    step_run_some(step, losses, norms);
    check_must(tyto_step_read(step, state[0], state[1], state[2]), "read");
    check_must(tyto_step_write(other, state[0], state[1], state[2]), "write");
    step_run_some(step, losses, norms);
    step_run_some(other, again, norms);
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
    float losses[STEP_RIG_STEPS], norms[STEP_RIG_STEPS];

    step_run_some(step, losses, norms);
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
    const struct tyto_adamw_hyper hyper = step_hyper_of(1);
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
    for (uint32_t i = 0; i < num && kinds[i].ms > total * 0.003; i++) {
        char name[128];

        (void)snprintf(name, sizeof(name), "of it %u x %s, %u x %u x %u groups", kinds[i].num,
                       kinds[i].name, kinds[i].groups[0], kinds[i].groups[1], kinds[i].groups[2]);
        if (kinds[i].ms > total * 0.02)
            check_tell_time(name, kinds[i].ms);
        printf("  %8.2f ms %5.1f %%  %3u x %-26s %u x %u x %u groups\n", kinds[i].ms,
               100 * kinds[i].ms / total, kinds[i].num, kinds[i].name, kinds[i].groups[0],
               kinds[i].groups[1], kinds[i].groups[2]);
    }
}

/* The same step on a device that times each command. */
static void profile(void)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .profile = true};
    struct tyto_gpu *gpu = NULL;
    struct tyto_step *step = NULL;

    check_must(tyto_gpu_create(&params, &gpu), "device with profile");
    step = make_full(gpu, 64, 1);
    for (int i = 0; i < STEP_RIG_STEPS; i++)
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
    const struct tyto_gpu_params params = step_like_first();
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
    free(golden);
}

/* Of the largest of a tensor's gradients: what the loss does when that value moves. */
static void check_slope(struct check *check, struct tyto_step *step, enum tyto_cman_tensor tensor,
                        float *values, const float *grads)
{
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const struct tyto_params_slot *slot = &layout->slots[tensor];
    const size_t num = (size_t)slot->padded_row_block * slot->padded_cols;
    const float *logits = NULL, way = 0.02f;
    float losses[2];
    size_t at = slot->at;

    for (size_t i = slot->at; i < slot->at + num; i++)
        if (fabsf(grads[i]) > fabsf(grads[at]))
            at = i;
    const float was = values[at];
    for (int i = 0; i < 2; i++) {
        values[at] = was + (i == 0 ? way : -way);
        check_must(tyto_step_write(step, values, NULL, NULL), "values");
        check_must(tyto_step_eval(step, &logits, &losses[i]), "eval");
    }
    values[at] = was;
    const float slope = (losses[0] - losses[1]) / (2 * way), grad = grads[at];
    check_close_to(check, &grad, &slope, 1, 1e-2, "the short way: gradients are the loss's slopes");
}

static void skips(struct check *check)
{
    static const enum tyto_cman_tensor tensors[] = {TYTO_CMAN_SKIP_AUDIO, TYTO_CMAN_SKIP_VISUAL,
                                                    TYTO_CMAN_ADAPT_AUDIO_WEIGHT,
                                                    TYTO_CMAN_ADAPT_VISUAL_WEIGHT};
    const struct tyto_gpu_params gpu_params = step_like_first();
    const struct tyto_step_params params = {.gpu = check->gpu,
                                            .dims = step_small_dims,
                                            .adapt = {true, true},
                                            .skip = true,
                                            .batch = 2,
                                            .num_workers = 1,
                                            .gpu_params = &gpu_params};
    const struct tyto_dropout_key key = {7, 0, 1, 0};
    const struct tyto_adamw_hyper hyper = step_hyper_of(1);
    struct tyto_step_result result;
    struct tyto_step *step = make_step(&params);
    const size_t num = tyto_step_layout(step)->num;
    float *values = check_floats(num), *grads = check_floats(num);

    check_must(tyto_step_read(step, values, NULL, NULL), "read");
    check_must(tyto_step_run(step, &hyper, &key, &result), "run");
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t i = 0; i < sizeof(tensors) / sizeof(*tensors); i++)
        check_slope(check, step, tensors[i], values, grads);
    tyto_step_destroy(&step);
    free(values);
    free(grads);
}

static void refusals(struct check *check)
{
    struct tyto_step_params params = {.gpu = check->gpu, .dims = step_small_dims, .batch = 2};
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
        skips(&check);
        refusals(&check);
    }
    return check_close(&check);
}
