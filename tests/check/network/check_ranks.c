/* SPDX-License-Identifier: MIT */
/* Several processes against one: run by with_mpirun.py. Each rank trains with the others, then rank
 * 0 trains the same batch alone; losses, gradients and weights must agree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "tests/check/check.h"
#include "trainer/step/step.h"

enum { STEPS = 10, BATCH = 5, SEGMENTS = 6 };

static const struct tyto_cman_dims dims = {
    .num_segments = SEGMENTS,
    .num_places = 9,
    .audio_in = 12,
    .visual_in = 20,
    .audio_width = 8,
    .visual_width = 16,
    .match_width = 12,
    .when_width = 8,
    .hidden_width = 12,
    .which_width = 8,
    .head_width = 12,
    .num_classes = 4,
    .num_logits = 12,
    .look_ahead = 1,
    .head = TYTO_HEAD_MULTI_LABEL,
};

struct history {
    float losses[STEPS], norms[STEPS], eval_loss;
    float logits[BATCH * SEGMENTS * 12];
    float *values; /* owned */
    size_t num;
};

static void fill_batch(struct check *check, struct tyto_step *step)
{
    enum { ROWS = BATCH * SEGMENTS };
    static float audio[ROWS * 12], visual[ROWS * 9 * 20], yes[ROWS * 12], no[ROWS * 12];
    static uint32_t has[2][ROWS], len[BATCH];
    const struct tyto_step_in in = {audio, visual, {has[0], has[1]}, len, yes, no};

    check_fill(check, audio, sizeof(audio) / sizeof(float), 1);
    check_fill(check, visual, sizeof(visual) / sizeof(float), 1);
    check_fill(check, yes, sizeof(yes) / sizeof(float), 1);
    for (size_t i = 0; i < sizeof(yes) / sizeof(float); i++) {
        no[i] = yes[i] > 0 ? 0 : 1.0f / (ROWS * 12);
        yes[i] = yes[i] > 0 ? 1.0f / (ROWS * 12) : 0;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        has[0][i] = i % 7 == 3 ? TYTO_ROW_NONE : i;
        has[1][i] = i % 11 == 5 ? TYTO_ROW_NONE : i;
    }
    for (uint32_t b = 0; b < BATCH; b++)
        len[b] = SEGMENTS - b % 2;
    check_must(tyto_step_load(step, &in), "batch");
}

static struct history train(struct check *check, struct tyto_ranks *ranks, uint32_t num_workers)
{
    const struct tyto_gpu_params gpu_params = {.device = getenv("TYTO_DEVICE")};
    const struct tyto_step_params params = {.gpu = check->gpu,
                                            .dims = dims,
                                            .adapt = {true, true},
                                            .batch = BATCH,
                                            .dropout = 0.2f,
                                            .num_workers = num_workers,
                                            .gpu_params = &gpu_params,
                                            .ranks = ranks};
    struct history history = {0};
    struct tyto_step *step = NULL;
    const float *logits = NULL;

    check->random = 1; /* the same on all ranks */
    check_must(tyto_step_create(&params, &step), "step");
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    history.num = layout->num;
    history.values = check_floats(history.num);
    check_fill(check, history.values, history.num, 0.3f);
    check_must(tyto_step_write(step, history.values, NULL, NULL), "write");
    fill_batch(check, step);
    for (uint32_t t = 0; t < STEPS; t++) {
        const struct tyto_adamw_hyper hyper = {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 1, 1, 2};
        const struct tyto_dropout_key key = {3, 0, t, 0};
        struct tyto_step_result result;

        check_must(tyto_step_run(step, &hyper, &key, &result), "run");
        history.losses[t] = result.loss;
        history.norms[t] = result.norm;
    }
    check_must(tyto_step_eval(step, &logits, &history.eval_loss), "eval");
    memcpy(history.logits, logits, sizeof(history.logits));
    check_must(tyto_step_read(step, history.values, NULL, NULL), "read");
    tyto_step_destroy(&step);
    return history;
}

static void sums(struct check *check, struct tyto_ranks *ranks)
{
    const float num = (float)tyto_ranks_num(ranks);
    float values[7], want[7];

    for (size_t i = 0; i < 7; i++) {
        values[i] = (float)(i + 1) * (float)(tyto_ranks_rank(ranks) + 1);
        want[i] = (float)(i + 1) * num * (num + 1) / 2;
    }
    check_must(tyto_ranks_sum(ranks, values, 7), "sum");
    check_that(check, memcmp(values, want, sizeof(want)) == 0,
               "a row that does not divide by the ranks is summed up everywhere");
}

static void compare(struct check *check, const struct history *got, const struct history *want,
                    const char *what)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "%s: losses", what);
    check_close_to(check, got->losses, want->losses, STEPS, 1e-5, text);
    (void)snprintf(text, sizeof(text), "%s: gradients", what);
    check_close_to(check, got->norms, want->norms, STEPS, 1e-5, text);
    (void)snprintf(text, sizeof(text), "%s: weights", what);
    check_close_to(check, got->values, want->values, want->num, 1e-5, text);
    (void)snprintf(text, sizeof(text), "%s: logits of all clips", what);
    check_close_to(check, got->logits, want->logits, sizeof(want->logits) / sizeof(float), 1e-5,
                   text);
    check_close_to(check, &got->eval_loss, &want->eval_loss, 1, 1e-5, what);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_ranks *ranks = NULL;
    int exit_code = 0;

    check_must(tyto_ranks_create(&ranks), "ranks");
    if (tyto_ranks_num(ranks) < 2) {
        printf("SKIP: one process; run it by with_mpirun.py\n");
        tyto_ranks_destroy(&ranks);
        return 77;
    }
    if (check_open(&check, argc, argv, &exit_code)) {
        struct history together = train(&check, ranks, 1);
        struct history worker_pools = train(&check, ranks, 2), alone = train(&check, NULL, 1);

        sums(&check, ranks);
        compare(&check, &together, &alone, "ranks as one process");
        compare(&check, &worker_pools, &alone, "ranks of two workers as one process");
        free(together.values);
        free(worker_pools.values);
        free(alone.values);
        exit_code = check_close(&check);
    }
    tyto_ranks_destroy(&ranks);
    return exit_code;
}
