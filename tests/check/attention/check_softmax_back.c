/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/softmax/softmax.h"
#include "shaders/softmax_back/softmax_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    uint32_t rows, width;
    float spread;
};

struct pass {
    const struct a_case *c;
    float *x, *y, *dy;
};

static double value(void *user)
{
    struct pass *p = user;

    tyto_softmax_ref(p->c->rows, p->c->width, p->x, p->y);
    return gradient_dot(p->y, p->dy, (size_t)p->c->rows * p->c->width);
}

static void run_case(struct check *check, struct tyto_softmax_back *op, const struct a_case *c)
{
    const size_t num = (size_t)c->rows * c->width;
    struct pass p = {c, check_floats(num), check_floats(num), check_floats(num)};
    const struct gradient gradient = {value, &p, c->sentence};
    struct tyto_plan *plan = NULL;

    check_fill(check, p.x, num, c->spread);
    check_fill(check, p.dy, num, 1);
    (void)value(&p);
    struct tyto_buf *bufs[] = {check_buf(check, p.y, num), check_buf(check, p.dy, num)};
    const struct tyto_bind y = {.buf = bufs[0]}, dy = {.buf = bufs[1]};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_softmax_back_record(op, plan, c->rows, c->width, &y, &dy, &dy), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        float *dx = gradient_read(bufs[1], num);
        check_gradient(check, &gradient, "x", p.x, dx, num);
        free(dx);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.x);
    free(p.y);
    free(p.dy);
}

static const struct a_case cases[] = {
    {"one of one", 1, 1, 1},
    {"the model's own", 640, 49, 3},
    {"a row that is no multiple of a subgroup", 3, 77, 5},
};

static void refusals(struct check *check, struct tyto_softmax_back *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 16);
    const struct tyto_bind all = {.buf = buf};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_softmax_back_record(op, plan, 4, 5, &all, &all, &all), TYTO_ERR_SHAPE,
              "buffers too small");
    check_err(check, tyto_softmax_back_record(op, plan, 0, 5, &all, &all, &all), TYTO_ERR_SHAPE,
              "no rows");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_softmax_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_softmax_back_create(check.gpu, &op), "softmax_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench)
        refusals(&check, op);
    tyto_softmax_back_destroy(&op);
    return check_close(&check);
}
