/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/resize/resize.h"
#include "tests/check/check.h"

struct a_case {
    const char *sentence;
    struct tyto_resize_shape shape;
};

static void run_case(struct check *check, struct tyto_resizer *resizer, const struct a_case *c)
{
    const struct tyto_resize_shape *s = &c->shape;
    const size_t num_in = (size_t)s->batch * s->in_h * s->in_w * s->channels;
    const size_t num_out = (size_t)s->batch * s->out_h * s->out_w * s->channels;
    float *in = check_floats(num_in), *want = check_floats(num_out), *got = check_floats(num_out);
    double *wide = calloc(num_out, sizeof(*wide));
    struct tyto_plan *plan = NULL;

    if (!wide)
        check_must(TYTO_ERR_NOMEM, "memory");
    check_fill(check, in, num_in, 3);
    struct tyto_buf *in_buf = check_buf(check, in, num_in);
    struct tyto_buf *out_buf = check_buf(check, NULL, num_out);
    const struct tyto_bind in_bind = {.buf = in_buf}, out_bind = {.buf = out_buf};
    check_must(tyto_plan_create(check->gpu, "resize", &plan), "plan");
    check_must(tyto_resizer_record(resizer, plan, s, &in_bind, &out_bind), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(out_buf, 0, got, num_out * sizeof(*got)), "read");
        tyto_resizer_ref(s, in, wide);
        for (size_t i = 0; i < num_out; i++)
            want[i] = (float)wide[i];
        check_close_to(check, got, want, num_out, s->mode == TYTO_RESIZE_MODE_NEAREST ? 0.0 : 1e-5,
                       c->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in_buf);
    tyto_buf_destroy(&out_buf);
    free(in);
    free(want);
    free(got);
    free(wide);
}

#define SIZES(b, ih, iw, oh, ow, c)                                                                \
    .batch = b, .in_h = ih, .in_w = iw, .out_h = oh, .out_w = ow, .channels = c

static const struct a_case cases[] = {
    {"nearest: scores of a coarse level at every place",
     {.mode = TYTO_RESIZE_MODE_NEAREST, SIZES(2, 4, 6, 7, 12, 23)}},
    {"nearest: one place everywhere", {.mode = TYTO_RESIZE_MODE_NEAREST, SIZES(1, 1, 1, 7, 12, 5)}},
    {"nearest: fewer places than before",
     {.mode = TYTO_RESIZE_MODE_NEAREST, SIZES(1, 9, 5, 4, 3, 1)}},
    {"bilinear: twice as large", {.mode = TYTO_RESIZE_MODE_BILINEAR, SIZES(2, 5, 3, 10, 6, 7)}},
    {"bilinear: smaller, odd ratio", {.mode = TYTO_RESIZE_MODE_BILINEAR, SIZES(1, 9, 8, 4, 3, 2)}},
    {"bilinear: the same size", {.mode = TYTO_RESIZE_MODE_BILINEAR, SIZES(3, 4, 4, 4, 4, 4)}},
    {"corners: corners stay corners", {.mode = TYTO_RESIZE_MODE_CORNERS, SIZES(1, 3, 4, 7, 9, 6)}},
    {"corners: a single place", {.mode = TYTO_RESIZE_MODE_CORNERS, SIZES(1, 3, 4, 1, 1, 6)}},
};

static void check_refusals(struct check *check, struct tyto_resizer *resizer)
{
    const struct tyto_resize_shape good = {SIZES(1, 2, 2, 4, 4, 2)};
    struct tyto_buf *in = check_buf(check, NULL, 8), *out = check_buf(check, NULL, 32);
    const struct tyto_bind in_bind = {.buf = in}, out_bind = {.buf = out};
    struct tyto_plan *plan = NULL;
    struct tyto_resize_shape bad = good;

    check_must(tyto_plan_create(check->gpu, "resize", &plan), "plan");
    check_err(check, tyto_resizer_record(resizer, plan, &good, &out_bind, &in_bind), TYTO_ERR_SHAPE,
              "a small output is refused");
    bad.in_h = 5;
    check_err(check, tyto_resizer_record(resizer, plan, &bad, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "a small input is refused");
    bad = good;
    bad.out_w = 0;
    check_err(check, tyto_resizer_record(resizer, plan, &bad, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "no columns are refused");
    bad = good;
    bad.channels = UINT32_MAX;
    check_err(check, tyto_resizer_record(resizer, plan, &bad, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "absurd sizes are refused");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
}

int main(int argc, char **argv)
{
    struct tyto_resizer *resizer = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_resizer_create(check.gpu, &resizer), "resizer");
    if (check.bench) {
        run_case(&check, resizer, &cases[0]);
    } else {
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
            run_case(&check, resizer, &cases[i]);
        check_refusals(&check, resizer);
    }
    tyto_resizer_destroy(&resizer);
    return check_close(&check);
}
