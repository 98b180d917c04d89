/* SPDX-License-Identifier: MIT */
/* The two kernels with gemm_back between the steps, as the trainer records them. */
#include <stdlib.h>

#include "shaders/gemm_back/gemm_back.h"
#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_lstm_sentinel_back_shape shape;
    float spread;
};

struct ops {
    struct tyto_lstm_sentinel_back *back;
    struct tyto_gemm_back *gemm;
};

struct pass {
    struct tyto_lstm_sentinel_shape shape;
    float *x, *w, *h, *s, *dh, *ds;
    size_t num; /* of h */
};

static double value(void *user)
{
    struct pass *p = user;
    const size_t width = p->shape.width;

    if (!tyto_lstm_sentinel_ref(&p->shape, p->x, p->w, p->w + 4 * width * width, p->h, p->s))
        check_must(TYTO_ERR_NOMEM, "reference");
    return gradient_dot(p->h, p->dh, p->num) + gradient_dot(p->s, p->ds, p->num);
}

/* x[t] + W h[t-1], (B, T, 5 D) */
static float *pre_of(const struct pass *p)
{
    const size_t width = p->shape.width;
    float *pre = check_floats(5 * p->num);

    for (size_t i = 0; i < 5 * p->num; i++) {
        const size_t row = i / (5 * width), gate = i % (5 * width);
        double sum = p->x[row * p->shape.in_stride + p->shape.in_offset + gate];

        for (size_t k = 0; row % p->shape.num_segments > 0 && k < width; k++)
            sum += (double)p->w[gate * width + k] * (double)p->h[(row - 1) * width + k];
        pre[i] = (float)sum;
    }
    return pre;
}

enum { PRE, CELL, DH, DS, DCELL, DX, W, NUM_BUFS };

static void record(struct ops *ops, struct tyto_plan *plan, const struct a_case *c,
                   struct tyto_buf *const *bufs)
{
    const struct tyto_lstm_sentinel_back_shape *s = &c->shape;
    const struct tyto_lstm_sentinel_back_io io = {
        {.buf = bufs[PRE]}, {.buf = bufs[PRE]},   {.buf = bufs[CELL]}, {.buf = bufs[DH]},
        {.buf = bufs[DS]},  {.buf = bufs[DCELL]}, {.buf = bufs[DX]}};

    check_must(tyto_lstm_sentinel_back_record_gates(ops->back, plan, s, &io), c->sentence);
    for (uint32_t t = s->num_segments; t-- > 0;) {
        const struct tyto_mat dh = {
            .buf = bufs[DH], .offset = (uint64_t)t * s->width, .row = s->num_segments * s->width};
        const struct tyto_gemm_back_x_args later = {
            .m = s->batch,
            .n = 5 * s->width,
            .k = s->width,
            .dy = {.buf = bufs[DX],
                   .offset = (uint64_t)(t + 1) * s->dx_stride + s->dx_offset,
                   .row = s->num_segments * s->dx_stride},
            .weight = {.buf = bufs[W]},
            .dx = dh,
            .extra = dh,
        };

        if (t + 1 < s->num_segments)
            check_must(tyto_gemm_back_x_record(ops->gemm, plan, &later), c->sentence);
        check_must(tyto_lstm_sentinel_back_record_step(ops->back, plan, s, &io, t), c->sentence);
    }
}

static void run_case(struct check *check, struct ops *ops, const struct a_case *c)
{
    const struct tyto_lstm_sentinel_back_shape *s = &c->shape;
    const size_t rows = (size_t)s->batch * s->num_segments, num_x = rows * s->dx_stride;
    const size_t num_w = 5 * (size_t)s->width * s->width;
    struct pass p = {
        .shape = {s->batch, s->num_segments, s->width, s->dx_stride, s->dx_offset},
        .num = rows * s->width,
    };
    const struct gradient gradient = {value, &p, c->sentence};
    float **values[] = {&p.x, &p.w, &p.h, &p.s, &p.dh, &p.ds};
    const size_t nums[] = {num_x, num_w, p.num, p.num, p.num, p.num};
    struct tyto_plan *plan = NULL;

    for (size_t i = 0; i < NUM(values); i++) {
        *values[i] = check_floats(nums[i]);
        check_fill(check, *values[i], nums[i], i == 1 ? c->spread / 4 : c->spread);
    }
    (void)value(&p);
    float *pre = pre_of(&p);
    struct tyto_buf *bufs[NUM_BUFS] = {
        check_buf(check, pre, 5 * p.num), check_buf(check, NULL, p.num),
        check_buf(check, p.dh, p.num),    check_buf(check, p.ds, p.num),
        check_buf(check, NULL, p.num),    check_buf(check, NULL, num_x),
        check_buf(check, p.w, num_w),
    };
    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    record(ops, plan, c, bufs);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        float *dx = gradient_read(bufs[DX], num_x);
        check_gradient(check, &gradient, "x", p.x, dx, num_x);
        free(dx);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&bufs[i]);
    for (size_t i = 0; i < NUM(values); i++)
        free(*values[i]);
    free(pre);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 20, 0}, 1},
    {"gaps", {3, 6, 12, 72, 8}, 1},
    {"the model's own", {4, 10, 64, 400, 0}, 0.5f},
    {"saturated", {2, 5, 8, 40, 0}, 4},
};

static void refusals(struct check *check, struct ops *ops)
{
    const struct tyto_lstm_sentinel_back_shape large = {4, 4, 8, 40, 0}, narrow = {1, 2, 4, 20, 4};
    struct tyto_buf *buf = check_buf(check, NULL, 256);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_lstm_sentinel_back_io io = {all, all, all, all, all, all, all};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_lstm_sentinel_back_record_gates(ops->back, plan, &large, &io),
              TYTO_ERR_SHAPE, "buffers too small");
    check_err(check, tyto_lstm_sentinel_back_record_step(ops->back, plan, &narrow, &io, 0),
              TYTO_ERR_SHAPE, "columns past the row");
    check_err(check, tyto_lstm_sentinel_back_record_step(ops->back, plan, &narrow, &io, 2),
              TYTO_ERR_SHAPE, "a step past the end");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct ops ops = {0};
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_lstm_sentinel_back_create(check.gpu, &ops.back), "lstm_sentinel_back");
    check_must(tyto_gemm_back_create(check.gpu, &ops.gemm), "gemm_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, &ops, &cases[i]);
    if (!check.bench)
        refusals(&check, &ops);
    tyto_lstm_sentinel_back_destroy(&ops.back);
    tyto_gemm_back_destroy(&ops.gemm);
    return check_close(&check);
}
