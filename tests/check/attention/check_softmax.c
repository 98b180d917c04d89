/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "shaders/softmax/softmax.h"
#include "shaders/softmax/softmax_shape.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 2e-6; /* numerics line of softmax.comp */

struct rows {
    const char *sentence;
    uint32_t rows, width;
    float scale;
};

static void run_rows(struct check *check, struct tyto_softmax *op, const struct rows *rows,
                     float *in)
{
    const size_t num = (size_t)rows->rows * rows->width;
    float *want = check_floats(num);
    float *got = check_floats(num);
    struct tyto_buf *in_buf = check_buf(check, in, num);
    struct tyto_buf *out_buf = check_buf(check, NULL, num);
    const struct tyto_bind from = {.buf = in_buf};
    const struct tyto_bind to = {.buf = out_buf};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "softmax", &plan), "plan");
    check_must(tyto_softmax_record(op, plan, rows->rows, rows->width, &from, &to), rows->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, rows->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(out_buf, 0, got, num * sizeof(*got)), "read");
        tyto_softmax_ref(rows->rows, rows->width, in, want);
        check_close_to(check, got, want, num, tolerance, rows->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in_buf);
    tyto_buf_destroy(&out_buf);
    free(want);
    free(got);
}

static void run_random(struct check *check, struct tyto_softmax *op, const struct rows *rows)
{
    float *in = check_floats((size_t)rows->rows * rows->width);

    check_fill(check, in, (size_t)rows->rows * rows->width, rows->scale);
    run_rows(check, op, rows, in);
    free(in);
}

static const struct rows cases[] = {
    {"one of one", 1, 1, 1},
    {"narrower than a subgroup", 3, 5, 4},
    {"a place map of 24 streams", 24, 49, 10},
    {"steep", 9, 33, 80},
    {"a very long row", 1, TYTO_SOFTMAX_MAX_WIDTH, 1},
    {"very many rows", 65535, 3, 1},
};

static const struct rows benches[] = {
    {"24 x 49", 24, 49, 10},
    {"1024 x 1024", 1024, 1024, 10},
};

static void hostile(struct check *check, struct tyto_softmax *op)
{
    const float huge = 3.4028234e38f;
    float rows[][6] = {
        {huge, huge, -huge, 0, 1, 2},
        {-huge, -huge, -huge, -huge, -huge, -huge},
        {1e-45f, 0, -1e-45f, 0, 0, 0},
        {88, -88, 700, 699, -700, 0},
    };
    const struct rows shape = {"the ends of f32", NUM(rows), 6, 0};

    run_rows(check, op, &shape, rows[0]);
}

static void refusals(struct check *check, struct tyto_softmax *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 64);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_bind part = {.buf = buf, .size_bytes = 32};
    const struct tyto_bind none = {.buf = NULL};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "softmax", &plan), "plan");
    check_err(check, tyto_softmax_record(op, plan, 0, 8, &all, &all), TYTO_ERR_SHAPE, "no row");
    check_err(check, tyto_softmax_record(op, plan, 8, 0, &all, &all), TYTO_ERR_SHAPE, "no column");
    check_err(check, tyto_softmax_record(op, plan, 9, 8, &all, &all), TYTO_ERR_SHAPE,
              "more than there is");
    check_err(check, tyto_softmax_record(op, plan, 2, 8, &all, &part), TYTO_ERR_SHAPE,
              "more than the range");
    check_err(check, tyto_softmax_record(op, plan, 2, 8, &none, &all), TYTO_ERR_SHAPE, "no buffer");
    check_err(check, tyto_softmax_record(op, plan, 1, TYTO_SOFTMAX_MAX_WIDTH + 1, &all, &all),
              TYTO_ERR_SHAPE, "over the width");
    check_err(check, tyto_softmax_record(op, plan, 65536, 65536, &all, &all), TYTO_ERR_SHAPE,
              "a product over 32 bits");
    check_err(check, tyto_softmax_record(op, plan, 8, 8, &all, &all), TYTO_OK, "in place");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_softmax *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_softmax_create(check.gpu, &op), "softmax");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_random(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_random(&check, op, &cases[i]);
    if (!check.bench) {
        hostile(&check, op);
        refusals(&check, op);
    }
    tyto_softmax_destroy(&op);
    return check_close(&check);
}
