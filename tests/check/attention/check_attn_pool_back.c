/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/attn_pool_back/attn_pool_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_attn_pool_shape shape; /* num_rows: as batch */
    bool missing;
};

struct pass {
    const struct tyto_attn_pool_shape *shape;
    float *weights, *feats, *dout, *out;
    uint32_t *rows;
};

static double value(void *user)
{
    struct pass *p = user;

    tyto_attn_pool_ref(p->shape, p->weights, p->feats, p->rows, p->out);
    return gradient_dot(p->out, p->dout, (size_t)p->shape->batch * p->shape->width);
}

static void run_case(struct check *check, struct tyto_attn_pool_back *op, const struct a_case *c)
{
    const struct tyto_attn_pool_shape *s = &c->shape;
    const size_t num_weights = (size_t)s->batch * s->num_places;
    const size_t num_feats = num_weights * s->width;
    const size_t num_out = (size_t)s->batch * s->width;
    struct pass p = {s,
                     check_floats(num_weights),
                     check_floats(num_feats),
                     check_floats(num_out),
                     check_floats(num_out),
                     calloc(s->batch, sizeof(uint32_t))};
    const struct gradient gradient = {value, &p, c->sentence};
    struct tyto_plan *plan = NULL;

    if (!p.rows)
        check_must(TYTO_ERR_NOMEM, "rows");
    check_fill(check, p.weights, num_weights, 1);
    check_fill(check, p.feats, num_feats, 1);
    check_fill(check, p.dout, num_out, 1);
    for (uint32_t b = 0; b < s->batch; b++)
        p.rows[b] = c->missing && b % 2 == 0 ? UINT32_MAX : b;
    struct tyto_buf *bufs[] = {check_buf(check, p.weights, num_weights),
                               check_buf(check, p.feats, num_feats),
                               check_buf(check, (const float *)p.rows, s->batch),
                               check_buf(check, p.dout, num_out),
                               check_buf(check, NULL, num_weights),
                               check_buf(check, NULL, num_feats)};
    const struct tyto_attn_pool_back_io io = {{.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]},
                                              {.buf = bufs[3]}, {.buf = bufs[4]}, {.buf = bufs[5]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_attn_pool_back_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 4.0 * (double)num_feats);
    } else {
        check_must(tyto_plan_run(plan), "run");
        float *dweights = gradient_read(bufs[4], num_weights);
        float *dfeats = gradient_read(bufs[5], num_feats);
        check_gradient(check, &gradient, "weights", p.weights, dweights, num_weights);
        check_gradient(check, &gradient, "feats", p.feats, dfeats, num_feats);
        free(dweights);
        free(dfeats);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.weights);
    free(p.feats);
    free(p.dout);
    free(p.out);
    free(p.rows);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 1}, false},
    {"the model's own", {20, 49, 512, 20}, false},
    {"missing rows", {5, 9, 12, 5}, true},
    {"more places than lanes", {2, 37, 36, 2}, false},
};

static void refusals(struct check *check, struct tyto_attn_pool_back *op)
{
    const struct tyto_attn_pool_shape odd = {1, 2, 6, 1}, large = {1, 9, 4, 1};
    struct tyto_buf *buf = check_buf(check, NULL, 32);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_attn_pool_back_io io = {all, all, all, all, all, all};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_attn_pool_back_record(op, plan, &odd, &io), TYTO_ERR_SHAPE,
              "a width that is no multiple of 4");
    check_err(check, tyto_attn_pool_back_record(op, plan, &large, &io), TYTO_ERR_SHAPE,
              "buffers too small");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_attn_pool_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_attn_pool_back_create(check.gpu, &op), "attn_pool_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench)
        refusals(&check, op);
    tyto_attn_pool_back_destroy(&op);
    return check_close(&check);
}
