/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/mil_pool/mil_pool.h"
#include "tests/check/gradient.h"

struct pass {
    struct tyto_mil_pool_shape shape;
    float *logits, *d;
    const uint32_t *len;
};

static double pooled_at(const struct pass *p, size_t b, size_t n)
{
    double sum = 0, top = -INFINITY;

    for (size_t t = 0; t < p->len[b]; t++) {
        const double z = p->logits[(b * p->shape.num_segments + t) * p->shape.stride + n];

        sum += z;
        top = fmax(top, z);
    }
    return p->shape.mode == TYTO_MIL_POOL_MAX ? top : sum / p->len[b];
}

static double value(void *user)
{
    const struct pass *p = user;
    double sum = 0;

    for (size_t i = 0; i < (size_t)p->shape.batch * p->shape.stride; i++)
        sum += p->d[i] * pooled_at(p, i / p->shape.stride, i % p->shape.stride);
    return sum;
}

static void run_case(struct check *check, struct tyto_mil_pool *op, uint32_t mode)
{
    static const uint32_t len[] = {1, 6, 3};
    struct pass p = {.shape = {3, 6, 20, mode}, .len = len};
    const size_t num_pooled = 3 * 20, num = num_pooled * 6;
    const struct gradient gradient = {value, &p, mode == TYTO_MIL_POOL_MAX ? "max" : "mean"};
    struct tyto_plan *plan = NULL;

    p.logits = check_floats(num);
    p.d = check_floats(num_pooled);
    check_fill(check, p.logits, num, 1);
    check_fill(check, p.d, num_pooled, 1);
    for (size_t i = 0; i < num; i++) /* far enough apart for the differences of a largest */
        p.logits[i] = p.logits[i] * 0.1f + (float)(i / 20 * 5 % 6);
    struct tyto_buf *bufs[] = {check_buf(check, p.logits, num),
                               check_buf(check, (const float *)len, 3),
                               check_buf(check, NULL, num_pooled),
                               check_buf(check, p.d, num_pooled), check_buf(check, NULL, num)};
    struct tyto_mil_pool_io io = {{.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {0}};
    check_must(tyto_plan_create(check->gpu, "mil_pool", &plan), "plan");
    check_must(tyto_mil_pool_record_there(op, plan, &p.shape, &io), "there");
    check_err(check, tyto_mil_pool_record_back(op, plan, &p.shape, &io), TYTO_ERR_SHAPE,
              "no place for the gradient");
    io.pooled.buf = bufs[3];
    io.dlogits.buf = bufs[4];
    check_must(tyto_mil_pool_record_back(op, plan, &p.shape, &io), "back");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    float *got = gradient_read(bufs[2], num_pooled), *want = check_floats(num_pooled);
    float *dlogits = gradient_read(bufs[4], num);
    for (size_t i = 0; i < num_pooled; i++)
        want[i] = (float)pooled_at(&p, i / 20, i % 20);
    check_close_to(check, got, want, num_pooled, 1e-6, "pooled");
    check_gradient(check, &gradient, "logits", p.logits, dlogits, num);
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < 5; i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.logits);
    free(p.d);
    free(got);
    free(want);
    free(dlogits);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_mil_pool *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_mil_pool_create(check.gpu, &op), "mil_pool");
    if (!check.bench) {
        run_case(&check, op, TYTO_MIL_POOL_MEAN);
        run_case(&check, op, TYTO_MIL_POOL_MAX);
    }
    tyto_mil_pool_destroy(&op);
    return check_close(&check);
}
