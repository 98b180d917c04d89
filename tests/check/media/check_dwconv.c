/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaders/conv/conv_shape.h"
#include "shaders/dwconv/dwconv.h"
#include "tests/check/check.h"

struct layer {
    const char *sentence;
    struct tyto_dwconv_shape shape;
    uint32_t num_batches;
    enum tyto_act act;
};

static void run_layer(struct check *check, struct tyto_dwconv *dwconv, const struct layer *layer)
{
    const struct tyto_dwconv_shape *s = &layer->shape;
    size_t num_x = (size_t)layer->num_batches * s->in_h * s->in_w * s->channels;
    size_t num_y = (size_t)layer->num_batches * s->out_h * s->out_w * s->channels;
    size_t taps = (size_t)s->kernel_h * s->kernel_w, num_w = taps * s->channels;
    float *x = check_floats(num_x), *w = check_floats(num_w), *bias = check_floats(s->channels);
    float *want = check_floats(num_y), *got = check_floats(num_y);
    struct tyto_dwconv_weights *weights = NULL;
    struct tyto_plan *plan = NULL;

    check_fill(check, x, num_x, 1);
    check_fill(check, w, num_w, 1);
    check_fill(check, bias, s->channels, 1);
    struct tyto_buf *x_buf = check_buf(check, x, num_x), *y_buf = check_buf(check, NULL, num_y);
    check_must(tyto_dwconv_weights_create(check->gpu, w, bias, s->kernel_h, s->kernel_w,
                                          s->channels, &weights),
               "weights");
    const struct tyto_dwconv_args args = {.shape = *s,
                                          .num_batches = layer->num_batches,
                                          .x = x_buf,
                                          .y = y_buf,
                                          .act = layer->act,
                                          .act_slope = 0.1f,
                                          .has_clamp_min = true,
                                          .clamp_min = -1};
    check_must(tyto_plan_create(check->gpu, "dwconv", &plan), "plan");
    check_must(tyto_dwconv_record(dwconv, plan, weights, &args), layer->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, layer->sentence, plan, 2.0 * (double)(num_y * taps));
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(y_buf, 0, got, num_y * sizeof(*got)), "read");
        const struct tyto_dwconv_ref_args ref = {.shape = *s,
                                                 .num_batches = layer->num_batches,
                                                 .x = x,
                                                 .weight = w,
                                                 .bias = bias,
                                                 .act = args.act,
                                                 .act_slope = args.act_slope,
                                                 .has_clamp_min = true,
                                                 .clamp_min = -1};
        tyto_dwconv_ref(&ref, want);
        check_close_to(check, got, want, num_y, 1e-6 * sqrt((double)taps), layer->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_dwconv_weights_destroy(&weights);
    tyto_buf_destroy(&x_buf);
    tyto_buf_destroy(&y_buf);
    free(x);
    free(w);
    free(bias);
    free(want);
    free(got);
}

/* channels, in_h, in_w, out_h, out_w, kernel, stride, pad_top, pad_left */
static const struct layer layers[] = {
    {"one pixel", {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, 1, TYTO_ACT_NONE},
    {"3x3, padded on all sides", {12, 9, 11, 9, 11, 3, 3, 1, 1, 1, 1}, 2, TYTO_ACT_RELU6},
    {"3x3 with stride 2, padded at the end", {8, 10, 12, 5, 6, 3, 3, 2, 2, 0, 0}, 2, TYTO_ACT_RELU},
    {"3x3 with stride 2, padded at the start", {8, 9, 9, 5, 5, 3, 3, 2, 2, 1, 1}, 1, TYTO_ACT_NONE},
    {"channels no multiple of 4", {7, 6, 5, 6, 5, 3, 3, 1, 1, 1, 1}, 2, TYTO_ACT_LEAKY_RELU},
    {"more rows than a band", {4, 40, 3, 40, 3, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_NONE},
    {"no padding", {8, 20, 20, 18, 18, 3, 3, 1, 1, 0, 0}, 1, TYTO_ACT_NONE},
    {"5x3", {8, 9, 9, 9, 9, 5, 3, 1, 1, 2, 1}, 1, TYTO_ACT_SIGMOID},
    {"5x5 and hard swish", {8, 9, 9, 9, 9, 5, 5, 1, 1, 2, 2}, 2, TYTO_ACT_HARD_SWISH},
    {"the largest kernel",
     {4, 40, 4, 28, 2, CONV_MAX_KERNEL, CONV_MAX_KERNEL, 1, 1, 30, 30},
     1,
     TYTO_ACT_NONE},
    {"unequal strides", {8, 9, 9, 9, 5, 3, 3, 1, 2, 1, 1}, 1, TYTO_ACT_TANH},
};

static const struct layer benches[] = {
    {"3x3 112x112x32", {32, 112, 112, 112, 112, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_RELU6},
    {"3x3 s2 112x112x96", {96, 112, 112, 56, 56, 3, 3, 2, 2, 0, 0}, 1, TYTO_ACT_RELU6},
    {"3x3 56x56x144", {144, 56, 56, 56, 56, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_RELU6},
    {"3x3 14x14x576", {576, 14, 14, 14, 14, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_RELU6},
    {"3x3 7x7x960", {960, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1}, 1, TYTO_ACT_RELU6},
};

static void refuse(struct check *check, struct tyto_dwconv *dwconv)
{
    float w[9 * 8] = {0};
    struct tyto_dwconv_weights *weights = NULL;
    struct tyto_plan *plan = NULL;
    struct tyto_buf *x = check_buf(check, NULL, 8 * 8 * 8), *y = check_buf(check, NULL, 8 * 8 * 8);
    const struct tyto_dwconv_args good = {
        .shape = {8, 8, 8, 8, 8, 3, 3, 1, 1, 1, 1}, .x = x, .y = y};
    struct tyto_dwconv_args bad = good;

    check_must(tyto_dwconv_weights_create(check->gpu, w, NULL, 3, 3, 8, &weights), "weights");
    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    bad.shape.in_w = 9;
    check_err(check, tyto_dwconv_record(dwconv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "an input larger than its buffer is refused");
    bad = good;
    bad.shape.channels = 4;
    check_err(check, tyto_dwconv_record(dwconv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "weights of other channels are refused");
    bad = good;
    bad.shape.stride_h = 0;
    check_err(check, tyto_dwconv_record(dwconv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "a stride of 0 is refused");
    bad = good;
    bad.num_batches = 3;
    check_err(check, tyto_dwconv_record(dwconv, plan, weights, &bad), TYTO_ERR_SHAPE,
              "more pictures than the buffer holds are refused");
    check_err(check, tyto_dwconv_record(dwconv, plan, weights, &good), TYTO_OK,
              "what fits is taken");
    tyto_plan_destroy(&plan);
    tyto_dwconv_weights_destroy(&weights);
    tyto_buf_destroy(&x);
    tyto_buf_destroy(&y);
}

int main(int argc, char **argv)
{
    struct tyto_dwconv *dwconv = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_dwconv_create(check.gpu, &dwconv), "dwconv");
    if (check.bench) {
        for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++)
            run_layer(&check, dwconv, &benches[i]);
        /* What fills a real GPU: the pictures of 24 cameras at once. */
        for (size_t i = 0;
             i < sizeof(benches) / sizeof(*benches) && tyto_gpu_get_info(check.gpu)->wants_groups;
             i++) {
            struct layer wide = benches[i];
            char name[128];

            (void)snprintf(name, sizeof(name), "%s, 24 pictures", wide.sentence);
            wide.sentence = name;
            wide.num_batches = 24;
            run_layer(&check, dwconv, &wide);
        }
    } else {
        for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++)
            run_layer(&check, dwconv, &layers[i]);
        refuse(&check, dwconv);
    }
    tyto_dwconv_destroy(&dwconv);
    return check_close(&check);
}
