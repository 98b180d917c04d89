/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/cosine_attn_back/cosine_attn_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_cosine_attn_shape shape; /* num_rows: as batch */
    float scale;
    bool missing, zero_query;
};

struct pass {
    const struct tyto_cosine_attn_shape *shape;
    float *query, *key, *dscores, *scores;
    uint32_t *rows;
    float scale;
};

static double value(void *user)
{
    struct pass *p = user;

    tyto_cosine_attn_ref(p->shape, p->query, p->key, p->rows, p->scale, p->scores);
    return gradient_dot(p->scores, p->dscores, (size_t)p->shape->batch * p->shape->num_places);
}

enum { QUERY, KEY, ROWS, SCALE, DSCORES, SCRATCH, DQUERY, DKEY, DSCALE, NUM_BUFS };

static void compare(struct check *check, const struct a_case *c, struct pass *p,
                    struct tyto_buf *const *bufs)
{
    const struct gradient gradient = {value, p, c->sentence};
    const size_t num_query = (size_t)c->shape.batch * c->shape.width;
    const size_t num_key = num_query * c->shape.num_places;
    float *dquery = gradient_read(bufs[DQUERY], num_query);
    float *dkey = gradient_read(bufs[DKEY], num_key);
    float *dscale = gradient_read(bufs[DSCALE], c->shape.batch);
    bool finite = true;

    for (uint32_t b = 1; b < c->shape.batch; b++)
        dscale[0] += dscale[b];
    for (size_t i = 0; i < num_key; i++)
        finite = finite && dkey[i] == dkey[i];
    check_that(check, finite, "%s: all finite", c->sentence);
    if (!c->zero_query) { /* there the cosine has no derivative */
        check_gradient(check, &gradient, "query", p->query, dquery, num_query);
        check_gradient(check, &gradient, "key", p->key, dkey, num_key);
        check_gradient(check, &gradient, "scale", &p->scale, dscale, 1);
    }
    free(dquery);
    free(dkey);
    free(dscale);
}

static void run_case(struct check *check, struct tyto_cosine_attn_back *op, const struct a_case *c)
{
    const struct tyto_cosine_attn_shape *s = &c->shape;
    const size_t num_scores = (size_t)s->batch * s->num_places;
    const size_t num_query = (size_t)s->batch * s->width, num_key = num_scores * s->width;
    struct pass p = {s,
                     check_floats(num_query),
                     check_floats(num_key),
                     check_floats(num_scores),
                     check_floats(num_scores),
                     calloc(s->batch, sizeof(uint32_t)),
                     c->scale};
    struct tyto_plan *plan = NULL;

    if (!p.rows)
        check_must(TYTO_ERR_NOMEM, "rows");
    check_fill(check, p.query, num_query, c->zero_query ? 0 : 1);
    check_fill(check, p.key, num_key, 1);
    check_fill(check, p.dscores, num_scores, 1);
    for (uint32_t b = 0; b < s->batch; b++)
        p.rows[b] = c->missing && b % 2 == 0 ? UINT32_MAX : b;
    struct tyto_buf *bufs[NUM_BUFS] = {
        check_buf(check, p.query, num_query),
        check_buf(check, p.key, num_key),
        check_buf(check, (const float *)p.rows, s->batch),
        check_buf(check, &p.scale, 1),
        check_buf(check, p.dscores, num_scores),
        check_buf(check, NULL, num_scores * 4),
        check_buf(check, NULL, num_query),
        check_buf(check, NULL, num_key),
        check_buf(check, NULL, s->batch),
    };
    const struct tyto_cosine_attn_back_io io = {
        {.buf = bufs[QUERY]},  {.buf = bufs[KEY]},     {.buf = bufs[ROWS]},
        {.buf = bufs[SCALE]},  {.buf = bufs[DSCORES]}, {.buf = bufs[SCRATCH]},
        {.buf = bufs[DQUERY]}, {.buf = bufs[DKEY]},    {.buf = bufs[DSCALE]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_cosine_attn_back_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        compare(check, c, &p, bufs);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.query);
    free(p.key);
    free(p.dscores);
    free(p.scores);
    free(p.rows);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 1}, 1, false, false},
    {"the model's own", {20, 49, 128, 20}, 1, false, false},
    {"a scale and missing rows", {5, 9, 12, 5}, 8, true, false},
    {"more places than lanes", {2, 37, 36, 2}, 3, false, false},
    {"a query that is zero", {2, 9, 8, 2}, 1, false, true},
};

static void refusals(struct check *check, struct tyto_cosine_attn_back *op)
{
    const struct tyto_cosine_attn_shape odd = {1, 2, 6, 1}, large = {1, 9, 4, 1};
    struct tyto_buf *buf = check_buf(check, NULL, 32);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_cosine_attn_back_io io = {all, all, all, all, all, all, all, all, all};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_cosine_attn_back_record(op, plan, &odd, &io), TYTO_ERR_SHAPE,
              "a width that is no multiple of 4");
    check_err(check, tyto_cosine_attn_back_record(op, plan, &large, &io), TYTO_ERR_SHAPE,
              "buffers too small");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_cosine_attn_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_cosine_attn_back_create(check.gpu, &op), "cosine_attn_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench)
        refusals(&check, op);
    tyto_cosine_attn_back_destroy(&op);
    return check_close(&check);
}
