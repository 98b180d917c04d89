/* SPDX-License-Identifier: MIT */
/* The picture encoder's last layer on its own: what it reads, and a file with another one. */
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

#include "model/encoder/encoder.h"
#include "tests/flow/small_models.h"
#include "tests/golden/fill.h"
#include "trainer/data/dataset_memory.h"
#include "trainer/data/last_layer.h"

enum { IN = SMALL_TUNE_IN, OUT = SMALL_TUNE_OUT, PLACES = SMALL_PLACES, SIDE = 16, FRAMES = 2 };

static struct tyto_gpu *gpu;
static char dir[] = "/tmp/tyto-last-XXXXXX";
static char old_path[64], new_path[64], other_path[64];

static int open_all(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};

    (void)state;
    if (!mkdtemp(dir))
        return 1;
    (void)snprintf(old_path, sizeof(old_path), "%s/old.safetensors", dir);
    (void)snprintf(new_path, sizeof(new_path), "%s/new.safetensors", dir);
    (void)snprintf(other_path, sizeof(other_path), "%s/other.safetensors", dir);
    return small_tunable_write(old_path) || small_visual_write(other_path) ||
           tyto_gpu_create(&params, &gpu);
}

static int close_all(void **state)
{
    (void)state;
    tyto_gpu_destroy(&gpu);
    (void)unlink(old_path);
    (void)unlink(new_path);
    (void)unlink(other_path);
    return rmdir(dir);
}

/* (FRAMES, PLACES, channels) of two made-up pictures. */
static void encode(const char *path, bool cuts_last, enum tyto_exec exec, uint32_t channels,
                   float *ret)
{
    const struct tyto_visual_params params = {.weights_path = path,
                                              .cuts_last = cuts_last,
                                              .gpu = gpu,
                                              .exec = exec,
                                              .max_batch = FRAMES,
                                              .num_threads = 1};
    struct tyto_visual *visual = NULL;
    struct tyto_frame frames[FRAMES];
    static uint8_t pixels[FRAMES][SIDE * SIDE * 3];
    uint32_t rows = 0, cols = 0, wide = 0;

    for (size_t f = 0; f < FRAMES; f++) {
        for (size_t i = 0; i < sizeof(pixels[f]); i++)
            pixels[f][i] = (uint8_t)(i * (37 + f) % 251);
        frames[f] = (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                                        .width = SIDE,
                                        .height = SIDE,
                                        .planes = {pixels[f]},
                                        .strides_bytes = {SIDE * 3}};
    }
    assert_int_equal(tyto_visual_create(&params, &visual, NULL), TYTO_OK);
    tyto_visual_shape(visual, &rows, &cols, &wide);
    assert_int_equal(rows * cols, PLACES);
    assert_int_equal(wide, channels);
    assert_int_equal(tyto_visual_run(visual, frames, FRAMES), TYTO_OK);
    assert_int_equal(tyto_buf_read(tyto_visual_output(visual), 0, ret,
                                   (size_t)FRAMES * PLACES * channels * sizeof(float)),
                     TYTO_OK);
    tyto_visual_destroy(&visual);
}

/* tapped through the layer as a data set of two clips of a segment. */
static void apply(const struct tyto_last_layer *layer, const float *tapped, float *ret)
{
    static const float audio[FRAMES];
    const struct tyto_dataset_memory memory = {.audio = audio, .visual = tapped};
    const struct tyto_dataset_shape shape = {.num_clips = FRAMES,
                                             .num_segments = 1,
                                             .audio_in = 1,
                                             .num_places = PLACES,
                                             .visual_in = IN,
                                             .num_classes = 1};
    struct tyto_dataset *base = NULL, *through = NULL;
    float sound = 0;
    bool has[2];

    assert_int_equal(tyto_dataset_memory_create(&shape, &memory, &base), TYTO_OK);
    assert_int_equal(tyto_last_layer_dataset(base, layer, &through), TYTO_OK);
    assert_int_equal(through->shape.visual_in, OUT);
    for (uint32_t i = 0; i < FRAMES; i++) {
        const struct tyto_dataset_clip clip = {&sound, ret + (size_t)i * PLACES * OUT, &has[0],
                                               &has[1]};

        assert_int_equal(tyto_dataset_read(through, i, &clip), TYTO_OK);
    }
    tyto_dataset_destroy(&through);
    tyto_dataset_destroy(&base);
}

static void a_file_with_another_last_layer_gives_its_features(void **state)
{
    const enum tyto_exec execs[] = {TYTO_EXEC_CPU, TYTO_EXEC_VULKAN};
    float tapped[FRAMES * PLACES * IN], want[FRAMES * PLACES * OUT], got[FRAMES * PLACES * OUT];
    float before[FRAMES * PLACES * OUT];
    struct tyto_last_layer layer = {0};
    float moved = 0;

    (void)state;
    for (size_t e = 0; e < 2; e++) {
        assert_int_equal(tyto_last_layer_read(old_path, &layer, NULL), TYTO_OK);
        assert_int_equal(layer.in, IN);
        assert_int_equal(layer.out, OUT);
        encode(old_path, true, execs[e], IN, tapped);
        encode(old_path, false, execs[e], OUT, before);
        apply(&layer, tapped, want);
        for (size_t i = 0; i < FRAMES * PLACES * OUT; i++)
            assert_true(fabsf(before[i] - want[i]) <= 1e-3f);
        for (size_t i = 0; i < OUT * IN; i++)
            layer.weight[i] = -0.7f * layer.weight[i] + 0.01f * (float)(i % 7);
        layer.bias[3] += 0.4f;
        assert_int_equal(tyto_last_layer_write(&layer, old_path, new_path, NULL), TYTO_OK);
        encode(new_path, false, execs[e], OUT, got);
        apply(&layer, tapped, want);
        for (size_t i = 0; i < FRAMES * PLACES * OUT; i++) {
            assert_true(fabsf(got[i] - want[i]) <= 1e-3f);
            moved = fmaxf(moved, fabsf(got[i] - before[i]));
        }
        assert_true(moved > 0.1f);
        tyto_last_layer_finish(&layer);
    }
}

static void an_encoder_that_ends_otherwise_is_refused(void **state)
{
    const struct tyto_visual_params params = {
        .weights_path = other_path, .cuts_last = true, .gpu = gpu, .max_batch = 1};
    struct tyto_last_layer layer = {0};
    struct tyto_visual *visual = NULL;
    struct tyto_fault fault = {0};

    (void)state;
    assert_int_equal(tyto_last_layer_read(other_path, &layer, &fault), TYTO_ERR_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "1x1"));
    assert_int_equal(tyto_visual_create(&params, &visual, &fault), TYTO_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_another_last_layer_gives_its_features),
        cmocka_unit_test(an_encoder_that_ends_otherwise_is_refused),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
