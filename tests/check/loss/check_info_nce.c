/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaders/info_nce/info_nce.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_info_nce_shape shape;
    bool leaves_out;
};

struct pass {
    const struct tyto_info_nce_shape *shape;
    float *audio, *visual, *weights;
};

static double value(void *user)
{
    const struct pass *p = user;

    return tyto_info_nce_ref(p->shape, p->audio, p->visual, p->weights);
}

static void compare(struct check *check, const struct a_case *c, struct pass *p,
                    struct tyto_buf *const *bufs)
{
    const struct tyto_info_nce_shape *s = &c->shape;
    const size_t num = (size_t)s->rows * s->width;
    const struct gradient gradient = {value, p, c->sentence};
    float *losses = gradient_read(bufs[3], s->rows);
    float *daudio = gradient_read(bufs[4], num), *dvisual = gradient_read(bufs[5], num);
    double sum = 0;

    for (uint32_t i = 0; i < s->rows; i++)
        sum += (double)losses[i];
    check_error(check, fabs(sum - value(p)), 1e-5 * fmax(1, fabs(sum)), "%s: loss %g, wanted %g",
                c->sentence, sum, value(p));
    check_gradient(check, &gradient, "audio", p->audio, daudio, num);
    check_gradient(check, &gradient, "visual", p->visual, dvisual, num);
    free(losses);
    free(daudio);
    free(dvisual);
}

static void run_case(struct check *check, const struct a_case *c)
{
    const struct tyto_info_nce_shape *s = &c->shape;
    const size_t num = (size_t)s->rows * s->width;
    const size_t num_weights = (size_t)s->rows * s->weight_stride;
    struct pass p = {s, check_floats(num), check_floats(num), check_floats(num_weights)};
    struct tyto_info_nce *op = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, p.audio, num, 1);
    check_fill(check, p.visual, num, 1);
    for (uint32_t i = 0; i < s->rows; i++)
        p.weights[i * s->weight_stride] =
            c->leaves_out && i % 3 == 1 ? 0 : (1 + (float)(i % 2)) / (float)s->rows;
    struct tyto_buf *bufs[] = {check_buf(check, p.audio, num),
                               check_buf(check, p.visual, num),
                               check_buf(check, p.weights, num_weights),
                               check_buf(check, NULL, s->rows),
                               check_buf(check, NULL, num),
                               check_buf(check, NULL, num)};
    const struct tyto_info_nce_io io = {{.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]},
                                        {.buf = bufs[3]}, {.buf = bufs[4]}, {.buf = bufs[5]}};

    check_must(tyto_info_nce_create(check->gpu, s, &op), c->sentence);
    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_info_nce_record(op, plan, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 6.0 * s->rows * (double)num);
    } else {
        check_must(tyto_plan_run(plan), "run");
        compare(check, c, &p, bufs);
    }
    tyto_plan_destroy(&plan);
    tyto_info_nce_destroy(&op);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.audio);
    free(p.visual);
    free(p.weights);
}

static const struct a_case cases[] = {
    {"two rows", {2, 1, 4, 1, 0.5f}, false},
    {"one clip alone has no negatives", {5, 5, 8, 1, 0.2f}, false},
    {"clips of segments", {30, 10, 16, 4, 0.1f}, false},
    {"rows that are left out", {33, 3, 12, 2, 0.2f}, true},
};

static const struct a_case benches[] = {
    {"64 clips x 10, width 128", {640, 10, 128, 4, 0.1f}, false},
};

/* PyTorch's cross-entropy both ways (scripts/golden/make_info_nce.py). */
static void follows_pytorch(struct check *check)
{
    enum { ROWS = 6, WIDTH = 4 };
    static const double golden = 3.011653844203988;
    const struct tyto_info_nce_shape shape = {ROWS, 1, WIDTH, 1, 0.25f};
    float audio[ROWS * WIDTH], visual[ROWS * WIDTH], weights[ROWS];

    for (int i = 0; i < ROWS * WIDTH; i++) {
        audio[i] = (float)sin(1.0 + 1.7 * i);
        visual[i] = (float)cos(0.3 + 2.3 * i);
    }
    for (int i = 0; i < ROWS; i++)
        weights[i] = 1.0f / ROWS;
    const double got = tyto_info_nce_ref(&shape, audio, visual, weights);
    check_that(check, fabs(got - golden) < 1e-5, "the reference is PyTorch's loss: %.9g", got);
}

static void refusals(struct check *check)
{
    const struct tyto_info_nce_shape bad[] = {
        {0, 1, 4, 1, 1}, {4, 0, 4, 1, 1}, {4, 1, 5, 1, 1},
        {4, 1, 4, 0, 1}, {4, 1, 4, 1, 0}, {TYTO_INFO_NCE_MAX_ROWS + 1, 1, 4, 1, 1}};
    struct tyto_info_nce *op = NULL;
    struct tyto_plan *plan = NULL;

    for (size_t i = 0; i < NUM(bad); i++)
        check_err(check, tyto_info_nce_create(check->gpu, &bad[i], &op), TYTO_ERR_SHAPE,
                  "a shape outside the limits");
    const struct tyto_info_nce_shape good = {4, 1, 4, 1, 1};
    struct tyto_buf *small = check_buf(check, NULL, 12);
    const struct tyto_bind all = {.buf = small};
    const struct tyto_info_nce_io io = {all, all, all, all, {0}, {0}};

    check_must(tyto_info_nce_create(check->gpu, &good, &op), "op");
    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_info_nce_record(op, plan, &io), TYTO_ERR_SHAPE, "buffers too small");
    tyto_plan_destroy(&plan);
    tyto_info_nce_destroy(&op);
    tyto_buf_destroy(&small);
}

int main(int argc, char **argv)
{
    struct check check;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    for (size_t i = 0; i < (check.bench ? NUM(benches) : NUM(cases)); i++)
        run_case(&check, check.bench ? &benches[i] : &cases[i]);
    if (!check.bench) {
        follows_pytorch(&check);
        refusals(&check);
    }
    return check_close(&check);
}
