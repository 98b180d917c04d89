/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/cosine_attn/cosine_attn.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 4e-6; /* numerics line of cosine_attn.comp, times |scale| */

struct a_case {
    const char *sentence;
    struct tyto_cosine_attn_shape shape;
    float scale, spread; /* of the cosine; of the values */
    bool missing;        /* every third row is not there */
};

/* What a run needs; filled at random, then changed by who wants to. */
struct values {
    float *query, *key, *want, *got;
    uint32_t *rows;
};

static struct values make_values(struct check *check, const struct a_case *c)
{
    const struct tyto_cosine_attn_shape *s = &c->shape;
    const size_t num_keys = (size_t)s->num_rows * s->num_places * s->width;
    struct values v = {.query = check_floats((size_t)s->batch * s->width),
                       .key = check_floats(num_keys),
                       .want = check_floats((size_t)s->batch * s->num_places),
                       .got = check_floats((size_t)s->batch * s->num_places),
                       .rows = calloc(s->batch, sizeof(uint32_t))};

    if (!v.rows)
        check_must(TYTO_ERR_NOMEM, "rows");
    check_fill(check, v.query, (size_t)s->batch * s->width, c->spread);
    check_fill(check, v.key, num_keys, c->spread);
    for (uint32_t b = 0; b < s->batch; b++)
        v.rows[b] = c->missing && b % 3 == 1 ? TYTO_ROW_NONE : (s->num_rows - 1 - b % s->num_rows);
    return v;
}

static void run_values(struct check *check, struct tyto_cosine_attn *op, const struct a_case *c,
                       struct values *v)
{
    const struct tyto_cosine_attn_shape *s = &c->shape;
    const size_t num = (size_t)s->batch * s->num_places;
    struct tyto_buf *bufs[] = {
        check_buf(check, v->query, (size_t)s->batch * s->width),
        check_buf(check, v->key, (size_t)s->num_rows * s->num_places * s->width),
        check_buf(check, (const float *)v->rows, s->batch), check_buf(check, &c->scale, 1),
        check_buf(check, NULL, num)};
    const struct tyto_cosine_attn_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}, {.buf = bufs[4]}};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_cosine_attn_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 6.0 * (double)num * s->width);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[4], 0, v->got, num * sizeof(float)), "read");
        tyto_cosine_attn_ref(s, v->query, v->key, v->rows, c->scale, v->want);
        check_close_to(check, v->got, v->want, num, tolerance * fmax(1, fabs((double)c->scale)),
                       c->sentence);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
}

static void free_values(struct values *v)
{
    free(v->query);
    free(v->key);
    free(v->want);
    free(v->got);
    free(v->rows);
}

static void run_case(struct check *check, struct tyto_cosine_attn *op, const struct a_case *c)
{
    struct values v = make_values(check, c);

    run_values(check, op, c, &v);
    free_values(&v);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 1}, 1, 1, false},
    {"the model's own", {24, 49, 128, 24}, 10, 1, false},
    {"some missing", {7, 10, 12, 3}, -3, 1, true},
    {"a long vector", {2, 9, 4100, 2}, 1, 1, false},
    {"many places", {1, 1024, 8, 1}, 1, 1, false},
    {"many items", {65535, 2, 4, 3}, 1, 1, true},
    {"large values", {3, 9, 64, 3}, 1, 1e15f, false},
    {"tiny values", {3, 9, 64, 3}, 1, 1e-10f, false},
};

static const struct a_case benches[] = {{"24 x 49 x 128", {24, 49, 128, 24}, 1, 1, false}};

/* Vectors of zeros, opposite and equal ones: 0, -scale, scale. */
static void zero_vectors(struct check *check, struct tyto_cosine_attn *op)
{
    const struct a_case c = {"zeros, equals and opposites", {2, 3, 8, 1}, 5, 1, false};
    struct values v = make_values(check, &c);

    v.rows[0] = v.rows[1] = 0;
    memset(v.query + 8, 0, 8 * sizeof(float));
    memset(v.key, 0, 8 * sizeof(float));
    for (size_t d = 0; d < 8; d++) {
        v.key[8 + d] = v.query[d] * 3;
        v.key[16 + d] = -v.query[d];
    }
    run_values(check, op, &c, &v);
    check_that(check, fabsf(v.got[1] - 5) < 1e-4f && fabsf(v.got[2] + 5) < 1e-4f && v.got[0] == 0,
               "equal vectors score the scale");
    free_values(&v);
}

static void refusals(struct check *check, struct tyto_cosine_attn *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 128);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_cosine_attn_io io = {all, all, all, all, all};
    struct tyto_cosine_attn_shape shape = {2, 4, 16, 2};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_cosine_attn_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.width = 15;
    check_err(check, tyto_cosine_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "no multiple of 4");
    shape.width = 20;
    check_err(check, tyto_cosine_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more keys than there are");
    shape = (struct tyto_cosine_attn_shape){0, 4, 16, 2};
    check_err(check, tyto_cosine_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "no item");
    shape = (struct tyto_cosine_attn_shape){65536, 65536, 65536, 1};
    check_err(check, tyto_cosine_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "a product over 32 bits");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_cosine_attn *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_cosine_attn_create(check.gpu, &op), "cosine_attn");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        zero_vectors(&check, op);
        refusals(&check, op);
    }
    tyto_cosine_attn_destroy(&op);
    return check_close(&check);
}
