/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "shaders/conv/conv.h"
#include "shaders/conv/conv_shape.h"
#include "tests/check/check.h"

struct layer {
    const char *sentence;
    struct tyto_conv_shape shape;
    uint32_t num_batches;
    enum tyto_act act;
    bool residual, f16;
};

static void run_layer(struct check *check, struct tyto_conv *conv, const struct layer *layer)
{
    const struct tyto_conv_shape *s = &layer->shape;
    size_t num_x = (size_t)layer->num_batches * s->in_h * s->in_w * s->in_c;
    size_t num_y = (size_t)layer->num_batches * s->out_h * s->out_w * s->out_c;
    size_t k = (size_t)s->kernel_h * s->kernel_w * s->in_c, num_w = k * s->out_c;
    float *x = check_floats(num_x), *w = check_floats(num_w), *bias = check_floats(s->out_c);
    float *r = check_floats(num_y), *want = check_floats(num_y), *got = check_floats(num_y);
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, x, num_x, 1);
    check_fill(check, w, num_w, 1);
    check_fill(check, bias, s->out_c, 1);
    check_fill(check, r, num_y, 1);
    for (size_t i = 0; layer->f16 && i < num_w; i++)
        w[i] = tyto_half_to_f32(tyto_half_from_f32(w[i]));
    struct tyto_buf *x_buf = check_buf(check, x, num_x), *y_buf = check_buf(check, NULL, num_y);
    struct tyto_buf *r_buf = layer->residual ? check_buf(check, r, num_y) : NULL;
    check_must(tyto_gemm_weights_create(check->gpu, layer->f16 ? TYTO_WEIGHT_F16 : TYTO_WEIGHT_F32,
                                        w, bias, s->out_c, (uint32_t)k, &weights),
               "weights");
    const struct tyto_conv_args args = {.shape = *s,
                                        .num_batches = layer->num_batches,
                                        .x = x_buf,
                                        .y = y_buf,
                                        .residual = r_buf,
                                        .act = layer->act,
                                        .act_slope = 0.1f,
                                        .has_clamp_min = true,
                                        .clamp_min = -2};
    check_must(tyto_plan_create(check->gpu, "conv", &plan), "plan");
    check_must(tyto_conv_record(conv, plan, weights, &args), layer->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, layer->sentence, plan, 2.0 * (double)(num_y * k));
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(y_buf, 0, got, num_y * sizeof(*got)), "read");
        const struct tyto_conv_ref_args ref = {.shape = *s,
                                               .num_batches = layer->num_batches,
                                               .x = x,
                                               .weight = w,
                                               .bias = bias,
                                               .residual = args.residual ? r : NULL,
                                               .act = args.act,
                                               .act_slope = args.act_slope,
                                               .has_clamp_min = true,
                                               .clamp_min = -2};
        tyto_conv_ref(&ref, want);
        check_close_to(check, got, want, num_y, 1e-6 * sqrt((double)k), layer->sentence);
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

/* in_h, in_w, in_c, out_h, out_w, out_c, kernel, stride, pad_top, pad_left */
static const struct layer layers[] = {
    {"one pixel", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, 1, TYTO_ACT_NONE, false, false},
    {"1x1 as a product", {5, 7, 8, 5, 7, 12, 1, 1, 1, 1, 0, 0}, 2, TYTO_ACT_RELU6, true, false},
    {"1x1 with stride 2", {6, 8, 8, 3, 4, 12, 1, 1, 2, 2, 0, 0}, 2, TYTO_ACT_RELU, false, false},
    {"first layer, 3 channels, stride 2, padding at the end only",
     {16, 18, 3, 8, 9, 32, 3, 3, 2, 2, 0, 0},
     1,
     TYTO_ACT_RELU6,
     false,
     false},
    {"first layer, 3 channels, padding on all sides",
     {9, 11, 3, 5, 6, 16, 3, 3, 2, 2, 1, 1},
     3,
     TYTO_ACT_NONE,
     false,
     false},
    {"one channel", {10, 9, 1, 10, 9, 24, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_LEAKY_RELU, false, false},
    {"3x3 of 8 channels", {7, 7, 8, 7, 7, 33, 3, 3, 1, 1, 1, 1}, 2, TYTO_ACT_RELU, true, false},
    {"1x3", {7, 12, 24, 7, 10, 24, 1, 3, 1, 1, 0, 0}, 1, TYTO_ACT_LEAKY_RELU, false, false},
    {"3x1", {7, 12, 24, 5, 12, 24, 3, 1, 1, 1, 0, 0}, 2, TYTO_ACT_LEAKY_RELU, false, false},
    {"5x4, stride 2 and 3", {13, 14, 5, 6, 5, 7, 5, 4, 2, 3, 1, 2}, 2, TYTO_ACT_TANH, true, false},
    {"3x3 and hard swish",
     {7, 7, 8, 7, 7, 12, 3, 3, 1, 1, 1, 1},
     2,
     TYTO_ACT_HARD_SWISH,
     true,
     false},
    {"the largest kernel",
     {5, 5, 52, 1, 2, 4, CONV_MAX_KERNEL, CONV_MAX_KERNEL, 1, 1, 30, 30},
     1,
     TYTO_ACT_NONE,
     false,
     false},
    {"enough pixels for a GPU's larger tiles, none of them whole",
     {161, 163, 4, 161, 163, 36, 3, 3, 1, 1, 1, 1},
     1,
     TYTO_ACT_RELU6,
     true,
     false},
    {"fp16 weights", {8, 8, 12, 8, 8, 20, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_SIGMOID, false, true},
};

static const struct layer benches[] = {
    {"MobileNetV2 first 3x3x3 s2 224",
     {224, 224, 3, 112, 112, 32, 3, 3, 2, 2, 0, 0},
     1,
     TYTO_ACT_RELU6,
     false,
     false},
    {"3x3 56x56x64", {56, 56, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_RELU, false, false},
};

static void refuse(struct check *check, struct tyto_conv *conv)
{
    float w[9 * 8 * 4] = {0};
    struct tyto_gemm_weights *weights = NULL;
    struct tyto_plan *plan = NULL;
    struct tyto_buf *x = check_buf(check, NULL, 8 * 8 * 8), *y = check_buf(check, NULL, 8 * 8 * 4);
    const struct tyto_conv_args good = {
        .shape = {8, 8, 8, 8, 8, 4, 3, 3, 1, 1, 1, 1}, .x = x, .y = y};
    struct tyto_conv_args bad = good;

    check_must(tyto_gemm_weights_create(check->gpu, TYTO_WEIGHT_F32, w, NULL, 4, 72, &weights),
               "weights");
    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    bad.shape.out_h = 9;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "an output larger than its buffer is refused");
    bad = good;
    bad.num_batches = 2;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "more pictures than the buffer holds are refused");
    bad = good;
    bad.shape.stride_w = 0;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "a stride of 0 is refused");
    bad = good;
    bad.shape.kernel_h = 2;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "weights of another kernel size are refused");
    bad = good;
    bad.x_offset = 1;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "an offset that leads past the end is refused");
    bad = good;
    bad.act = TYTO_ACT_NUM;
    check_err(check, tyto_conv_record(conv, plan, weights, &bad), TYTO_ERR_INVALID,
              "an unknown activation is refused");
    check_err(check, tyto_conv_record(conv, plan, weights, &good), TYTO_OK, "what fits is taken");
    tyto_plan_destroy(&plan);
    tyto_gemm_weights_destroy(&weights);
    tyto_buf_destroy(&x);
    tyto_buf_destroy(&y);
}

int main(int argc, char **argv)
{
    struct tyto_conv *conv = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_conv_create(check.gpu, &conv), "conv");
    if (check.bench) {
        for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++)
            run_layer(&check, conv, &benches[i]);
        /* What fills a real GPU: the pictures of 24 cameras at once. */
        for (size_t i = 0;
             i < sizeof(benches) / sizeof(*benches) && tyto_gpu_get_info(check.gpu)->wants_groups;
             i++) {
            struct layer wide = benches[i];
            char name[128];

            (void)snprintf(name, sizeof(name), "%s, 24 pictures", wide.sentence);
            wide.sentence = name;
            wide.num_batches = 24;
            run_layer(&check, conv, &wide);
        }
    } else {
        for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++)
            run_layer(&check, conv, &layers[i]);
        refuse(&check, conv);
    }
    tyto_conv_destroy(&conv);
    return check_close(&check);
}
