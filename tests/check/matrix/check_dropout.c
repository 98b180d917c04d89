/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/dropout/dropout.h"
#include "tests/check/gradient.h"

enum { NUM = 1 << 16 };

/* Ones through a dropout. */
static float *drop(struct check *check, struct tyto_dropout *op, float rate, uint32_t site,
                   struct tyto_dropout_key key)
{
    float *ones = check_floats(NUM);
    struct tyto_plan *plan = NULL;

    for (size_t i = 0; i < NUM; i++)
        ones[i] = 1;
    struct tyto_buf *x = check_buf(check, ones, NUM);
    struct tyto_buf *key_buf = check_buf(check, (const float *)&key, 4);
    check_must(tyto_plan_create(check->gpu, "dropout", &plan), "plan");
    check_must(tyto_dropout_record(op, plan, 0, NUM, rate, site, key_buf, x), "record");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    free(ones);
    ones = gradient_read(x, NUM);
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&x);
    tyto_buf_destroy(&key_buf);
    return ones;
}

/* Of values that both masks keep, and of neighbours. */
static double overlap(const float *a, const float *b, size_t shift)
{
    size_t num = 0;

    for (size_t i = 0; i + shift < NUM; i++)
        num += a[i] > 0 && b[i + shift] > 0;
    return (double)num / (NUM - (double)shift);
}

static void draws(struct check *check, struct tyto_dropout *op)
{
    const struct tyto_dropout_key key = {1, 2, 3, 0}, later = {1, 2, 4, 0}, other = {5, 2, 3, 0};
    float *masks[] = {drop(check, op, 0.25f, 0, key), drop(check, op, 0.25f, 0, key),
                      drop(check, op, 0.25f, 1, key), drop(check, op, 0.25f, 0, later),
                      drop(check, op, 0.25f, 0, other)};
    double sum = 0;

    for (size_t i = 0; i < NUM; i++)
        sum += masks[0][i];
    check_that(check, fabs(sum / NUM - 1) < 0.01, "the mean stays: %g", sum / NUM);
    check_that(check, memcmp(masks[0], masks[1], NUM * sizeof(float)) == 0, "it repeats");
    for (size_t i = 2; i < 5; i++)
        check_that(check, fabs(overlap(masks[0], masks[i], 0) - 0.5625) < 0.01,
                   "masks of another site, step or seed are independent: %zu", i);
    check_that(check, fabs(overlap(masks[0], masks[0], 1) - 0.5625) < 0.01,
               "neighbours are independent");
    for (size_t i = 0; i < 5; i++)
        free(masks[i]);
}

static void refusals(struct check *check, struct tyto_dropout *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 16);
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_dropout_record(op, plan, 0, 16, 1, 0, buf, buf), TYTO_ERR_SHAPE,
              "rate 1");
    check_err(check, tyto_dropout_record(op, plan, 0, 20, 0, 0, buf, buf), TYTO_ERR_SHAPE,
              "too many");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_dropout *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_dropout_create(check.gpu, &op), "dropout");
    if (!check.bench) {
        draws(&check, op);
        refusals(&check, op);
    }
    tyto_dropout_destroy(&op);
    return check_close(&check);
}
