/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/co_attn/co_attn.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 1e-5; /* numerics line of co_attn.comp */

struct a_case {
    const char *sentence;
    struct tyto_co_attn_shape shape;
    float spread, u_spread;
    float sentinel; /* added to every ks */
    bool full;      /* every window has T rows; else 1..T */
};

struct arrays {
    float *other, *g, *ks, *u, *h, *s, *out, *beta, *align, *want_out, *want_beta, *want_align;
    uint32_t *len;
    size_t rows, num_other, num_key, num, num_out;
};

static struct arrays make_arrays(struct check *check, const struct a_case *c)
{
    const struct tyto_co_attn_shape *s = &c->shape;
    struct arrays a = {.rows = (size_t)s->batch * s->num_segments};

    a.num_other = a.rows * s->other_stride;
    a.num_key = a.rows * s->key_width;
    a.num = a.rows * s->width;
    a.num_out = a.rows * s->out_stride;
    a.other = check_floats(a.num_other);
    a.g = check_floats(a.num_key);
    a.ks = check_floats(a.num_key);
    a.u = check_floats(s->key_width);
    a.h = check_floats(a.num);
    a.s = check_floats(a.num);
    a.out = check_floats(a.num_out);
    a.want_out = check_floats(a.num_out);
    a.beta = check_floats(a.rows);
    a.want_beta = check_floats(a.rows);
    a.align = check_floats(a.rows * s->num_segments);
    a.want_align = check_floats(a.rows * s->num_segments);
    a.len = calloc(s->batch, sizeof(*a.len));
    if (!a.len)
        check_must(TYTO_ERR_NOMEM, "len");
    check_fill(check, a.other, a.num_other, c->spread);
    check_fill(check, a.g, a.num_key, c->spread);
    check_fill(check, a.ks, a.num_key, c->spread);
    for (size_t i = 0; i < a.num_key; i++)
        a.ks[i] += c->sentinel;
    check_fill(check, a.u, s->key_width, c->u_spread);
    for (size_t i = 0; i < s->key_width && c->sentinel != 0; i++)
        a.u[i] = fabsf(a.u[i]); /* so that the sentinel's score has its sign */
    check_fill(check, a.h, a.num, c->spread);
    check_fill(check, a.s, a.num, c->spread);
    for (uint32_t b = 0; b < s->batch; b++)
        a.len[b] = c->full ? s->num_segments : 1 + b % s->num_segments;
    return a;
}

static void free_arrays(struct arrays *a)
{
    float *all[] = {a->other, a->g,    a->ks,    a->u,        a->h,         a->s,
                    a->out,   a->beta, a->align, a->want_out, a->want_beta, a->want_align};

    for (size_t i = 0; i < NUM(all); i++)
        free(all[i]);
    free(a->len);
}

/* Rows beyond a window are finite, and count no further. */
static void drop_invalid(struct check *check, const struct a_case *c, const struct arrays *a)
{
    const struct tyto_co_attn_shape *s = &c->shape;
    bool finite = true;

    for (size_t row = 0; row < a->rows; row++) {
        if (row % s->num_segments < a->len[row / s->num_segments])
            continue;
        for (size_t i = 0; i < s->width; i++)
            finite = finite && isfinite(a->out[row * s->out_stride + s->out_offset + i]);
        memset(a->out + row * s->out_stride, 0, s->out_stride * sizeof(float));
        memset(a->align + row * s->num_segments, 0, s->num_segments * sizeof(float));
        a->beta[row] = 0;
    }
    check_that(check, finite, "%s: rows beyond the window are finite", c->sentence);
}

static void run_case(struct check *check, struct tyto_co_attn *op, const struct a_case *c)
{
    const struct tyto_co_attn_shape *s = &c->shape;
    struct arrays a = make_arrays(check, c);
    const size_t num_align = a.rows * s->num_segments;
    struct tyto_buf *bufs[] = {check_buf(check, a.other, a.num_other),
                               check_buf(check, a.g, a.num_key),
                               check_buf(check, a.ks, a.num_key),
                               check_buf(check, a.u, s->key_width),
                               check_buf(check, a.h, a.num),
                               check_buf(check, a.s, a.num),
                               check_buf(check, (const float *)a.len, s->batch),
                               check_buf(check, NULL, a.num_out),
                               check_buf(check, NULL, a.rows),
                               check_buf(check, NULL, num_align)};
    const struct tyto_co_attn_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}, {.buf = bufs[4]},
        {.buf = bufs[5]}, {.buf = bufs[6]}, {.buf = bufs[7]}, {.buf = bufs[8]}, {.buf = bufs[9]}};
    struct tyto_plan *plan = NULL;
    char text[128];

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_co_attn_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        const struct tyto_co_attn_ref_io ref = {
            a.other, a.g, a.ks, a.u, a.h, a.s, a.len, a.want_out, a.want_beta, a.want_align};

        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[7], 0, a.out, a.num_out * sizeof(float)), "read");
        check_must(tyto_buf_read(bufs[8], 0, a.beta, a.rows * sizeof(float)), "read");
        check_must(tyto_buf_read(bufs[9], 0, a.align, num_align * sizeof(float)), "read");
        tyto_co_attn_ref(s, &ref);
        drop_invalid(check, c, &a);
        check_close_to(check, a.out, a.want_out, a.num_out, tolerance, c->sentence);
        snprintf(text, sizeof(text), "%s: beta", c->sentence);
        check_close_to(check, a.beta, a.want_beta, a.rows, tolerance, text);
        snprintf(text, sizeof(text), "%s: align", c->sentence);
        check_close_to(check, a.align, a.want_align, num_align, tolerance, text);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free_arrays(&a);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 4, 8, 0, 4, 4, 0, 0}, 1, 1, 0, true},
    {"the model's own", {24, 10, 128, 64, 832, 640, 768, 256, 128, 1}, 1, 0.4f, 0, true},
    {"no mask", {5, 10, 128, 64, 832, 640, 768, 256, 0, UINT32_MAX}, 1, 0.4f, 0, true},
    {"look-ahead 0", {5, 10, 12, 8, 20, 8, 0, 13, 1, 0}, 1, 1, 0, true},
    {"windows of every length", {20, 10, 12, 8, 24, 0, 12, 12, 0, 2}, 1, 1, 0, false},
    {"the longest window",
     {3, TYTO_CO_ATTN_MAX_SEGMENTS, 36, 12, 48, 0, 36, 36, 0, UINT32_MAX},
     1,
     1,
     0,
     true},
    {"wide", {2, 3, 1284, 516, 1800, 0, 1284, 1284, 0, UINT32_MAX}, 1, 0.05f, 0, true},
    {"saturated", {3, 10, 12, 8, 20, 0, 12, 12, 0, 1}, 1000, 3, 0, true},
    {"a sentinel that wins", {3, 10, 12, 40, 52, 0, 12, 12, 0, 1}, 1, 1.4f, 100, true},
    {"a sentinel that loses", {3, 10, 12, 40, 52, 0, 12, 12, 0, 1}, 1, 1.4f, -100, true},
    {"scores of hundreds", {3, 10, 12, 40, 52, 0, 12, 12, 0, 1}, 1000, 40, 0, true},
};

static const struct a_case benches[] = {
    {"24 x 10, 128, 64", {24, 10, 128, 64, 832, 640, 768, 256, 0, 1}, 1, 1, 0, true},
    {"1 x 10, 128, 64", {1, 10, 128, 64, 832, 640, 768, 256, 0, 1}, 1, 1, 0, true}};

static void refusals(struct check *check, struct tyto_co_attn *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 1024);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_co_attn_io io = {all, all, all, all, all, all, all, all, all, all};
    const struct tyto_co_attn_shape good = {2, 16, 16, 8, 32, 0, 16, 32, 16, 0};
    struct tyto_co_attn_shape shape = good;
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.key_offset = 28;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "keys over the row's end");
    shape = good;
    shape.other_offset = 2;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "an offset no multiple of 4");
    shape = good;
    shape.out_offset = 17;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "columns over the output's end");
    shape = good;
    shape.num_segments = TYTO_CO_ATTN_MAX_SEGMENTS + 1;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "one segment too many");
    shape = good;
    shape.batch = 3;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more than there is");
    shape = good;
    shape.other_offset = UINT32_MAX - 3;
    check_err(check, tyto_co_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "an offset that wraps around");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_co_attn *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_co_attn_create(check.gpu, &op), "co_attn");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        refusals(&check, op);
    }
    tyto_co_attn_destroy(&op);
    return check_close(&check);
}
