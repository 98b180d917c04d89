/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/pool/pool.h"
#include "tests/check/check.h"

struct pooling {
    const char *sentence;
    struct tyto_pool_shape shape;
    float offset; /* added to the random values: a mean far from 0 is hard for std */
};

static void narrow(const double *wide, float *out, size_t num)
{
    for (size_t i = 0; i < num; i++)
        out[i] = (float)wide[i];
}

static void run_pooling(struct check *check, struct tyto_pool *pool, const struct pooling *pooling)
{
    const struct tyto_pool_shape *shape = &pooling->shape;
    const size_t pitch = shape->out_pitch ? shape->out_pitch : shape->channels;
    const size_t num_in = (size_t)shape->batch * shape->in_h * shape->in_w * shape->channels;
    const size_t num_items = (size_t)shape->out_item + shape->batch;
    const size_t num_out = num_items * shape->out_h * shape->out_w * pitch;
    float *in = check_floats(num_in), *want = check_floats(num_out), *got = check_floats(num_out);
    double *wide = calloc(num_out, sizeof(*wide));
    struct tyto_plan *plan = NULL;

    if (!wide)
        check_must(TYTO_ERR_NOMEM, "memory");
    check_fill(check, in, num_in, 3);
    for (size_t i = 0; i < num_in; i++)
        in[i] += pooling->offset;
    struct tyto_buf *in_buf = check_buf(check, in, num_in);
    struct tyto_buf *out_buf = check_buf(check, NULL, num_out);
    const struct tyto_bind in_bind = {.buf = in_buf}, out_bind = {.buf = out_buf};
    check_must(tyto_plan_create(check->gpu, "pool", &plan), "plan");
    check_must(tyto_pool_record(pool, plan, shape, &in_bind, &out_bind), pooling->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, pooling->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(out_buf, 0, got, num_out * sizeof(*got)), "read");
        tyto_pool_ref(shape, in, wide);
        narrow(wide, want, num_out);
        const double tolerance = shape->mode == TYTO_POOL_MODE_MAX ? 0.0 : 2e-6;
        check_close_to(check, got, want, num_out, tolerance * (1.0 + fabs((double)pooling->offset)),
                       pooling->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in_buf);
    tyto_buf_destroy(&out_buf);
    free(in);
    free(want);
    free(got);
    free(wide);
}

#define WINDOW(h, w, sh, sw) .kernel_h = h, .kernel_w = w, .stride_h = sh, .stride_w = sw
#define SIZES(b, ih, iw, c, oh, ow)                                                                \
    .batch = b, .in_h = ih, .in_w = iw, .channels = c, .out_h = oh, .out_w = ow

static const struct pooling poolings[] = {
    {"max of one value",
     {.mode = TYTO_POOL_MODE_MAX, SIZES(1, 1, 1, 1, 1, 1), WINDOW(1, 1, 1, 1)},
     0},
    {"max 2x2, as in the sound encoder",
     {.mode = TYTO_POOL_MODE_MAX, SIZES(3, 74, 32, 24, 37, 16), WINDOW(2, 2, 2, 2)},
     0},
    {"max 1x2 leaves the last column out",
     {.mode = TYTO_POOL_MODE_MAX, SIZES(2, 5, 7, 13, 5, 3), WINDOW(1, 2, 1, 2)},
     0},
    {"max: padding is never the largest, all values below 0",
     {.mode = TYTO_POOL_MODE_MAX,
      SIZES(2, 6, 6, 5, 3, 3),
      WINDOW(3, 3, 2, 2),
      .pad_top = 1,
      .pad_left = 1},
     -10},
    {"avg: padding is not counted",
     {.mode = TYTO_POOL_MODE_AVG,
      SIZES(2, 6, 5, 9, 4, 3),
      WINDOW(3, 3, 2, 2),
      .pad_top = 2,
      .pad_left = 1},
     5},
    {"mean over the places of MobileNetV2",
     {.mode = TYTO_POOL_MODE_AVG, SIZES(2, 7, 7, 1280, 1, 1), WINDOW(7, 7, 1, 1)},
     0},
    {"mean and deviation beside each other: rows of 160, from 96 on",
     {.mode = TYTO_POOL_MODE_AVG,
      SIZES(3, 97, 1, 32, 1, 1),
      WINDOW(97, 1, 1, 1),
      .out_pitch = 160,
      .out_first = 96},
     7},
    {"one value a window: channels beside others, from the second item on",
     {.mode = TYTO_POOL_MODE_MAX,
      SIZES(2, 3, 5, 24, 3, 5),
      WINDOW(1, 1, 1, 1),
      .out_pitch = 33,
      .out_first = 8,
      .out_item = 1},
     0},
    {"deviation over time, far from 0",
     {.mode = TYTO_POOL_MODE_STD,
      SIZES(3, 97, 1, 32, 1, 1),
      WINDOW(97, 1, 1, 1),
      .out_pitch = 160,
      .out_first = 128},
     100},
    {"deviation of one value is 0",
     {.mode = TYTO_POOL_MODE_STD, SIZES(2, 1, 1, 3, 1, 1), WINDOW(1, 1, 1, 1)},
     2},
};

static void check_hostile(struct check *check, struct tyto_pool *pool)
{
    const float in[4] = {INFINITY, -1, -INFINITY, -2};
    const float want[2] = {INFINITY, -1};
    const struct tyto_pool_shape shape = {SIZES(1, 2, 1, 2, 1, 1), WINDOW(2, 1, 1, 1)};
    float got[2] = {0};
    struct tyto_buf *in_buf = check_buf(check, in, 4), *out_buf = check_buf(check, NULL, 2);
    const struct tyto_bind in_bind = {.buf = in_buf}, out_bind = {.buf = out_buf};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "pool", &plan), "plan");
    check_must(tyto_pool_record(pool, plan, &shape, &in_bind, &out_bind), "record");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    check_must(tyto_buf_read(out_buf, 0, got, sizeof(got)), "read");
    check_close_to(check, got, want, 2, 0, "infinite values compete like others");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in_buf);
    tyto_buf_destroy(&out_buf);
}

static void check_refusals(struct check *check, struct tyto_pool *pool)
{
    const struct tyto_pool_shape good = {SIZES(1, 4, 4, 2, 2, 2), WINDOW(2, 2, 2, 2)};
    struct tyto_buf *in = check_buf(check, NULL, 32), *out = check_buf(check, NULL, 8);
    struct tyto_buf *small = check_buf(check, NULL, 4);
    const struct tyto_bind in_bind = {.buf = in}, out_bind = {.buf = out};
    const struct tyto_bind small_bind = {.buf = small};
    struct tyto_plan *plan = NULL;
    struct tyto_pool_shape bad;

    check_must(tyto_plan_create(check->gpu, "pool", &plan), "plan");
    check_err(check, tyto_pool_record(pool, plan, &good, &small_bind, &out_bind), TYTO_ERR_SHAPE,
              "a small input is refused");
    check_err(check, tyto_pool_record(pool, plan, &good, &in_bind, &small_bind), TYTO_ERR_SHAPE,
              "a small output is refused");
#define REFUSE(member, value, sentence)                                                            \
    bad = good;                                                                                    \
    bad.member = value;                                                                            \
    check_err(check, tyto_pool_record(pool, plan, &bad, &in_bind, &out_bind), TYTO_ERR_SHAPE,      \
              sentence)
    REFUSE(batch, 0, "no batch is refused");
    REFUSE(channels, 0, "no channels are refused");
    REFUSE(stride_h, 0, "stride 0 is refused");
    REFUSE(out_h, 3, "a window outside the picture is refused");
    REFUSE(pad_left, 2, "padding as wide as the kernel is refused");
    REFUSE(out_pitch, 1, "overlapping outputs are refused");
    REFUSE(kernel_h, 15001, "a window of more values than lavapipe's loops have is refused");
    REFUSE(out_h, UINT32_MAX, "absurd sizes are refused");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
    tyto_buf_destroy(&small);
}

int main(int argc, char **argv)
{
    struct tyto_pool *pool = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_pool_create(check.gpu, &pool), "pool");
    if (check.bench) {
        run_pooling(&check, pool, &poolings[1]);
        run_pooling(&check, pool, &poolings[5]);
    } else {
        for (size_t i = 0; i < sizeof(poolings) / sizeof(*poolings); i++)
            run_pooling(&check, pool, &poolings[i]);
        check_hostile(&check, pool);
        check_refusals(&check, pool);
    }
    tyto_pool_destroy(&pool);
    return check_close(&check);
}
