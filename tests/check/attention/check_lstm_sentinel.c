/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 1e-5; /* numerics line of lstm_sentinel.comp */

struct a_case {
    const char *sentence;
    struct tyto_lstm_sentinel_shape shape;
    float x_spread, w_spread;
};

static void run_case(struct check *check, struct tyto_lstm_sentinel *op, const struct a_case *c)
{
    const struct tyto_lstm_sentinel_shape *s = &c->shape;
    const size_t n = s->width;
    const size_t rows = (size_t)s->batch * s->num_segments;
    const size_t num_packed = tyto_lstm_sentinel_packed_bytes(s->width) / sizeof(float);
    float *x = check_floats(rows * s->in_stride);
    float *w = check_floats(5 * n * n); /* hidden (4 D, D), then gate (D, D) */
    float *packed = check_floats(num_packed);
    float *want[2] = {check_floats(rows * n), check_floats(rows * n)};
    float *got = check_floats(rows * n);
    struct tyto_plan *plan = NULL;

    check_fill(check, x, rows * s->in_stride, c->x_spread);
    check_fill(check, w, 5 * n * n, c->w_spread);
    tyto_lstm_sentinel_pack(s->width, w, w + 4 * n * n, packed);
    float *old = check_floats(rows * n); /* what an earlier run left behind must not matter */
    check_fill(check, old, rows * n, 100);
    struct tyto_buf *bufs[] = {check_buf(check, x, rows * s->in_stride),
                               check_buf(check, packed, num_packed),
                               check_buf(check, old, s->batch * n), check_buf(check, old, rows * n),
                               check_buf(check, old, rows * n)};
    const struct tyto_lstm_sentinel_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}, {.buf = bufs[4]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_lstm_sentinel_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 10.0 * (double)(rows * n * n));
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_plan_run(plan), "run again");
        if (!tyto_lstm_sentinel_ref(s, x, w, w + 4 * n * n, want[0], want[1]))
            check_must(TYTO_ERR_NOMEM, "reference");
        for (size_t i = 0; i < 2; i++) {
            char text[128];

            snprintf(text, sizeof(text), "%s: %s", c->sentence, i == 0 ? "h" : "s");
            check_must(tyto_buf_read(bufs[3 + i], 0, got, rows * n * sizeof(float)), "read");
            check_close_to(check, got, want[i], rows * n, tolerance, text);
        }
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(x);
    free(w);
    free(packed);
    free(want[0]);
    free(want[1]);
    free(got);
    free(old);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 20, 0}, 1, 1},
    {"the model's own", {24, 10, 128, 832, 0}, 1, 0.1f},
    {"one stream", {1, 10, 128, 832, 0}, 1, 0.1f},
    {"one more than a tile", {9, 5, 36, 200, 20}, 1, 0.3f},
    {"columns in the middle", {3, 4, 12, 100, 32}, 1, 0.3f},
    {"a long window", {3, 64, 20, 100, 0}, 1, 0.3f},
    {"wide", {2, 3, 516, 2580, 0}, 1, 0.05f},
    {"strong pre-activations", {4, 10, 16, 80, 0}, 10, 0.1f},
    {"saturated", {4, 10, 16, 80, 0}, 1e6f, 0.1f},
};

static const struct a_case benches[] = {{"24 x 10 x 128", {24, 10, 128, 832, 0}, 1, 0.1f},
                                        {"1 x 10 x 128", {1, 10, 128, 832, 0}, 1, 0.1f}};

static void refusals(struct check *check, struct tyto_lstm_sentinel *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 1024);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_lstm_sentinel_io io = {all, all, all, all, all};
    struct tyto_lstm_sentinel_shape shape = {2, 4, 8, 40, 0};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_lstm_sentinel_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.in_offset = 1;
    check_err(check, tyto_lstm_sentinel_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "columns over the end");
    shape = (struct tyto_lstm_sentinel_shape){2, 4, 6, 40, 0};
    check_err(check, tyto_lstm_sentinel_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "no multiple of 4");
    shape = (struct tyto_lstm_sentinel_shape){2, 13, 8, 40, 0};
    check_err(check, tyto_lstm_sentinel_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more than there is");
    shape = (struct tyto_lstm_sentinel_shape){1, 1, 16, 80, 0};
    check_err(check, tyto_lstm_sentinel_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "weights of another width");
    check_that(check, tyto_lstm_sentinel_packed_bytes(TYTO_LSTM_SENTINEL_MAX_WIDTH + 4) == 0,
               "over the widest there are no weights");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_lstm_sentinel *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_lstm_sentinel_create(check.gpu, &op), "lstm_sentinel");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        refusals(&check, op);
    }
    tyto_lstm_sentinel_destroy(&op);
    return check_close(&check);
}
