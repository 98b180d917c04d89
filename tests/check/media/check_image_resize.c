/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/image_resize/image_resize.h"
#include "shaders/image_resize/image_resize_shape.h"
#include "tests/check/check.h"

/* A frame with memory of its own, rows padded by an odd number of bytes. */
struct picture {
    struct tyto_frame frame;
    uint8_t *bytes; /* owned */
};

static struct picture make_picture(struct check *check, enum tyto_pixel_format format,
                                   uint32_t width, uint32_t height, bool noise)
{
    const uint32_t half_w = (width + 1) / 2, half_h = (height + 1) / 2;
    const uint32_t luma = (format == TYTO_PIXEL_RGB ? 3 * width : width) + 5;
    const uint32_t chroma = (format == TYTO_PIXEL_NV12 ? 2 * half_w : half_w) + 3;
    const size_t num = (size_t)luma * height + 2 * (size_t)chroma * half_h;
    struct picture picture = {.bytes = malloc(num)};
    float *random = check_floats(num);

    if (!picture.bytes)
        check_must(TYTO_ERR_NOMEM, "memory");
    check_fill(check, random, num, 128.0f);
    for (size_t i = 0; i < num; i++) {
        const double smooth = 128.0 + 100.0 * sin((double)(i % luma) * 0.02);
        picture.bytes[i] = noise ? (uint8_t)(random[i] + 128.0f) : (uint8_t)smooth;
    }
    free(random);
    picture.frame = (struct tyto_frame){
        .format = format,
        .width = width,
        .height = height,
        .planes = {picture.bytes, picture.bytes + (size_t)luma * height,
                   picture.bytes + (size_t)luma * height + (size_t)chroma * half_h},
        .strides_bytes = {luma, chroma, chroma},
    };
    return picture;
}

/* Resizes all pictures as one batch, last row first, and compares each. */
static void run_batch(struct check *check, const struct tyto_image_resize_shape *shape,
                      const struct picture *pictures, uint32_t num, const char *sentence)
{
    const size_t out_floats =
        (size_t)shape->out_w * shape->out_h * tyto_image_resize_channels(shape);
    uint64_t staging_bytes = 0;
    uint32_t mixed_texels = 0;
    struct tyto_image_resize *op = NULL;
    struct tyto_plan *plan = NULL;
    struct tyto_image_resize_frame *frames = calloc(num, sizeof(*frames));
    double *wide = calloc(out_floats, sizeof(*wide));
    float *want = check_floats(out_floats), *got = check_floats(out_floats);

    if (!frames || !wide)
        check_must(TYTO_ERR_NOMEM, "memory");
    for (uint32_t i = 0; i < num; i++) {
        uint32_t texels = 0;
        check_err(check, tyto_frame_check(&pictures[i].frame), TYTO_OK, "the frame is one");
        staging_bytes += tyto_image_resize_staging_bytes(&pictures[i].frame, &texels);
        mixed_texels = texels > mixed_texels ? texels : mixed_texels;
    }
    uint8_t *staging = calloc(1, staging_bytes);
    if (!staging)
        check_must(TYTO_ERR_NOMEM, "memory");
    uint64_t at = 0;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t texels = 0;
        tyto_image_resize_pack(shape, &pictures[i].frame, staging, at, num - 1 - i, &frames[i]);
        at += tyto_image_resize_staging_bytes(&pictures[i].frame, &texels);
    }
    struct tyto_buf *staging_buf =
        check_buf(check, (const float *)(void *)staging, staging_bytes / 4);
    struct tyto_buf *frames_buf =
        check_buf(check, (const float *)(void *)frames, num * sizeof(*frames) / 4);
    struct tyto_buf *mixed = check_buf(check, NULL, (size_t)num * shape->out_h * mixed_texels * 4);
    struct tyto_buf *out = check_buf(check, NULL, num * out_floats);
    const struct tyto_image_resize_binds binds = {.staging = {.buf = staging_buf},
                                                  .frames = {.buf = frames_buf},
                                                  .mixed = {.buf = mixed},
                                                  .out = {.buf = out}};
    check_must(tyto_image_resize_create(check->gpu, shape, &op), "create");
    check_must(tyto_plan_create(check->gpu, "image_resize", &plan), "plan");
    check_must(tyto_image_resize_record(op, plan, num, mixed_texels, &binds), sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench)
        check_bench_plan(check, sentence, plan, 0);
    else
        check_must(tyto_plan_run(plan), "run");
    for (uint32_t i = 0; i < num && !check->bench; i++) {
        const uint64_t row_bytes = out_floats * sizeof(float);
        check_must(tyto_buf_read(out, (num - 1 - i) * row_bytes, got, row_bytes), "read");
        tyto_image_resize_ref(shape, &pictures[i].frame, wide);
        for (size_t k = 0; k < out_floats; k++)
            want[k] = (float)wide[k];
        const double tolerance = 1e-3 * (double)shape->scale[0];
        check_close_to(check, got, want, out_floats, tolerance, sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_image_resize_destroy(&op);
    tyto_buf_destroy(&staging_buf);
    tyto_buf_destroy(&frames_buf);
    tyto_buf_destroy(&mixed);
    tyto_buf_destroy(&out);
    free(staging);
    free(frames);
    free(wide);
    free(want);
    free(got);
}

#define UNIT .mean = {127.5f, 127.5f, 127.5f}, .scale = {1 / 127.5f, 1 / 127.5f, 1 / 127.5f}

static const struct tyto_image_resize_shape network = {.out_w = 224, .out_h = 224, UNIT};

static void run_one(struct check *check, const struct tyto_image_resize_shape *shape,
                    enum tyto_pixel_format format, uint32_t width, uint32_t height,
                    const char *sentence)
{
    struct picture picture = make_picture(check, format, width, height, true);

    run_batch(check, shape, &picture, 1, sentence);
    picture.frame.bt709 = picture.frame.full_range = true;
    if (!check->bench && format != TYTO_PIXEL_RGB)
        run_batch(check, shape, &picture, 1, "the same as BT.709, full range");
    free(picture.bytes);
}

static void check_mixed_batch(struct check *check)
{
    struct picture pictures[4] = {
        make_picture(check, TYTO_PIXEL_NV12, 64, 48, true),
        make_picture(check, TYTO_PIXEL_RGB, 31, 17, true),
        make_picture(check, TYTO_PIXEL_I420, 100, 10, true),
        make_picture(check, TYTO_PIXEL_NV12, 1, 1, true),
    };
    const struct tyto_image_resize_shape shape = {
        .out_w = 20, .out_h = 13, .mean = {120, 110, 100}, .scale = {0.02f, 0.01f, 0.015f}};

    run_batch(check, &shape, pictures, 4, "pictures of all kinds and sizes in one batch");
    struct tyto_image_resize_shape letterbox = shape;
    letterbox.letterbox = true;
    run_batch(check, &letterbox, pictures, 4, "the same, each letterboxed");
    for (int i = 0; i < 4; i++)
        free(pictures[i].bytes);
}

/* White, black and out-of-gamut YUV stay inside [0, 255]. */
static void check_extremes(struct check *check)
{
    static const uint8_t levels[] = {0, 255};

    for (int y = 0; y < 2; y++)
        for (int u = 0; u < 2; u++)
            for (int v = 0; v < 2; v++) {
                struct picture picture = make_picture(check, TYTO_PIXEL_I420, 16, 16, true);
                memset(picture.bytes, levels[y], 21 * 16);
                memset(picture.bytes + 21 * 16, levels[u], 11 * 8);
                memset(picture.bytes + 21 * 16 + 11 * 8, levels[v], 11 * 8);
                const struct tyto_image_resize_shape shape = {.out_w = 3, .out_h = 2, UNIT};
                run_batch(check, &shape, &picture, 1, "colours out of gamut are clamped");
                free(picture.bytes);
            }
}

static void check_refusals(struct check *check)
{
    const struct tyto_image_resize_shape none = {.out_h = 3}, wide = {.out_w = 1025, .out_h = 3};
    struct picture picture = make_picture(check, TYTO_PIXEL_NV12, 16, 16, true);
    struct tyto_image_resize *op = NULL;
    struct tyto_frame bad;

    check_err(check, tyto_image_resize_create(check->gpu, &none, &op), TYTO_ERR_SHAPE,
              "an empty output is refused");
    check_err(check, tyto_image_resize_create(check->gpu, &wide, &op), TYTO_ERR_SHAPE,
              "too wide an output is refused");
#define REFUSE(member, value, sentence)                                                            \
    bad = picture.frame;                                                                           \
    bad.member = value;                                                                            \
    check_err(check, tyto_frame_check(&bad), TYTO_ERR_INVALID, sentence)
    REFUSE(width, 0, "a frame without width is refused");
    REFUSE(height, 8193, "a frame too high is refused");
    REFUSE(strides_bytes[1], 15, "rows that overlap are refused");
    REFUSE(planes[1], NULL, "a frame without chroma is refused");
    REFUSE(format, (enum tyto_pixel_format)7, "an unknown format is refused");

    struct tyto_plan *plan = NULL;
    struct tyto_buf *buf = check_buf(check, NULL, 100);
    const struct tyto_image_resize_binds binds = {.staging = {.buf = buf},
                                                  .frames = {.buf = buf},
                                                  .mixed = {.buf = buf},
                                                  .out = {.buf = buf}};
    check_must(tyto_image_resize_create(check->gpu, &network, &op), "create");
    check_must(tyto_plan_create(check->gpu, "image_resize", &plan), "plan");
    check_err(check, tyto_image_resize_record(op, plan, 1, 64, &binds), TYTO_ERR_SHAPE,
              "small buffers are refused");
    check_err(check, tyto_image_resize_record(op, plan, 0, 64, &binds), TYTO_ERR_SHAPE,
              "no frames are refused");
    check_err(check, tyto_image_resize_record(op, plan, 1, 63, &binds), TYTO_ERR_SHAPE,
              "rows of no whole block are refused");
    tyto_plan_destroy(&plan);
    tyto_image_resize_destroy(&op);
    tyto_buf_destroy(&buf);
    free(picture.bytes);
}

int main(int argc, char **argv)
{
    const struct tyto_image_resize_shape one = {.out_w = 1, .out_h = 1, UNIT};
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    if (check.bench) {
        run_one(&check, &network, TYTO_PIXEL_NV12, 1280, 720, "720p NV12 to 224x224");
        run_one(&check, &network, TYTO_PIXEL_RGB, 1280, 720, "720p RGB to 224x224");
        return check_close(&check);
    }
    run_one(&check, &one, TYTO_PIXEL_RGB, 1, 1, "one pixel to one");
    run_one(&check, &one, TYTO_PIXEL_NV12, 2, 2, "smallest picture with chroma");
    run_one(&check, &network, TYTO_PIXEL_NV12, 1280, 720, "720p NV12 to 224x224");
    run_one(&check, &network, TYTO_PIXEL_I420, 640, 360, "360p I420 to 224x224");
    run_one(&check, &network, TYTO_PIXEL_RGB, 321, 243, "odd RGB to 224x224");
    run_one(&check, &network, TYTO_PIXEL_I420, 97, 51, "enlarging odd I420");
    run_one(&check, &one, TYTO_PIXEL_NV12, 8192, 3, "widest");
    run_one(&check, &one, TYTO_PIXEL_NV12, 3, 8192, "highest");
    check_mixed_batch(&check);
    check_extremes(&check);
    check_refusals(&check);
    return check_close(&check);
}
