/* SPDX-License-Identifier: MIT */
/* The gradients of a linear layer are products, so their truth is a product in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaders/gemm_back/gemm_back.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    uint32_t m, n, k;
    uint32_t gap; /* floats between rows, and before the first */
    bool extra, gate, bias;
};

struct operands {
    float *dy, *x, *w, *extra;
    size_t num_dy, num_x, num_w;
};

static size_t at(const struct a_case *c, size_t row, uint32_t width, size_t col)
{
    return c->gap + row * (width + c->gap) + col;
}

static struct operands make_operands(struct check *check, const struct a_case *c)
{
    struct operands o = {
        .num_dy = at(c, c->m, c->n, 0),
        .num_x = at(c, c->m, c->k, 0),
        .num_w = (size_t)c->n * c->k,
    };

    o.dy = check_floats(o.num_dy);
    o.x = check_floats(o.num_x);
    o.extra = check_floats(o.num_x);
    o.w = check_floats(o.num_w);
    check_fill(check, o.dy, o.num_dy, 1);
    check_fill(check, o.x, o.num_x, 1);
    check_fill(check, o.extra, o.num_x, 1);
    check_fill(check, o.w, o.num_w, 1);
    return o;
}

static float want_dx(const struct a_case *c, const struct operands *o, size_t m, size_t k)
{
    const float extra = o->extra[at(c, m, c->k, k)];
    double sum = c->extra && !c->gate ? (double)extra : 0;

    for (size_t n = 0; n < c->n; n++)
        sum += (double)o->dy[at(c, m, c->n, n)] * (double)o->w[n * c->k + k];
    return c->gate && extra <= 0 ? 0.0f : (float)sum;
}

static float want_dw(const struct a_case *c, const struct operands *o, size_t n, size_t k)
{
    double sum = 0;

    for (size_t m = 0; m < c->m; m++)
        sum +=
            (double)o->dy[at(c, m, c->n, n)] * (k < c->k ? (double)o->x[at(c, m, c->k, k)] : 1.0);
    return (float)sum;
}

static struct tyto_mat mat(const struct a_case *c, const struct tyto_buf *buf, uint32_t width)
{
    return (struct tyto_mat){.buf = buf, .offset = c->gap, .row = width + c->gap};
}

static void compare_x(struct check *check, const struct a_case *c, const struct operands *o,
                      const struct tyto_buf *buf)
{
    const size_t num = (size_t)c->m * c->k;
    float *got = check_floats(o->num_x), *want = check_floats(num);

    check_must(tyto_buf_read(buf, 0, got, o->num_x * sizeof(float)), "read");
    for (size_t i = 0; i < num; i++) {
        got[i] = got[at(c, i / c->k, c->k, i % c->k)];
        want[i] = want_dx(c, o, i / c->k, i % c->k);
    }
    check_close_to(check, got, want, num, 1e-6 * sqrt(c->n) * 2, c->sentence);
    free(got);
    free(want);
}

static void compare_w(struct check *check, const struct a_case *c, const struct operands *o,
                      const struct tyto_buf *dw, const struct tyto_buf *db)
{
    float *got = check_floats(o->num_w), *want = check_floats(o->num_w);

    check_must(tyto_buf_read(dw, 0, got, o->num_w * sizeof(float)), "read");
    for (size_t i = 0; i < o->num_w; i++)
        want[i] = want_dw(c, o, i / c->k, i % c->k);
    check_close_to(check, got, want, o->num_w, 1e-6 * sqrt(c->m) * 2, c->sentence);
    if (c->bias) {
        check_must(tyto_buf_read(db, 0, got, c->n * sizeof(float)), "read");
        for (size_t i = 0; i < c->n; i++)
            want[i] = want_dw(c, o, i, c->k);
        check_close_to(check, got, want, c->n, 1e-6 * sqrt(c->m) * 2, c->sentence);
    }
    free(got);
    free(want);
}

enum { DY, X, W, EXTRA, DX, DW, DB, SCRATCH, NUM_BUFS };

static void bench(struct check *check, const struct a_case *c, struct tyto_plan *plans[2])
{
    const double flop = 2.0 * c->m * c->n * c->k;

    for (size_t i = 0; i < 2; i++) {
        char name[128];

        (void)snprintf(name, sizeof(name), "%s: %s", c->sentence, i == 0 ? "dx" : "dw");
        (void)check_bench_plan(check, name, plans[i], flop);
    }
}

static void run_case(struct check *check, struct tyto_gemm_back *op, const struct a_case *c)
{
    struct operands o = make_operands(check, c);
    const uint64_t scratch = tyto_gemm_back_scratch(check->gpu, c->m, c->n, c->k);
    struct tyto_buf *bufs[NUM_BUFS] = {
        check_buf(check, o.dy, o.num_dy), check_buf(check, o.x, o.num_x),
        check_buf(check, o.w, o.num_w),   check_buf(check, o.extra, o.num_x),
        check_buf(check, NULL, o.num_x),  check_buf(check, NULL, o.num_w),
        check_buf(check, NULL, c->n),     check_buf(check, NULL, scratch ? scratch : 1)};
    const struct tyto_gemm_back_x_args x_args = {
        .m = c->m,
        .n = c->n,
        .k = c->k,
        .dy = mat(c, bufs[DY], c->n),
        .weight = {.buf = bufs[W]},
        .dx = mat(c, bufs[DX], c->k),
        .extra = c->extra || c->gate ? mat(c, bufs[EXTRA], c->k) : (struct tyto_mat){0},
        .is_gate = c->gate,
    };
    const struct tyto_gemm_back_w_args w_args = {
        .m = c->m,
        .n = c->n,
        .k = c->k,
        .dy = mat(c, bufs[DY], c->n),
        .x = mat(c, bufs[X], c->k),
        .dw = {.buf = bufs[DW]},
        .db = {.buf = c->bias ? bufs[DB] : NULL},
        .scratch = bufs[SCRATCH],
    };
    struct tyto_plan *plans[2] = {0};

    for (size_t i = 0; i < 2; i++) {
        check_must(tyto_plan_create(check->gpu, c->sentence, &plans[i]), "plan");
        check_must(i == 0 ? tyto_gemm_back_x_record(op, plans[i], &x_args)
                          : tyto_gemm_back_w_record(op, plans[i], &w_args),
                   c->sentence);
        check_must(tyto_plan_finish(plans[i]), "finish");
    }
    if (check->bench) {
        bench(check, c, plans);
    } else {
        check_must(tyto_plan_run(plans[0]), "run");
        check_must(tyto_plan_run(plans[1]), "run");
        compare_x(check, c, &o, bufs[DX]);
        compare_w(check, c, &o, bufs[DW], bufs[DB]);
    }
    for (size_t i = 0; i < 2; i++)
        tyto_plan_destroy(&plans[i]);
    for (size_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&bufs[i]);
    free(o.dy);
    free(o.x);
    free(o.w);
    free(o.extra);
}

static const struct a_case cases[] = {
    {"the smallest", 1, 4, 4, 0, false, false, true},
    {"a tile and a row", 17, 36, 36, 0, false, false, true},
    {"rows with gaps, added to", 19, 20, 44, 8, true, false, true},
    {"through a ReLU", 33, 32, 64, 0, false, true, true},
    {"the model's head", 640, 32, 64, 0, false, true, true},
    {"no bias", 640, 128, 128, 4, true, false, false},
    {"rows in chunks", 2500, 20, 36, 0, false, false, true},
    {"rows in chunks, with gaps", 2049, 12, 8, 4, true, false, true},
    {"enough rows for a GPU's larger tiles, none of them whole", 26001, 8, 68, 4, true, false,
     true},
    {"weights enough for them", 19, 1308, 1300, 0, false, true, true},
};

static const struct a_case benches[] = {
    {"31360 x 128 x 512", 31360, 128, 512, 0, false, false, true},
    {"640 x 768 x 512", 640, 768, 512, 0, false, false, true},
    {"64 x 640 x 128", 64, 640, 128, 0, true, false, false},
};

static void refusals(struct check *check, struct tyto_gemm_back *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 64);
    const struct tyto_mat all = {.buf = buf};
    struct tyto_plan *plan = NULL;
    struct tyto_gemm_back_x_args x = {.m = 4, .n = 8, .k = 8, .dy = all, .weight = all, .dx = all};
    struct tyto_gemm_back_w_args w = {.m = 4, .n = 8, .k = 8, .dy = all, .x = all, .dw = all};

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    x.k = 6;
    check_err(check, tyto_gemm_back_x_record(op, plan, &x), TYTO_ERR_SHAPE,
              "a width that is no multiple of 4");
    x.k = 8;
    x.m = 9;
    check_err(check, tyto_gemm_back_x_record(op, plan, &x), TYTO_ERR_SHAPE, "dy too small");
    x.m = 0;
    check_err(check, tyto_gemm_back_x_record(op, plan, &x), TYTO_ERR_SHAPE, "no rows");
    w.dw.offset = 4;
    check_err(check, tyto_gemm_back_w_record(op, plan, &w), TYTO_ERR_SHAPE, "dw too small");
    w.dw.offset = 0;
    w.dy.row = w.x.row = 4;
    check_err(check, tyto_gemm_back_w_record(op, plan, &w), TYTO_ERR_SHAPE,
              "a row shorter than its columns");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_gemm_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_gemm_back_create(check.gpu, &op), "gemm_back");
    if (check.bench) {
        for (size_t i = 0; i < NUM(benches); i++)
            run_case(&check, op, &benches[i]);
    } else {
        for (size_t i = 0; i < NUM(cases); i++)
            run_case(&check, op, &cases[i]);
        refusals(&check, op);
    }
    tyto_gemm_back_destroy(&op);
    return check_close(&check);
}
