/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaders/gemm/gemm.h"
#include "tests/check/check.h"

__extension__ typedef _Float16 half;

struct product {
    const char *sentence;
    struct tyto_gemm_args args; /* m, act, ... ; matrices are filled in */
    uint32_t n, k;
    bool bias, residual, f16;
};

static void run_product(struct check *check, struct tyto_gemm *gemm, const struct product *product)
{
    struct tyto_gemm_args args = product->args;
    size_t m = args.m, n = product->n, k = product->k;
    float *x = check_floats(m * k), *w = check_floats(n * k), *bias = check_floats(n);
    float *r = check_floats(m * n), *want = check_floats(m * n), *got = check_floats(m * n);
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, x, m * k, 1);
    check_fill(check, w, n * k, 1);
    check_fill(check, bias, n, 1);
    check_fill(check, r, m * n, 1);
    if (product->f16)
        for (size_t i = 0; i < n * k; i++)
            w[i] = (float)(half)w[i];
    struct tyto_buf *x_buf = check_buf(check, x, m * k), *y_buf = check_buf(check, NULL, m * n);
    struct tyto_buf *r_buf = check_buf(check, r, m * n);
    check_must(
        tyto_gemm_weights_create(check->gpu, product->f16 ? TYTO_WEIGHT_F16 : TYTO_WEIGHT_F32, w,
                                 product->bias ? bias : NULL, product->n, product->k, &weights),
        "weights");
    args.x.buf = x_buf;
    args.y.buf = y_buf;
    args.residual.buf = product->residual ? r_buf : NULL;
    check_must(tyto_plan_create(check->gpu, "gemm", &plan), "plan");
    check_must(tyto_gemm_record(gemm, plan, weights, &args), product->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, product->sentence, plan, 2.0 * (double)(m * n * k));
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(y_buf, 0, got, m * n * sizeof(*got)), "read");
        const struct tyto_gemm_ref_args ref = {.m = args.m,
                                               .n = product->n,
                                               .k = product->k,
                                               .x = x,
                                               .weight = w,
                                               .bias = product->bias ? bias : NULL,
                                               .residual = product->residual ? r : NULL,
                                               .act = args.act,
                                               .act_slope = args.act_slope,
                                               .has_clamp_min = args.has_clamp_min,
                                               .clamp_min = args.clamp_min};
        tyto_gemm_ref(&ref, want);
        check_close_to(check, got, want, m * n, 1e-6 * sqrt((double)k), product->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&x_buf);
    tyto_buf_destroy(&y_buf);
    tyto_buf_destroy(&r_buf);
    free(x);
    free(w);
    free(bias);
    free(r);
    free(want);
    free(got);
}

static const struct product products[] = {
    {"one by one by one", {.m = 1}, 1, 1, false, false, false},
    {"one row", {.m = 1}, 33, 7, true, false, false},
    {"nothing a multiple of anything", {.m = 19}, 37, 29, true, true, false},
    {"k a multiple of 4", {.m = 17}, 31, 12, true, false, false},
    {"relu", {.m = 20, .act = TYTO_ACT_RELU}, 40, 16, true, false, false},
    {"relu6", {.m = 20, .act = TYTO_ACT_RELU6}, 40, 64, true, true, false},
    {"leaky relu",
     {.m = 9, .act = TYTO_ACT_LEAKY_RELU, .act_slope = 0.2f},
     8,
     8,
     true,
     false,
     false},
    {"sigmoid", {.m = 9, .act = TYTO_ACT_SIGMOID}, 8, 128, true, false, false},
    {"tanh", {.m = 9, .act = TYTO_ACT_TANH}, 8, 128, true, false, false},
    {"clamp", {.m = 9, .has_clamp_min = true, .clamp_min = -0.4f}, 8, 8, true, false, false},
    {"fp16 weights", {.m = 50}, 70, 36, true, false, true},
    {"256 cubed", {.m = 256}, 256, 256, true, false, false},
};

static const struct product benches[] = {
    {"256x256x256", {.m = 256}, 256, 256, false, false, false},
    {"1024x1024x1024", {.m = 1024}, 1024, 1024, false, false, false},
    {"49x960x160", {.m = 49}, 160, 960, false, false, false},
    {"3136x24x144", {.m = 3136}, 144, 24, false, false, false},
    {"196x96x576", {.m = 196}, 576, 96, false, false, false},
    {"12544x16x96", {.m = 12544}, 96, 16, false, false, false},
};

int main(int argc, char **argv)
{
    struct tyto_gemm *gemm = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_gemm_create(check.gpu, &gemm), "gemm");
    if (check.bench) {
        for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++)
            run_product(&check, gemm, &benches[i]);
    } else {
        for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++)
            run_product(&check, gemm, &products[i]);
    }
    tyto_gemm_destroy(&gemm);
    return check_close(&check);
}
