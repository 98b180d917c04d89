/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/row_gather/row_gather.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_row_gather_shape shape;
};

static void run_case(struct check *check, struct tyto_row_gather *op, const struct a_case *c)
{
    const struct tyto_row_gather_shape *s = &c->shape;
    const size_t num_in = (size_t)s->num_rows * s->in_width;
    const size_t num = (size_t)s->batch * s->out_width;
    float *in = check_floats(num_in);
    float *want = check_floats(num);
    float *got = check_floats(num);
    uint32_t *rows = calloc(s->batch, sizeof(*rows));
    struct tyto_plan *plan = NULL;

    if (!rows)
        check_must(TYTO_ERR_NOMEM, "rows");
    check_fill(check, in, num_in, 1);
    in[0] = INFINITY;
    in[num_in - 1] = 3e38f;
    for (uint32_t b = 0; b < s->batch; b++)
        rows[b] = b % 5 == 3 ? UINT32_MAX : s->num_rows - 1 - b % s->num_rows;
    struct tyto_buf *bufs[] = {check_buf(check, in, num_in),
                               check_buf(check, (const float *)rows, s->batch),
                               check_buf(check, NULL, num)};
    const struct tyto_row_gather_io io = {{.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_row_gather_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[2], 0, got, num * sizeof(float)), "read");
        tyto_row_gather_ref(s, in, rows, want);
        check_that(check, memcmp(got, want, num * sizeof(float)) == 0, "%s: not exact",
                   c->sentence);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(in);
    free(want);
    free(got);
    free(rows);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 1, 1}}, {"the model's own", {24, 24, 128, 128}},
    {"padded", {9, 4, 13, 16}},          {"padded a lot", {4, 3, 1, 100}},
    {"many items", {65535, 7, 3, 4}},
};

static const struct a_case benches[] = {{"24 x 128", {24, 24, 128, 128}}};

static void refusals(struct check *check, struct tyto_row_gather *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 64);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_row_gather_io io = {all, all, all};
    struct tyto_row_gather_shape shape = {4, 4, 16, 16};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_row_gather_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.out_width = 15;
    check_err(check, tyto_row_gather_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "narrower than its rows");
    shape.out_width = 17;
    check_err(check, tyto_row_gather_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more than fits");
    shape = (struct tyto_row_gather_shape){4, 0, 16, 16};
    check_err(check, tyto_row_gather_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "no row");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_row_gather *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_row_gather_create(check.gpu, &op), "row_gather");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        refusals(&check, op);
    }
    tyto_row_gather_destroy(&op);
    return check_close(&check);
}
