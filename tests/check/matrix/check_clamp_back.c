/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "shaders/clamp_back/clamp_back.h"
#include "tests/check/gradient.h"

struct pass {
    float low, high;
    float *x, *d;
    size_t num;
};

static double clamped(const struct pass *p, size_t i)
{
    return fmin(fmax((double)p->x[i], (double)p->low), (double)p->high);
}

static double value(void *user)
{
    const struct pass *p = user;
    double sum = 0;

    for (size_t i = 0; i < p->num; i++)
        sum += (double)p->d[i] * clamped(p, i);
    return sum;
}

static void run_case(struct check *check, struct tyto_clamp_back *op, struct pass p)
{
    const struct gradient gradient = {value, &p, p.high > 6 ? "relu" : "relu6"};
    struct tyto_plan *plan = NULL;
    float *y = check_floats(p.num);

    p.x = check_floats(p.num);
    p.d = check_floats(p.num);
    check_fill(check, p.x, p.num, 1);
    check_fill(check, p.d, p.num, 1);
    for (size_t i = 0; i < p.num; i++) { /* off the corners, on each side of them */
        p.x[i] = p.x[i] * 0.4f + (i % 3 == 0 ? -0.5f : i % 3 == 1 ? 3.0f : 6.5f);
        y[i] = (float)clamped(&p, i);
    }
    struct tyto_buf *bufs[] = {check_buf(check, y, p.num), check_buf(check, p.d, p.num),
                               check_buf(check, NULL, p.num)};
    const struct tyto_clamp_back_io io = {{.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}};
    const struct tyto_clamp_back_io in_place = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[1]}};
    check_must(tyto_plan_create(check->gpu, "clamp_back", &plan), "plan");
    check_err(check, tyto_clamp_back_record(op, plan, (uint32_t)p.num + 4, p.low, p.high, &io),
              TYTO_ERR_SHAPE, "more values than there are");
    check_err(check, tyto_clamp_back_record(op, plan, 6, p.low, p.high, &io), TYTO_ERR_SHAPE,
              "no whole texels");
    check_must(tyto_clamp_back_record(op, plan, (uint32_t)p.num, p.low, p.high, &io), "record");
    check_must(tyto_clamp_back_record(op, plan, (uint32_t)p.num, p.low, p.high, &in_place),
               "in place");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    float *got = gradient_read(bufs[2], p.num), *again = gradient_read(bufs[1], p.num);
    check_gradient(check, &gradient, "x", p.x, got, p.num);
    check_close_to(check, again, got, p.num, 0, "in place");
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < 3; i++)
        tyto_buf_destroy(&bufs[i]);
    free(y);
    free(p.x);
    free(p.d);
    free(got);
    free(again);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_clamp_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_clamp_back_create(check.gpu, &op), "clamp_back");
    if (!check.bench) {
        run_case(&check, op, (struct pass){.low = 0, .high = 6, .num = 4 * 777});
        run_case(&check, op, (struct pass){.low = 0, .high = FLT_MAX, .num = 36});
    }
    tyto_clamp_back_destroy(&op);
    return check_close(&check);
}
