/* SPDX-License-Identifier: MIT */
/* What the device packs is what the host packs. */
#include <stdlib.h>
#include <string.h>

#include "shaders/weights_pack/weights_pack.h"
#include "tests/check/gradient.h"

enum { GAP = 12 };

static void same(struct check *check, const struct tyto_buf *got, const struct tyto_buf *want,
                 const char *sentence)
{
    const size_t num = tyto_buf_size_bytes(want) / sizeof(float);
    float *a = gradient_read(got, num), *b = gradient_read(want, num);

    check_that(check, memcmp(a, b, num * sizeof(*a)) == 0, "%s", sentence);
    free(a);
    free(b);
}

static void panels(struct check *check, struct tyto_weights_pack *op, uint32_t n, uint32_t k)
{
    const size_t num = GAP + (size_t)n * k + n;
    float *values = check_floats(num), *zeros = check_floats(num);
    struct tyto_gemm_weights *want = NULL, *got = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, values, num, 1);
    struct tyto_buf *buf = check_buf(check, values, num);
    const float *weight = values + GAP, *bias = weight + (size_t)n * k;
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, weight, bias, n, k, &want),
               "weights");
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, zeros, zeros, n, k, &got),
               "weights");
    check_must(tyto_plan_create(check->gpu, "panels", &plan), "plan");
    check_must(tyto_weights_pack_record_panels(op, plan, buf, GAP, GAP + (uint64_t)n * k, got),
               "record");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    same(check, tyto_gemm_weights_panels(got), tyto_gemm_weights_panels(want), "panels");
    same(check, tyto_gemm_weights_bias(got), tyto_gemm_weights_bias(want), "bias");
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&want);
    tyto_gemm_weights_destroy(&got);
    tyto_buf_destroy(&buf);
    free(values);
    free(zeros);
}

static void lstm(struct check *check, struct tyto_weights_pack *op, uint32_t width)
{
    const size_t num = GAP + 5 * (size_t)width * width;
    const size_t num_packed = tyto_lstm_sentinel_packed_bytes(width) / sizeof(float);
    float *values = check_floats(num), *packed = check_floats(num_packed);
    struct tyto_plan *plan = NULL;

    check_fill(check, values, num, 1);
    tyto_lstm_sentinel_pack(width, values + GAP, values + GAP + 4 * (size_t)width * width, packed);
    struct tyto_buf *buf = check_buf(check, values, num), *want = NULL, *got = NULL;
    want = check_buf(check, packed, num_packed);
    got = check_buf(check, NULL, num_packed);
    check_must(tyto_plan_create(check->gpu, "lstm", &plan), "plan");
    check_must(tyto_weights_pack_record_lstm(op, plan, buf, GAP, width, got), "record");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    same(check, got, want, "lstm");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
    tyto_buf_destroy(&want);
    tyto_buf_destroy(&got);
    free(values);
    free(packed);
}

static void refusals(struct check *check, struct tyto_weights_pack *op)
{
    float zeros[36] = {0};
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_buf *buf = check_buf(check, NULL, 36);
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, zeros, NULL, 4, 8, &weights),
               "weights");
    check_err(check, tyto_weights_pack_record_panels(op, plan, buf, 8, 0, weights), TYTO_ERR_SHAPE,
              "values that end too early");
    check_err(check, tyto_weights_pack_record_lstm(op, plan, buf, 0, 4, buf), TYTO_ERR_SHAPE,
              "an LSTM that is not there");
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_weights_pack *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_weights_pack_create(check.gpu, &op), "weights_pack");
    if (!check.bench) {
        panels(&check, op, 4, 4);
        panels(&check, op, 36, 20);
        panels(&check, op, 128, 512);
        lstm(&check, op, 4);
        lstm(&check, op, 12);
        lstm(&check, op, 96);
        refusals(&check, op);
    }
    tyto_weights_pack_destroy(&op);
    return check_close(&check);
}
