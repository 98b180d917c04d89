/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/loss/loss.h"
#include "tests/check/gradient.h"

struct pass {
    uint32_t rows, width, stride;
    float *z, *yes, *no;
    bool sigmoid;
};

static double row_loss(const struct pass *p, size_t at)
{
    double top = -INFINITY, sum = 0, loss = 0;

    for (size_t n = at; n < at + p->width; n++)
        top = fmax(top, p->z[n]);
    for (size_t n = at; n < at + p->width; n++)
        sum += exp(p->z[n] - top);
    for (size_t n = at; n < at + p->width; n++) {
        const double z = p->z[n];

        loss += p->sigmoid ? p->yes[n] * log1p(exp(-z)) + p->no[n] * log1p(exp(z))
                           : p->yes[n] * (top + log(sum) - z);
    }
    return loss;
}

static double value(void *user)
{
    const struct pass *p = user;
    double loss = 0;

    for (size_t r = 0; r < p->rows; r++)
        loss += row_loss(p, r * p->stride);
    return loss;
}

static void run_case(struct check *check, struct tyto_loss *op, struct pass p, float spread,
                     const char *sentence)
{
    const size_t num = (size_t)p.rows * p.stride;
    const struct gradient gradient = {value, &p, sentence};
    struct tyto_plan *plan = NULL;

    p.z = check_floats(num);
    p.yes = check_floats(num);
    p.no = check_floats(num);
    check_fill(check, p.z, num, spread);
    check_fill(check, p.yes, num, 1);
    check_fill(check, p.no, num, 1);
    for (size_t i = 0; i < num; i++) {
        p.yes[i] = fabsf(p.yes[i]);
        p.no[i] = fabsf(p.no[i]);
    }
    struct tyto_buf *bufs[] = {check_buf(check, p.z, num), check_buf(check, p.yes, num),
                               check_buf(check, p.no, num), check_buf(check, NULL, num),
                               check_buf(check, NULL, p.rows)};
    const struct tyto_loss_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}, {.buf = bufs[4]}};
    check_must(tyto_plan_create(check->gpu, sentence, &plan), "plan");
    check_err(check, tyto_loss_record_softmax(op, plan, p.rows + 1, p.width, p.stride, &io),
              TYTO_ERR_SHAPE, "a row too many");
    check_err(check, tyto_loss_record_sigmoid(op, plan, p.rows, p.stride + 1, p.stride, &io),
              TYTO_ERR_SHAPE, "more logits than columns");
    check_must(p.sigmoid ? tyto_loss_record_sigmoid(op, plan, p.rows, p.width, p.stride, &io)
                         : tyto_loss_record_softmax(op, plan, p.rows, p.width, p.stride, &io),
               sentence);
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    float *dz = gradient_read(bufs[3], num), *losses = gradient_read(bufs[4], p.rows);
    float *want = check_floats(p.rows);
    for (size_t r = 0; r < p.rows; r++)
        want[r] = (float)row_loss(&p, r * p.stride);
    check_close_to(check, losses, want, p.rows, 1e-5, sentence);
    check_gradient(check, &gradient, "logits", p.z, dz, num);
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < 5; i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.z);
    free(p.yes);
    free(p.no);
    free(dz);
    free(losses);
    free(want);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_loss *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_loss_create(check.gpu, &op), "loss");
    for (uint32_t s = 0; s < 2 && !check.bench; s++) {
        run_case(&check, op, (struct pass){.rows = 1, .width = 1, .stride = 1, .sigmoid = s}, 1,
                 "one of one");
        run_case(&check, op, (struct pass){.rows = 64, .width = 29, .stride = 32, .sigmoid = s}, 4,
                 "29 classes");
        run_case(&check, op, (struct pass){.rows = 5, .width = 40, .stride = 40, .sigmoid = s}, 20,
                 "large logits");
    }
    tyto_loss_destroy(&op);
    return check_close(&check);
}
