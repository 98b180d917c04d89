/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "shaders/gemm/gemm.h"
#include "shaders/gemm/gemm_shape.h"
#include "tests/check/check.h"

#ifdef HAVE_CBLAS
#include <cblas.h>
#endif

struct product {
    const char *sentence;
    struct tyto_gemm_args args; /* m, act, ... ; matrices are filled in */
    uint32_t n, k;
    bool bias, residual, f16;
    bool in_place; /* residual is y itself */
};

#ifdef HAVE_CBLAS
struct blas {
    int m, n, k;
    const float *x, *w;
    float *y;
};

static void run_blas(void *user)
{
    const struct blas *b = user;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, b->m, b->n, b->k, 1, b->x, b->k, b->w,
                b->k, 0, b->y, b->n);
}
#endif

/* Times the plan and, on the same number of threads (one, with LP_NUM_THREADS=0), OpenBLAS. */
static void time_product(struct check *check, const struct product *product, struct tyto_plan *plan,
                         const float *x, const float *w, float *y)
{
    const double flop = 2.0 * product->args.m * product->n * product->k;
    const double ours_s = check_bench_plan(check, product->sentence, plan, flop);

#ifdef HAVE_CBLAS
    if (tyto_gpu_get_info(check->gpu)->wants_groups)
        return; /* one thread of the host is no measure of a GPU */
    struct blas blas = {(int)product->args.m, (int)product->n, (int)product->k, x, w, y};

    openblas_set_num_threads(1);
    const double theirs_s = check_bench_call("  OpenBLAS, 1 thread", run_blas, &blas, flop);
    printf("  %.0f %% of OpenBLAS\n", 100.0 * theirs_s / ours_s);
#else
    (void)ours_s;
    (void)x;
    (void)w;
    (void)y;
#endif
}

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
            w[i] = tyto_half_to_f32(tyto_half_from_f32(w[i]));
    struct tyto_buf *x_buf = check_buf(check, x, m * k), *y_buf = check_buf(check, NULL, m * n);
    struct tyto_buf *r_buf = product->residual ? check_buf(check, r, m * n) : NULL;
    check_must(
        tyto_gemm_weights_create(check->gpu, product->f16 ? TYTO_WEIGHT_F16 : TYTO_WEIGHT_F32, w,
                                 product->bias ? bias : NULL, product->n, product->k, &weights),
        "weights");
    args.x.buf = x_buf;
    args.y.buf = y_buf;
    args.residual.buf = product->in_place ? y_buf : r_buf;
    if (product->in_place)
        check_must(tyto_buf_write(y_buf, 0, r, m * n * sizeof(*r)), "write");
    check_must(tyto_plan_create(check->gpu, "gemm", &plan), "plan");
    check_must(tyto_gemm_record(gemm, plan, weights, &args), product->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        time_product(check, product, plan, x, w, got);
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
    {"one by one by one", {.m = 1}, 1, 1, false, false, false, false},
    {"one row", {.m = 1}, 33, 7, true, false, false, false},
    {"nothing a multiple of anything", {.m = 19}, 37, 29, true, true, false, false},
    {"k a multiple of 4", {.m = 17}, 31, 12, true, false, false, false},
    {"relu", {.m = 20, .act = TYTO_ACT_RELU}, 40, 16, true, false, false, false},
    {"relu6", {.m = 20, .act = TYTO_ACT_RELU6}, 40, 64, true, true, false, false},
    {"leaky relu",
     {.m = 9, .act = TYTO_ACT_LEAKY_RELU, .act_slope = 0.2f},
     8,
     8,
     true,
     false,
     false,
     false},
    {"sigmoid", {.m = 9, .act = TYTO_ACT_SIGMOID}, 8, 128, true, false, false, false},
    {"tanh", {.m = 9, .act = TYTO_ACT_TANH}, 8, 128, true, false, false, false},
    {"hard swish", {.m = 9, .act = TYTO_ACT_HARD_SWISH}, 8, 128, true, false, false, false},
    {"clamp", {.m = 9, .has_clamp_min = true, .clamp_min = -0.4f}, 8, 8, true, false, false, false},
    {"fp16 weights", {.m = 50}, 70, 36, true, false, true, false},
    {"256 cubed", {.m = 256}, 256, 256, true, false, false, false},
    {"the longest k", {.m = 3}, 4, GEMM_MAX_K, true, false, false, false},
    {"residual in place", {.m = 37, .act = TYTO_ACT_RELU}, 72, 20, true, true, false, true},
    {"enough rows for a GPU's larger tiles, none of them whole",
     {.m = 26001, .act = TYTO_ACT_RELU},
     72,
     20,
     true,
     true,
     false,
     false},
    {"the same in place", {.m = 26001}, 72, 20, true, true, false, true},
    {"residual in place, unaligned", {.m = 11}, 6, 5, true, true, false, true},
};

static const struct product benches[] = {
    {"256x256x256", {.m = 256}, 256, 256, false, false, false, false},
    {"1024x1024x1024", {.m = 1024}, 1024, 1024, false, false, false, false},
    {"49x960x160", {.m = 49}, 160, 960, false, false, false, false},
    {"3136x24x144", {.m = 3136}, 144, 24, false, false, false, false},
    {"196x96x576", {.m = 196}, 576, 96, false, false, false, false},
    {"31360x512x128", {.m = 31360}, 128, 512, false, false, false, false},
    {"640x512x768", {.m = 640}, 768, 512, false, false, false, false},
    {"12544x16x96", {.m = 12544}, 96, 16, false, false, false, false},
};

/* What fills a real GPU, and would keep a software driver busy for minutes. */
static const struct product wide_benches[] = {
    {"4096x4096x4096", {.m = 4096}, 4096, 4096, false, false, false, false},
    {"75264x960x160, 24 pictures of 56x56", {.m = 75264}, 160, 960, false, false, false, false},
};

/* --- parts of buffers, refusals, hostile values ----------------------------------- */

/* Batches, rows and offsets apart from each other; what lies between stays as it was. */
static void run_strided(struct check *check, struct tyto_gemm *gemm, uint32_t unit,
                        const char *sentence)
{
    enum { M = 5, N = 12, K = 8, B = 3, NUM = 4096 };
    const uint32_t x_row = K + unit, y_row = N + 2 * unit, x_batch = 100 * unit + 40,
                   y_batch = 200 * unit + 40, x_offset = 3 * unit, y_offset = 5 * unit;
    float *x = check_floats(NUM), *w = check_floats(N * K), *y = check_floats(NUM);
    float *want = check_floats(NUM);
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, x, NUM, 1);
    check_fill(check, w, (size_t)N * K, 1);
    check_fill(check, want, NUM, 1);
    struct tyto_buf *x_buf = check_buf(check, x, NUM), *y_buf = check_buf(check, want, NUM);
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, N, K, &weights),
               "weights");
    for (uint32_t b = 0; b < B; b++) {
        for (uint32_t m = 0; m < M; m++) {
            const struct tyto_gemm_ref_args ref = {
                .m = 1, .n = N, .k = K, .x = x + x_offset + b * x_batch + m * x_row, .weight = w};

            tyto_gemm_ref(&ref, want + y_offset + b * y_batch + m * y_row);
        }
    }
    const struct tyto_gemm_args args = {
        .m = M,
        .num_batches = B,
        .x = {.buf = x_buf, .offset = x_offset, .row = x_row, .batch = x_batch},
        .y = {.buf = y_buf, .offset = y_offset, .row = y_row, .batch = y_batch}};
    check_must(tyto_plan_create(check->gpu, "strided", &plan), "plan");
    check_must(tyto_gemm_record(gemm, plan, weights, &args), sentence);
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    check_must(tyto_buf_read(y_buf, 0, y, NUM * sizeof(*y)), "read");
    check_close_to(check, y, want, NUM, 1e-6 * sqrt((double)K), sentence);
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&x_buf);
    tyto_buf_destroy(&y_buf);
    free(x);
    free(w);
    free(y);
    free(want);
}

/* A NaN or an infinity in one row of x spoils that row of y alone. */
static void run_hostile(struct check *check, struct tyto_gemm *gemm)
{
    enum { M = 18, N = 36, K = 20 };
    static const uint32_t bad_row = 7;
    float x[M * K], w[N * K], y[M * N], want[M * N];
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_plan *plan = NULL;
    bool spoilt = true;

    check_fill(check, x, M * K, 1);
    check_fill(check, w, N * K, 1);
    const struct tyto_gemm_ref_args ref = {.m = M, .n = N, .k = K, .x = x, .weight = w};
    tyto_gemm_ref(&ref, want);
    x[bad_row * K] = NAN;
    x[bad_row * K + 1] = INFINITY;
    struct tyto_buf *x_buf = check_buf(check, x, M * K), *y_buf = check_buf(check, NULL, M * N);
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, N, K, &weights),
               "weights");
    const struct tyto_gemm_args args = {.m = M, .x = {.buf = x_buf}, .y = {.buf = y_buf}};
    check_must(tyto_plan_create(check->gpu, "hostile", &plan), "plan");
    check_must(tyto_gemm_record(gemm, plan, weights, &args), "hostile");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    check_must(tyto_buf_read(y_buf, 0, y, sizeof(y)), "read");
    for (uint32_t n = 0; n < N; n++) {
        spoilt = spoilt && !isfinite(y[bad_row * N + n]);
        y[bad_row * N + n] = want[bad_row * N + n];
    }
    check_that(check, spoilt, "not-a-number in a row of x reaches that row of y");
    check_close_to(check, y, want, (size_t)M * N, 1e-5, "and no other row");
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&x_buf);
    tyto_buf_destroy(&y_buf);
}

static void refuse(struct check *check, struct tyto_gemm *gemm)
{
    float w[8 * 8] = {0};
    struct tyto_gemm_weights *weights = NULL, *none = NULL;
    struct tyto_plan *plan = NULL;
    struct tyto_buf *x = check_buf(check, NULL, 64), *y = check_buf(check, NULL, 64);
    const struct tyto_gemm_args good = {.m = 8, .x = {.buf = x}, .y = {.buf = y}};
    struct tyto_gemm_args bad = good;

    check_err(check, tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, 0, 8, &none),
              TYTO_ERR_SHAPE, "weights without rows are refused");
    check_err(check,
              tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, 8, 1u << 30, &none),
              TYTO_ERR_SHAPE, "weights over the limit are refused before they are read");
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, 8, 8, &weights),
               "weights");
    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    bad.m = 9;
    check_err(check, tyto_gemm_record(gemm, plan, weights, &bad), TYTO_ERR_SHAPE,
              "more rows than the buffers hold are refused");
    bad = good;
    bad.x.row = 7;
    check_err(check, tyto_gemm_record(gemm, plan, weights, &bad), TYTO_ERR_SHAPE,
              "rows that overlap are refused");
    bad = good;
    bad.y.offset = UINT64_MAX;
    check_err(check, tyto_gemm_record(gemm, plan, weights, &bad), TYTO_ERR_SHAPE,
              "an offset past the end is refused");
    bad = good;
    bad.x.buf = NULL;
    check_err(check, tyto_gemm_record(gemm, plan, weights, &bad), TYTO_ERR_INVALID,
              "no buffer is refused");
    bad = good;
    bad.act = TYTO_ACT_NUM;
    check_err(check, tyto_gemm_record(gemm, plan, weights, &bad), TYTO_ERR_INVALID,
              "an unknown activation is refused");
    check_err(check, tyto_gemm_record(gemm, plan, weights, &good), TYTO_OK, "what fits is taken");
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&x);
    tyto_buf_destroy(&y);
}

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
        const size_t num_wide = sizeof(wide_benches) / sizeof(*wide_benches);
        for (size_t i = 0; i < num_wide && tyto_gpu_get_info(check.gpu)->wants_groups; i++)
            run_product(&check, gemm, &wide_benches[i]);
    } else {
        for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++)
            run_product(&check, gemm, &products[i]);
        run_strided(&check, gemm, 4, "batches and rows apart, at multiples of 4 floats");
        run_strided(&check, gemm, 1, "batches and rows apart, anywhere");
        run_hostile(&check, gemm);
        refuse(&check, gemm);
    }
    tyto_gemm_destroy(&gemm);
    return check_close(&check);
}
