/* SPDX-License-Identifier: MIT */
/* The plain C front ends against their references, and both against what PIL and
 * ffmpeg made of the same pictures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/encoder/log_mel_cpu.h"
#include "model/encoder/resize_cpu.h"
#include "tests/golden/fill.h"
#include "tests/golden/resize.h"
#include "tests/golden/yuv.h"

enum { SIDE = 224, NUM_FLOATS = SIDE * SIDE * 3, STEP = 16 };

static const struct tyto_image_resize_shape levels = {
    .out_w = SIDE, .out_h = SIDE, .scale = {1, 1, 1}};

static struct tyto_frame make_frame(enum tyto_pixel_format format, uint32_t width, uint32_t height,
                                    uint8_t *bytes)
{
    const uint32_t half_w = (width + 1) / 2, half_h = (height + 1) / 2;
    const uint32_t luma = (format == TYTO_PIXEL_RGB ? 3 : 1) * width + 3;
    const uint32_t chroma = (format == TYTO_PIXEL_NV12 ? 2 : 1) * half_w + 1;

    return (struct tyto_frame){
        .format = format,
        .width = width,
        .height = height,
        .planes = {bytes, bytes + luma * height, bytes + luma * height + chroma * half_h},
        .strides_bytes = {luma, chroma, chroma},
    };
}

static void assert_resized(bool letterbox)
{
    static const uint32_t sizes[][2] = {{1280, 720}, {1, 1}, {224, 224}, {33, 301}, {640, 9}};
    enum { MAX_BYTES = 1300 * 730 * 3 };
    uint8_t *bytes = malloc(MAX_BYTES);
    struct tyto_image_resize_cpu *resize = NULL;
    const struct tyto_image_resize_shape shape = {.out_w = SIDE,
                                                  .out_h = SIDE,
                                                  .mean = {127.5f, 120, 100},
                                                  .scale = {0.01f, 0.02f, 0.03f},
                                                  .letterbox = letterbox};
    const size_t num_floats = (size_t)SIDE * SIDE * tyto_image_resize_channels(&shape);
    float *got = malloc(num_floats * sizeof(*got));
    double *want = malloc(num_floats * sizeof(*want));
    assert_true(bytes && got && want);
    srand48(3);
    for (size_t i = 0; i < MAX_BYTES; i++)
        bytes[i] = (uint8_t)lrand48();
    assert_int_equal(tyto_image_resize_cpu_create(&shape, &resize), TYTO_OK);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (int format = TYTO_PIXEL_I420; format <= TYTO_PIXEL_RGB; format++) {
            struct tyto_frame frame =
                make_frame((enum tyto_pixel_format)format, sizes[s][0], sizes[s][1], bytes);
            frame.bt709 = s & 1;
            frame.full_range = s & 2;
            assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, got), TYTO_OK);
            tyto_image_resize_ref(&shape, &frame, want);
            for (size_t i = 0; i < num_floats; i++)
                if (!(fabs((double)got[i] - want[i]) < 1e-5))
                    fail_msg("format %d, %ux%u, element %zu: %g, reference %g", format, sizes[s][0],
                             sizes[s][1], i, (double)got[i], want[i]);
        }
    tyto_image_resize_cpu_destroy(&resize);
    free(bytes);
    free(got);
    free(want);
}

static void resized_frames_agree_with_the_reference(void **state)
{
    (void)state;
    assert_resized(false);
}

static void letterboxed_frames_agree_with_the_reference(void **state)
{
    (void)state;
    assert_resized(true);
}

/* A wide picture keeps its shape, and the fourth channel says where it is. */
static void a_letterboxed_picture_lies_in_the_middle(void **state)
{
    enum { OUT = 8 };
    uint8_t white[16 * 4 * 3];
    float got[OUT * OUT * 4];
    const struct tyto_image_resize_shape shape = {
        .out_w = OUT, .out_h = OUT, .scale = {1, 1, 1}, .letterbox = true};
    const struct tyto_frame frame = {.format = TYTO_PIXEL_RGB,
                                     .width = 16,
                                     .height = 4,
                                     .planes = {white},
                                     .strides_bytes = {16 * 3}};
    struct tyto_image_resize_cpu *resize = NULL;
    (void)state;
    memset(white, 255, sizeof(white));
    assert_int_equal(tyto_image_resize_cpu_create(&shape, &resize), TYTO_OK);
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, got), TYTO_OK);
    for (int i = 0; i < OUT * OUT; i++) {
        const bool inside = i / OUT >= 3 && i / OUT < 5;
        const float white_of = inside ? 255.0f : 0.0f, share = inside ? 1.0f : 0.0f;
        assert_float_equal(got[4 * i], white_of, 1e-3);
        assert_float_equal(got[4 * i + 3], share, 0.0);
    }
    tyto_image_resize_cpu_destroy(&resize);
}

static void assert_is_golden(const float *golden, uint32_t width, uint32_t height)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    float *got = malloc(NUM_FLOATS * sizeof(*got));
    struct tyto_image_resize_cpu *resize = NULL;
    assert_true(rgb && got);
    golden_picture(rgb, width, height);
    const struct tyto_frame frame = {.format = TYTO_PIXEL_RGB,
                                     .width = width,
                                     .height = height,
                                     .planes = {rgb},
                                     .strides_bytes = {3 * width}};
    assert_int_equal(tyto_image_resize_cpu_create(&levels, &resize), TYTO_OK);
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, got), TYTO_OK);
    for (size_t y = 0; y < SIDE; y += STEP)
        for (size_t x = 0; x < SIDE; x += STEP)
            for (size_t c = 0; c < 3; c++)
                assert_true(fabsf(got[(y * SIDE + x) * 3 + c] - *golden++) < 1e-3f);
    tyto_image_resize_cpu_destroy(&resize);
    free(rgb);
    free(got);
}

static void resized_pictures_are_those_of_pil(void **state)
{
    float *golden = golden_read("resize.f32", GOLDEN_RESIZE_NUM);
    (void)state;
    assert_non_null(golden);
    assert_is_golden(golden + GOLDEN_RESIZE_DOWN_AT, 640, 360);
    assert_is_golden(golden + GOLDEN_RESIZE_UP_AT, 96, 128);
    assert_is_golden(golden + GOLDEN_RESIZE_ODD_AT, 321, 243);
    free(golden);
}

static void colours_are_those_of_ffmpeg(void **state)
{
    static const int at[] = {GOLDEN_YUV_BT601_AT, GOLDEN_YUV_BT709_AT, GOLDEN_YUV_BT601_FULL_AT,
                             GOLDEN_YUV_BT709_FULL_AT};
    const struct tyto_image_resize_shape one = {.out_w = 1, .out_h = 1, .scale = {1, 1, 1}};
    float *golden = golden_read("yuv.f32", GOLDEN_YUV_NUM);
    struct tyto_image_resize_cpu *resize = NULL;
    (void)state;
    assert_non_null(golden);
    assert_int_equal(tyto_image_resize_cpu_create(&one, &resize), TYTO_OK);
    for (int space = 0; space < 4; space++)
        for (int i = 0; i < GOLDEN_YUV_YUV_NUM; i += 3) {
            uint8_t bytes[32];
            struct tyto_frame frame = make_frame(TYTO_PIXEL_I420, 2, 2, bytes);
            float rgb[3];
            for (int c = 0; c < 3; c++)
                memset((uint8_t *)(uintptr_t)frame.planes[c],
                       (int)golden[GOLDEN_YUV_YUV_AT + i + c], c == 0 ? 7 : 2);
            frame.bt709 = space & 1;
            frame.full_range = space & 2;
            assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, rgb), TYTO_OK);
            for (int c = 0; c < 3; c++)
                assert_true(fabsf(rgb[c] - golden[at[space] + i + c]) < 1.0f);
        }
    tyto_image_resize_cpu_destroy(&resize);
    free(golden);
}

static void a_frame_that_is_no_picture_leaves_the_output_alone(void **state)
{
    const struct tyto_image_resize_shape shape = {.out_w = 2, .out_h = 2, .scale = {1, 1, 1}};
    const struct tyto_image_resize_shape empty = {.out_w = 0, .out_h = 2};
    uint8_t bytes[256] = {0};
    float out[12] = {42};
    struct tyto_image_resize_cpu *resize = NULL;
    (void)state;
    assert_int_equal(tyto_image_resize_cpu_create(&empty, &resize), TYTO_ERR_SHAPE);
    assert_null(resize);
    assert_int_equal(tyto_image_resize_cpu_create(&shape, &resize), TYTO_OK);
    struct tyto_frame frame = make_frame(TYTO_PIXEL_NV12, 4, 4, bytes);
    frame.planes[1] = NULL;
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, out), TYTO_ERR_INVALID);
    frame = make_frame(TYTO_PIXEL_RGB, 4, 4, bytes);
    frame.strides_bytes[0] = 11;
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, out), TYTO_ERR_INVALID);
    frame = make_frame(TYTO_PIXEL_RGB, 0, 4, bytes);
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, out), TYTO_ERR_INVALID);
    assert_true(out[0] == 42.0f && out[11] == 0.0f);
    tyto_image_resize_cpu_destroy(&resize);
    assert_null(resize);
}

/* --- log-mel ------------------------------------------------------------------------ */

enum { FFT = 512, BINS = FFT / 2 + 1, BANDS = 32, SAMPLES = 16000 };

static float window[FFT], mel[BINS * BANDS];

static int make_tables(void **state)
{
    (void)state;
    for (int n = 0; n < FFT; n++)
        window[n] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * n / FFT));
    for (int m = 0; m < BANDS; m++)
        for (int k = 0; k < BINS; k++) {
            const double weight = 1.0 - fabs(k - 4.0 - m * m * 0.2) / (2.0 + 0.3 * m);
            mel[k * BANDS + m] = weight > 0.0 ? (float)weight : 0.0f;
        }
    return 0;
}

static struct tyto_log_mel_shape mel_shape(enum tyto_log_form form)
{
    const bool db = form == TYTO_LOG_FORM_DB_POWER;

    return (struct tyto_log_mel_shape){
        .num_samples = SAMPLES,
        .fft = FFT,
        .window_len = db ? FFT : 400,
        .hop = 160,
        .num_mel = BANDS,
        .window = window,
        .mel = mel,
        .form = form,
        .pcm_scale = db ? 32768 : 1,
        .floor = db ? 1e-10f : 1e-3f,
        .top_db = db ? 80 : 0,
        .post_scale = db ? 0.1f : 1,
        .post_shift = db ? 2 : 0,
    };
}

static void assert_mel_agrees(const struct tyto_log_mel_shape *shape, const float *pcm,
                              double tolerance)
{
    const size_t num = (size_t)tyto_log_mel_num_frames(shape) * shape->num_mel;
    float *got = malloc(num * sizeof(*got));
    double *want = malloc(num * sizeof(*want));
    struct tyto_log_mel_cpu *cpu = NULL;
    assert_true(got && want && num > 0);
    assert_int_equal(tyto_log_mel_cpu_create(shape, &cpu), TYTO_OK);
    assert_int_equal(tyto_log_mel_ref(shape, pcm, want), TYTO_OK);
    for (int round = 0; round < 2; round++) {
        tyto_log_mel_cpu_run(cpu, pcm, got);
        for (size_t i = 0; i < num; i++)
            if (!(fabs((double)got[i] - want[i]) < tolerance))
                fail_msg("element %zu: %g, reference %g", i, (double)got[i], want[i]);
    }
    tyto_log_mel_cpu_destroy(&cpu);
    assert_null(cpu);
    free(got);
    free(want);
}

static void log_mel_agrees_with_the_reference(void **state)
{
    static float pcm[SAMPLES];
    (void)state;
    golden_fill("log_mel", pcm, SAMPLES, 1.0f / 512);
    for (int n = 0; n < SAMPLES; n++)
        pcm[n] += (float)(0.4 * sin(1e-5 * n * n) + (n > 8000 ? 0.3 * sin(0.1 * n) : 0.0));
    struct tyto_log_mel_shape shape = mel_shape(TYTO_LOG_FORM_DB_POWER);
    assert_mel_agrees(&shape, pcm, 2e-4);
    shape = mel_shape(TYTO_LOG_FORM_LN_MAGNITUDE);
    assert_mel_agrees(&shape, pcm, 5e-4);
    shape.num_samples = 400; /* one frame */
    assert_mel_agrees(&shape, pcm, 5e-4);
    shape.num_samples = 400 + 8 * 160; /* nine: one more than lie side by side */
    assert_mel_agrees(&shape, pcm, 5e-4);
    shape.fft = 64;
    shape.window_len = 63;
    assert_mel_agrees(&shape, pcm, 5e-4);
}

static void silence_and_nonsense_are_the_floor(void **state)
{
    static float pcm[SAMPLES], out[200 * BANDS];
    struct tyto_log_mel_shape shape = mel_shape(TYTO_LOG_FORM_DB_POWER);
    struct tyto_log_mel_cpu *cpu = NULL;
    (void)state;
    assert_mel_agrees(&shape, pcm, 1e-5);
    for (int n = 0; n < SAMPLES; n++)
        pcm[n] = n % 2 ? NAN : -INFINITY;
    assert_int_equal(tyto_log_mel_cpu_create(&shape, &cpu), TYTO_OK);
    tyto_log_mel_cpu_run(cpu, pcm, out);
    for (uint32_t i = 0; i < tyto_log_mel_num_frames(&shape) * BANDS; i++)
        assert_true(fabsf(out[i] + 8.0f) < 1e-5f); /* 10 log10(1e-10) / 10 + 2 */
    tyto_log_mel_cpu_destroy(&cpu);
}

static void impossible_log_mel_shapes_are_refused(void **state)
{
    struct tyto_log_mel_cpu *cpu = NULL;
    struct tyto_log_mel_shape shape = mel_shape(TYTO_LOG_FORM_DB_POWER);
    (void)state;
    shape.fft = 384;
    assert_int_equal(tyto_log_mel_cpu_create(&shape, &cpu), TYTO_ERR_SHAPE);
    shape = mel_shape(TYTO_LOG_FORM_DB_POWER);
    shape.num_samples = 511;
    assert_int_equal(tyto_log_mel_cpu_create(&shape, &cpu), TYTO_ERR_SHAPE);
    shape = mel_shape(TYTO_LOG_FORM_DB_POWER);
    shape.mel = NULL;
    assert_int_equal(tyto_log_mel_cpu_create(&shape, &cpu), TYTO_ERR_INVALID);
    assert_null(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resized_frames_agree_with_the_reference),
        cmocka_unit_test(letterboxed_frames_agree_with_the_reference),
        cmocka_unit_test(a_letterboxed_picture_lies_in_the_middle),
        cmocka_unit_test(resized_pictures_are_those_of_pil),
        cmocka_unit_test(colours_are_those_of_ffmpeg),
        cmocka_unit_test(a_frame_that_is_no_picture_leaves_the_output_alone),
        cmocka_unit_test(log_mel_agrees_with_the_reference),
        cmocka_unit_test(silence_and_nonsense_are_the_floor),
        cmocka_unit_test(impossible_log_mel_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, make_tables, NULL);
}
