/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/attn_pool/attn_pool.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 2e-6; /* numerics line of attn_pool.comp */

struct a_case {
    const char *sentence;
    struct tyto_attn_pool_shape shape;
    float spread;
    bool missing; /* every third row is not there */
};

static void run_case(struct check *check, struct tyto_attn_pool *op, const struct a_case *c)
{
    const struct tyto_attn_pool_shape *s = &c->shape;
    const size_t num_weights = (size_t)s->batch * s->num_places;
    const size_t num_feats = (size_t)s->num_rows * s->num_places * s->width;
    const size_t num = (size_t)s->batch * s->width;
    float *weights = check_floats(num_weights);
    float *feats = check_floats(num_feats);
    float *want = check_floats(num);
    float *got = check_floats(num);
    uint32_t *rows = calloc(s->batch, sizeof(*rows));
    struct tyto_plan *plan = NULL;

    if (!rows)
        check_must(TYTO_ERR_NOMEM, "rows");
    check_fill(check, weights, num_weights, 1);
    for (size_t i = 0; i < num_weights; i++) /* about 1 together, as after a softmax */
        weights[i] = 2 * fabsf(weights[i]) / (float)s->num_places;
    check_fill(check, feats, num_feats, c->spread);
    for (uint32_t b = 0; b < s->batch; b++)
        rows[b] = c->missing && b % 3 == 1 ? s->num_rows : s->num_rows - 1 - b % s->num_rows;
    struct tyto_buf *bufs[] = {
        check_buf(check, weights, num_weights), check_buf(check, feats, num_feats),
        check_buf(check, (const float *)rows, s->batch), check_buf(check, NULL, num)};
    const struct tyto_attn_pool_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_attn_pool_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 2.0 * (double)num * s->num_places);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[3], 0, got, num * sizeof(float)), "read");
        tyto_attn_pool_ref(s, weights, feats, rows, want);
        for (size_t i = 0; i < num; i++) {
            want[i] /= c->spread;
            got[i] /= c->spread;
        }
        check_close_to(check, got, want, num, tolerance, c->sentence);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(weights);
    free(feats);
    free(want);
    free(got);
    free(rows);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 1}, 1, false},
    {"the model's own", {24, 49, 128, 24}, 1, false},
    {"without adapter", {2, 49, 1280, 2}, 1, false},
    {"some missing", {7, 10, 12, 3}, 1, true},
    {"many places", {1, 1024, 8, 1}, 1, false},
    {"many items", {65535, 2, 4, 3}, 1, true},
    {"huge values", {3, 9, 64, 3}, 1e37f, false},
    {"tiny values", {3, 9, 64, 3}, 1e-30f, false},
};

static const struct a_case benches[] = {{"24 x 49 x 128", {24, 49, 128, 24}, 1, false},
                                        {"24 x 49 x 1280", {24, 49, 1280, 24}, 1, false}};

static void refusals(struct check *check, struct tyto_attn_pool *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 128);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_attn_pool_io io = {all, all, all, all};
    struct tyto_attn_pool_shape shape = {2, 4, 16, 2};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_attn_pool_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.width = 14;
    check_err(check, tyto_attn_pool_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "no multiple of 4");
    shape.width = 20;
    check_err(check, tyto_attn_pool_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more features than there are");
    shape = (struct tyto_attn_pool_shape){2, 0, 16, 2};
    check_err(check, tyto_attn_pool_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "no place");
    shape = (struct tyto_attn_pool_shape){1, 65536, 65536, 65536};
    check_err(check, tyto_attn_pool_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "a product over 32 bits");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_attn_pool *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_attn_pool_create(check.gpu, &op), "attn_pool");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        refusals(&check, op);
    }
    tyto_attn_pool_destroy(&op);
    return check_close(&check);
}
