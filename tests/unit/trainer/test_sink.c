/* SPDX-License-Identifier: MIT */
/* What is written is read back as it was, where it was; a file is there whole or not at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "trainer/media/read.h"
#include "trainer/media/write.h"

enum { WIDTH = 64, HEIGHT = 48, FRAME_BYTES = WIDTH * HEIGHT * 3 / 2, RATE = 16000, SECONDS = 4 };

struct fixture {
    char folder[64], path[96], part[104];
    uint8_t frame[FRAME_BYTES];
    float samples[RATE * SECONDS];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->folder, sizeof(f->folder), "/tmp/tyto-sink-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/clip.mp4", f->folder);
    snprintf(f->part, sizeof(f->part), "%s.part", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0); /* nothing else was left there */
    free(f);
    return 0;
}

static struct tyto_sink_params params_of(const struct fixture *f)
{
    return (struct tyto_sink_params){.path = f->path,
                                     .width_px = WIDTH,
                                     .height_px = HEIGHT,
                                     .fps_num = 25,
                                     .fps_den = 2,
                                     .rate_hz = RATE,
                                     .quality = 20};
}

static void fill_frame(struct fixture *f, int luma)
{
    memset(f->frame, luma, WIDTH * HEIGHT);
    memset(f->frame + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
}

/* Each second is darker than the next one, and louder. */
static void write_steps(struct fixture *f, const struct tyto_sink_params *params)
{
    struct tyto_sink *sink = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_sink_create(params, &sink, &fault), TYTO_OK);
    for (int i = 0; i < RATE * SECONDS; i++)
        f->samples[i] = 0.8f / (float)(1 << i / RATE) * sinf(0.3f * (float)i);
    for (int n = 0; params->width_px && n < SECONDS * 25 / 2; n++) {
        fill_frame(f, 40 + 50 * (n * 2 / 25));
        assert_int_equal(tyto_sink_put_frame(sink, f->frame, &fault), TYTO_OK);
    }
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->part, F_OK), 0);
    for (uint32_t at = 0; params->rate_hz && at < RATE * SECONDS;) { /* in odd pieces */
        const uint32_t left = RATE * SECONDS - at, num = left < 777 ? left : 777;
        assert_int_equal(tyto_sink_put_samples(sink, f->samples + at, num, &fault), TYTO_OK);
        at += num;
    }
    assert_int_equal(tyto_sink_finish(&sink, &fault), TYTO_OK);
    assert_null(sink);
    assert_int_equal(access(f->path, F_OK), 0);
    assert_int_equal(access(f->part, F_OK), -1);
}

static double level(const float *samples, int num)
{
    double sum = 0;
    for (int i = 0; i < num; i++)
        sum += (double)samples[i] * (double)samples[i];
    return sqrt(2 * sum / num);
}

static void frames_and_samples_come_back_where_they_were(void **state)
{
    struct fixture *f = *state;
    const struct tyto_sink_params params = params_of(f);
    write_steps(f, &params);
    const struct tyto_source_file_params source_params = {.path = f->path};
    struct tyto_source_file *source = NULL;
    struct tyto_source_segment segment;
    struct tyto_fault fault;
    assert_int_equal(tyto_source_file_open(&source_params, &source, &fault), TYTO_OK);
    for (int s = 0; s < SECONDS; s++) {
        assert_int_equal(tyto_source_file_next(source, &segment, &fault), TYTO_OK);
        assert_true(segment.has_picture && segment.pcm);
        assert_true(fabs(level(segment.pcm + 800, 14400) - 0.8 / (1 << s)) < 0.03);
        /* to the millisecond: the step is inside 10 ms around the second */
        assert_true(fabs(level(segment.pcm + 160, 800) - 0.8 / (1 << s)) < 0.08);
        assert_int_equal(segment.picture_ns % 80000000, 0);
        tyto_source_segment_finish(&segment);
    }
    assert_int_equal(tyto_source_file_next(source, &segment, &fault), TYTO_ERR_EMPTY);
    tyto_source_file_close(&source);
}

static void a_file_may_have_one_stream_only(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        struct tyto_sink_params params = params_of(f);
        struct tyto_source_file_info info;
        struct tyto_fault fault;
        if (i == 0)
            params.rate_hz = 0;
        else
            params.width_px = params.height_px = 0;
        unlink(f->path);
        write_steps(f, &params);
        assert_int_equal(tyto_source_file_probe(f->path, &info, &fault), TYTO_OK);
        assert_int_equal(info.has_video, i == 0);
        assert_int_equal(info.has_audio, i == 1);
        assert_true(llabs(info.duration_ns - SECONDS * 1000000000LL) < 70000000);
    }
}

static void giving_up_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct tyto_sink_params params = params_of(f);
    struct tyto_sink *sink = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_sink_create(&params, &sink, &fault), TYTO_OK);
    fill_frame(f, 100);
    assert_int_equal(tyto_sink_put_frame(sink, f->frame, &fault), TYTO_OK);
    tyto_sink_destroy(&sink);
    assert_null(sink);
    tyto_sink_destroy(&sink);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->part, F_OK), -1);
}

static void what_cannot_be_written_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct tyto_sink_params params = params_of(f);
    struct tyto_sink *sink = NULL;
    struct tyto_fault fault = {0};
    params.path = "/nowhere/at/all/clip.mp4";
    assert_int_equal(tyto_sink_create(&params, &sink, &fault), TYTO_ERR_IO);
    assert_string_equal(fault.file, params.path);
    assert_null(sink);
}

static void parameters_out_of_range_are_refused(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 9; i++) {
        struct tyto_sink_params params = params_of(f);
        struct tyto_sink *sink = NULL;
        struct tyto_fault fault = {0};
        params.width_px = i == 0 ? 65 : i == 1 ? 0 : i == 2 ? 5000 : WIDTH;
        params.fps_num = i == 3 ? 0 : i == 4 ? 2000000 : 25;
        params.rate_hz = i == 5 ? 100 : RATE;
        params.quality = i == 6 ? 0 : i == 7 ? 60 : 20;
        params.path = i == 8 ? "" : f->path;
        assert_int_equal(tyto_sink_create(&params, &sink, &fault), TYTO_ERR_INVALID);
        assert_true(fault.text[0] != '\0');
        assert_null(sink);
    }
}

static void a_picture_becomes_a_jpeg(void **state)
{
    struct fixture *f = *state;
    uint8_t *jpeg = NULL;
    size_t bytes = 0;
    struct tyto_source_picture picture;
    struct tyto_fault fault;
    fill_frame(f, 126);
    for (int y = 0; y < HEIGHT; y++)
        memset(f->frame + y * WIDTH, 235, WIDTH / 2); /* white on the left */
    assert_int_equal(tyto_sink_jpeg(f->frame, WIDTH, HEIGHT, 3, &jpeg, &bytes), TYTO_OK);
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(jpeg, 1, bytes, file), bytes);
    fclose(file);
    free(jpeg);
    assert_int_equal(tyto_source_file_read_picture(f->path, &picture, &fault), TYTO_OK);
    assert_int_equal(picture.width, WIDTH);
    assert_int_equal(picture.height, HEIGHT);
    const uint8_t *left = picture.rgb + 3 * (20 * WIDTH + 10), *right = left + 3 * 40;
    for (int c = 0; c < 3; c++)
        assert_true(left[c] > 250 && abs(right[c] - 128) < 4);
    tyto_source_picture_finish(&picture);
    assert_int_equal(tyto_sink_jpeg(f->frame, 63, HEIGHT, 3, &jpeg, &bytes), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(frames_and_samples_come_back_where_they_were),
        TEST(a_file_may_have_one_stream_only),
        TEST(giving_up_leaves_nothing),
        TEST(what_cannot_be_written_is_a_fault),
        TEST(parameters_out_of_range_are_refused),
        TEST(a_picture_becomes_a_jpeg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
