/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/adamw/adamw.h"
#include "tests/check/gradient.h"

enum { PARAMS, GRADS, MOMENT_1, MOMENT_2, HYPER, PARTS, NORM, NUM_BUFS };

static double norm_of(const float *grads, size_t num)
{
    return sqrt(gradient_dot(grads, grads, num));
}

static void step(const struct tyto_adamw_hyper *h, double by, size_t num, const float *grads,
                 float *const *state)
{
    for (size_t i = 0; i < num; i++) {
        const double g = by * grads[i];
        const double m = h->beta_1 * state[1][i] + (1 - h->beta_1) * g;
        const double v = h->beta_2 * state[2][i] + (1 - h->beta_2) * g * g;

        state[0][i] = (float)(state[0][i] * (1 - h->rate * h->decay) -
                              h->rate * h->correct_1 * m / (sqrt(h->correct_2 * v) + h->epsilon));
        state[1][i] = (float)m;
        state[2][i] = (float)v;
    }
}

static void run_case(struct check *check, struct tyto_adamw *op, uint32_t num, float max_norm)
{
    struct tyto_adamw_hyper hyper = {
        .rate = 0.01f,
        .beta_1 = 0.9f,
        .beta_2 = 0.999f,
        .epsilon = 1e-8f,
        .decay = 0.1f,
        .max_norm = max_norm,
    };
    float *grads = check_floats(num);
    float *state[3] = {check_floats(num), check_floats(num), check_floats(num)};
    struct tyto_plan *plan = NULL;

    check_fill(check, grads, num, 1);
    check_fill(check, state[0], num, 1);
    struct tyto_buf *bufs[NUM_BUFS] = {
        check_buf(check, state[0], num), check_buf(check, grads, num),
        check_buf(check, NULL, num),     check_buf(check, NULL, num),
        check_buf(check, NULL, 8),       check_buf(check, NULL, TYTO_ADAMW_PARTS),
        check_buf(check, NULL, 2)};
    const struct tyto_adamw_io io = {{.buf = bufs[PARAMS]},   {.buf = bufs[GRADS]},
                                     {.buf = bufs[MOMENT_1]}, {.buf = bufs[MOMENT_2]},
                                     {.buf = bufs[HYPER]},    {.buf = bufs[PARTS]},
                                     {.buf = bufs[NORM]}};
    const double norm = norm_of(grads, num);
    const double by = max_norm > 0 ? fmin(1, max_norm / (norm + 1e-6)) : 1;

    check_must(tyto_plan_create(check->gpu, "adamw", &plan), "plan");
    check_err(check, tyto_adamw_record(op, plan, num + 4, &io), TYTO_ERR_SHAPE, "too many");
    check_err(check, tyto_adamw_record(op, plan, num - 1, &io), TYTO_ERR_SHAPE, "no multiple of 4");
    check_must(tyto_adamw_record(op, plan, num, &io), "record");
    check_must(tyto_plan_finish(plan), "finish");
    for (int t = 1; t <= 3; t++) {
        hyper.correct_1 = (float)(1 / (1 - pow(0.9, t)));
        hyper.correct_2 = (float)(1 / (1 - pow(0.999, t)));
        check_must(tyto_buf_write(bufs[HYPER], 0, &hyper, sizeof(hyper)), "hyper");
        check_must(tyto_plan_run(plan), "run");
        step(&hyper, by, num, grads, state);
    }
    float *got = gradient_read(bufs[PARAMS], num), *got_norm = gradient_read(bufs[NORM], 2);
    const float want_norm[] = {(float)norm, (float)by};
    check_close_to(check, got, state[0], num, 1e-6, "parameters after three steps");
    check_close_to(check, got_norm, want_norm, 2, 1e-5, "norm and factor");
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&bufs[i]);
    for (size_t i = 0; i < 3; i++)
        free(state[i]);
    free(grads);
    free(got);
    free(got_norm);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_adamw *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_adamw_create(check.gpu, &op), "adamw");
    if (!check.bench) {
        run_case(&check, op, 4, 0);
        run_case(&check, op, 4, 0.5f);
        run_case(&check, op, 100004, 1);
        run_case(&check, op, 100004, 1e6f);
    }
    tyto_adamw_destroy(&op);
    return check_close(&check);
}
