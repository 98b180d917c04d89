/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/elementwise/elementwise.h"
#include "tests/check/check.h"

struct element_case {
    const char *sentence;
    struct tyto_elementwise_shape shape;
    double tolerance;
};

enum { BIG = 600000 }; /* more groups of 8 than 65535: the second row of groups */

static const struct element_case element_cases[] = {
    {"one value is copied", {.op = TYTO_ELEMENTWISE_OP_COPY, .num = 1}, 0},
    {"residual sum of MobileNetV2", {.op = TYTO_ELEMENTWISE_OP_ADD, .num = 56 * 56 * 24}, 1e-7},
    {"sum and relu", {.op = TYTO_ELEMENTWISE_OP_ADD, .num = 1001, .act = TYTO_ACT_RELU}, 1e-7},
    {"relu6", {.op = TYTO_ELEMENTWISE_OP_COPY, .num = 37, .act = TYTO_ACT_RELU6}, 0},
    {"leaky relu, then max with -0.4",
     {.num = 999,
      .act = TYTO_ACT_LEAKY_RELU,
      .act_slope = 0.2f,
      .has_clamp_min = true,
      .clamp_min = -0.4f},
     1e-7},
    {"sigmoid", {.num = 999, .act = TYTO_ACT_SIGMOID}, 2e-6},
    {"tanh", {.num = 999, .act = TYTO_ACT_TANH}, 2e-6},
    {"hard swish", {.num = 999, .act = TYTO_ACT_HARD_SWISH}, 2e-7},
    {"product with the factors of each of three items",
     {.op = TYTO_ELEMENTWISE_OP_MUL, .num = 3 * 35 * 13, .channels = 13, .item = 35 * 13},
     2e-7},
    {"product, then hard swish",
     {.op = TYTO_ELEMENTWISE_OP_MUL,
      .num = 2 * 12 * 8 * 48,
      .channels = 48,
      .item = 12 * 8 * 48,
      .act = TYTO_ACT_HARD_SWISH},
     1e-6},
    {"scale and shift by channel",
     {.op = TYTO_ELEMENTWISE_OP_SCALE, .num = 7 * 13, .channels = 13},
     2e-7},
    {"scale with one channel, clamped",
     {.op = TYTO_ELEMENTWISE_OP_SCALE,
      .num = 50,
      .channels = 1,
      .has_clamp_min = true,
      .clamp_min = 0.25f},
     2e-7},
    {"more groups than one row holds", {.op = TYTO_ELEMENTWISE_OP_ADD, .num = BIG}, 1e-7},
};

static void run_case(struct check *check, struct tyto_elementwise *op,
                     const struct element_case *element)
{
    const struct tyto_elementwise_shape *shape = &element->shape;
    const size_t num = shape->num;
    float *a = check_floats(num), *b = check_floats(num), *bias = check_floats(num);
    float *want = check_floats(num), *got = check_floats(num);
    double *wide = calloc(num, sizeof(*wide));
    struct tyto_plan *plan = NULL;

    if (!wide)
        check_must(TYTO_ERR_NOMEM, "memory");
    check_fill(check, a, num, 9);
    check_fill(check, b, num, 4);
    check_fill(check, bias, num, 2);
    struct tyto_buf *a_buf = check_buf(check, a, num), *b_buf = check_buf(check, b, num);
    struct tyto_buf *bias_buf = check_buf(check, bias, num), *out = check_buf(check, NULL, num);
    const struct tyto_elementwise_binds binds = {
        .a = {.buf = a_buf}, .b = {.buf = b_buf}, .bias = {.buf = bias_buf}, .out = {.buf = out}};
    check_must(tyto_plan_create(check->gpu, "elementwise", &plan), "plan");
    check_must(tyto_elementwise_record(op, plan, shape, &binds), element->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check->buf_bytes = 2 * num * sizeof(*a); /* one input, no bias */
        check_bench_plan(check, element->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(out, 0, got, num * sizeof(*got)), "read");
        tyto_elementwise_ref(shape, a, b, bias, wide);
        for (size_t i = 0; i < num; i++)
            want[i] = (float)wide[i];
        check_close_to(check, got, want, num, element->tolerance, element->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&a_buf);
    tyto_buf_destroy(&b_buf);
    tyto_buf_destroy(&bias_buf);
    tyto_buf_destroy(&out);
    free(a);
    free(b);
    free(bias);
    free(want);
    free(got);
    free(wide);
}

static void check_hostile(struct check *check, struct tyto_elementwise *op)
{
    static const struct {
        enum tyto_act act;
        float want[4];
        const char *sentence;
    } acts[] = {
        {TYTO_ACT_RELU6, {6, 0, 6, 0}, "relu6 bounds the infinite"},
        {TYTO_ACT_SIGMOID, {1, 0, 1, 0}, "sigmoid of huge and infinite values"},
        {TYTO_ACT_TANH, {1, -1, 1, -1}, "tanh of huge and infinite values"},
    };
    const float in[4] = {INFINITY, -INFINITY, 3e38f, -3e38f};

    for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        const struct tyto_elementwise_shape shape = {.num = 4, .act = acts[i].act};
        struct tyto_buf *buf = check_buf(check, in, 4);
        const struct tyto_elementwise_binds binds = {.a = {.buf = buf}, .out = {.buf = buf}};
        struct tyto_plan *plan = NULL;
        float got[4] = {0};
        check_must(tyto_plan_create(check->gpu, "elementwise", &plan), "plan");
        check_must(tyto_elementwise_record(op, plan, &shape, &binds), acts[i].sentence);
        check_must(tyto_plan_finish(plan), "finish");
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(buf, 0, got, sizeof(got)), "read");
        check_close_to(check, got, acts[i].want, 4, 2e-6, acts[i].sentence);
        tyto_plan_destroy(&plan);
        tyto_buf_destroy(&buf);
    }
}

static void check_refusals(struct check *check, struct tyto_elementwise *op)
{
    struct tyto_buf *good = check_buf(check, NULL, 16), *small = check_buf(check, NULL, 8);
    const struct tyto_elementwise_binds binds = {
        .a = {.buf = good}, .b = {.buf = small}, .bias = {.buf = small}, .out = {.buf = good}};
    struct tyto_elementwise_shape shape = {.op = TYTO_ELEMENTWISE_OP_ADD, .num = 16};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "elementwise", &plan), "plan");
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "a small second input is refused");
    shape.op = TYTO_ELEMENTWISE_OP_SCALE;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "no channels are refused");
    shape.channels = 9;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "a small weight is refused");
    shape.op = TYTO_ELEMENTWISE_OP_MUL;
    shape.channels = 2;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "items of no values are refused");
    shape.item = 5;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "items of broken places are refused");
    shape.op = TYTO_ELEMENTWISE_OP_COPY;
    shape.num = 0;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "nothing to do is refused");
    shape.num = 17;
    check_err(check, tyto_elementwise_record(op, plan, &shape, &binds), TYTO_ERR_SHAPE,
              "a small first input is refused");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&good);
    tyto_buf_destroy(&small);
}

int main(int argc, char **argv)
{
    struct tyto_elementwise *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_elementwise_create(check.gpu, &op), "elementwise");
    if (check.bench) {
        run_case(&check, op, &element_cases[1]);
    } else {
        for (size_t i = 0; i < sizeof(element_cases) / sizeof(*element_cases); i++)
            run_case(&check, op, &element_cases[i]);
        check_hostile(&check, op);
        check_refusals(&check, op);
    }
    tyto_elementwise_destroy(&op);
    return check_close(&check);
}
