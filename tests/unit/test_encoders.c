/* SPDX-License-Identifier: MIT */
/* The encoders as users run them, on both executors, against what PyTorch and
 * NumPy computed from the same files. Needs the imported weights: in
 * $TYTO_MODELS_DIR, or where scripts/setup puts them; skipped without. */
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
#include "model/executor/memory.h"
#include "model/import/import.h"
#include "tests/golden/audio.h"
#include "tests/golden/fill.h"
#include "tests/golden/visual.h"
#include "tests/golden/yamnet.h"

enum {
    SIDE = 224,
    PLACES = 49,
    CHANNELS = 1280,
    STRIDE = 16,
    FEATURE = 160,
    EMBEDDING = 96,
    SAMPLES = 16000
};
enum { PATCH = 96 * 64, CLASSES = 521 };

static const enum tyto_exec execs[] = {TYTO_EXEC_VULKAN, TYTO_EXEC_CPU};
static struct tyto_gpu *gpu;

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    (void)state;
    return tyto_gpu_create(&params, &gpu) != TYTO_OK;
}

static int close_gpu(void **state)
{
    (void)state;
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);
    tyto_gpu_destroy(&gpu);
    return num_messages != 0;
}

/* PATH of NAME: among the imported encoders, or in the folder `below` of the source tree. */
static void find(const char *below, const char *name, char path[4096])
{
    const char *models = getenv("TYTO_MODELS_DIR"), *dist = getenv("TYTO_DIST");
    const char *golden = getenv("TYTO_GOLDEN_DIR");

    if (!golden)
        golden = "tests/golden";
    if (below)
        (void)snprintf(path, 4096, "%s/../../%s/%s", golden, below, name);
    else if (models)
        (void)snprintf(path, 4096, "%s/%s", models, name);
    else if (dist)
        (void)snprintf(path, 4096, "%s/share/tyto/models/%s", dist, name);
    else
        (void)snprintf(path, 4096, "%s/../../dist/share/tyto/models/%s", golden, name);
}

static void need(const char *path)
{
    if (access(path, R_OK) == 0)
        return;
    printf("SKIP: %s is not there (scripts/setup fetches encoders)\n", path);
    skip();
}

/* Within 1e-4 of the largest |want|, on average within 5e-6: measured 5e-6 and less, asked 1e-3. */
static void assert_close(const char *what, enum tyto_exec exec, const float *got, size_t got_step,
                         const float *want, size_t num)
{
    double largest = 0.0, worst = 0.0, sum = 0.0;

    for (size_t i = 0; i < num; i++) {
        const double error = fabs((double)got[i * got_step] - (double)want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        worst = fmax(worst, isfinite(error) ? error : INFINITY);
        sum += error;
    }
    printf("%s, %s: largest %.3g, worst error %.2e of it\n", what,
           exec == TYTO_EXEC_VULKAN ? "Vulkan" : "CPU", largest, worst / largest);
    if (!(worst <= 1e-4 * largest) || !(sum / (double)num <= 5e-6 * largest))
        fail_msg("%s: worst error %g, largest value %g", what, worst, largest);
}

static float *read_rows(const struct tyto_buf *buf, size_t num)
{
    float *rows = malloc(num * sizeof(*rows));
    assert_non_null(rows);
    assert_int_equal(tyto_buf_read(buf, 0, rows, num * sizeof(*rows)), TYTO_OK);
    return rows;
}

/* --- visual -------------------------------------------------------------------------- */

/* Row 1 of a batch of three is the golden picture; 0 and 2 are others, of other sizes. */
static float *run_visual(const char *path, enum tyto_exec exec)
{
    enum { WIDE = 320, HIGH = 180 };
    static uint8_t rgb[SIDE * SIDE * 3], other[WIDE * HIGH * 3];
    struct tyto_visual *visual = NULL;
    struct tyto_fault fault = {0};
    const struct tyto_visual_params params = {
        .weights_path = path, .gpu = gpu, .exec = exec, .max_batch = 3, .num_threads = 1};
    const struct tyto_frame noise = {.format = TYTO_PIXEL_NV12,
                                     .width = WIDE,
                                     .height = HIGH,
                                     .planes = {other, other + WIDE * HIGH},
                                     .strides_bytes = {WIDE, WIDE}};
    const struct tyto_frame frames[3] = {noise,
                                         {.format = TYTO_PIXEL_RGB,
                                          .width = SIDE,
                                          .height = SIDE,
                                          .planes = {rgb},
                                          .strides_bytes = {3 * SIDE}},
                                         noise};
    uint32_t places_y = 0, places_x = 0, channels = 0;

    golden_picture(rgb, SIDE, SIDE);
    golden_picture(other, WIDE, HIGH);
    if (tyto_visual_create(&params, &visual, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    tyto_visual_shape(visual, &places_y, &places_x, &channels);
    assert_int_equal(places_y * places_x, PLACES);
    assert_int_equal(channels, CHANNELS);
    assert_int_equal(tyto_visual_exec(visual), exec);
    assert_int_equal(tyto_visual_run(visual, frames, 0), TYTO_ERR_INVALID);
    assert_int_equal(tyto_visual_run(visual, frames, 4), TYTO_ERR_INVALID);
    assert_int_equal(tyto_visual_run(visual, frames, 2), TYTO_OK);
    assert_int_equal(tyto_visual_run(visual, frames, 3), TYTO_OK);
    float *rows = read_rows(tyto_visual_output(visual), 3 * PLACES * CHANNELS);
    tyto_visual_destroy(&visual);
    assert_null(visual);
    assert_memory_equal(rows, rows + 2 * PLACES * CHANNELS, PLACES * CHANNELS * sizeof(*rows));
    return rows;
}

static void visual_features_are_those_of_pytorch(void **state)
{
    char path[4096];
    float *golden = golden_read("visual.f32", GOLDEN_VISUAL_NUM);
    (void)state;
    find(NULL, "visual.safetensors", path);
    need(path);
    assert_non_null(golden);
    for (int e = 0; e < 2; e++) {
        float *rows = run_visual(path, execs[e]), sums[CHANNELS] = {0};
        const float *row = rows + PLACES * CHANNELS;
        assert_close("Conv_1", execs[e], row, STRIDE, golden + GOLDEN_VISUAL_CONV1_AT,
                     GOLDEN_VISUAL_CONV1_NUM);
        for (int place = 0; place < PLACES; place++)
            for (int c = 0; c < CHANNELS; c++)
                sums[c] += row[place * CHANNELS + c];
        assert_close("sums over places", execs[e], sums, 1, golden + GOLDEN_VISUAL_CHANNEL_SUMS_AT,
                     CHANNELS);
        free(rows);
    }
    free(golden);
}

static void visual_executors_agree(void **state)
{
    char path[4096];
    (void)state;
    find(NULL, "visual.safetensors", path);
    need(path);
    float *vulkan = run_visual(path, TYTO_EXEC_VULKAN), *cpu = run_visual(path, TYTO_EXEC_CPU);
    assert_close("three pictures against the CPU's", TYTO_EXEC_VULKAN, vulkan, 1, cpu,
                 3 * PLACES * CHANNELS);
    free(vulkan);
    free(cpu);
}

/* --- audio --------------------------------------------------------------------------- */

static void audio_features_are_those_of_pytorch(void **state)
{
    static float quiet[SAMPLES], silence[SAMPLES];
    char path[4096];
    (void)state;
    find(NULL, "audio.safetensors", path);
    need(path);
    float *golden = golden_read("audio.f32", GOLDEN_AUDIO_NUM);
    assert_non_null(golden);
    const float *pcm = golden + GOLDEN_AUDIO_PCM_AT;
    for (int n = SAMPLES / 2; n < SAMPLES; n++)
        quiet[n] = pcm[n] / 1024.0f;
    const float *segments[3] = {pcm, quiet, silence};
    for (int e = 0; e < 2; e++) {
        struct tyto_audio *audio = NULL;
        struct tyto_fault fault = {0};
        const struct tyto_audio_params params = {.weights_path = path,
                                                 .gpu = gpu,
                                                 .exec = execs[e],
                                                 .max_batch = 3,
                                                 .segment_samples = SAMPLES,
                                                 .num_threads = 1};
        if (tyto_audio_create(&params, &audio, &fault))
            fail_msg("%s: %s", fault.key, fault.text);
        assert_int_equal(tyto_audio_channels(audio), FEATURE);
        assert_int_equal(tyto_audio_exec(audio), execs[e]);
        assert_int_equal(tyto_audio_run(audio, segments, 4), TYTO_ERR_INVALID);
        assert_int_equal(tyto_audio_run(audio, segments + 1, 1), TYTO_OK);
        assert_int_equal(tyto_audio_run(audio, segments, 3), TYTO_OK);
        float *rows = read_rows(tyto_audio_output(audio), 3 * FEATURE);
        assert_close("sound", execs[e], rows, 1, golden + GOLDEN_AUDIO_FEATURE_AT, EMBEDDING);
        assert_close("its log-mel", execs[e], rows + EMBEDDING, 1,
                     golden + GOLDEN_AUDIO_FEATURE_AT + EMBEDDING, FEATURE - EMBEDDING);
        assert_close("quiet sound", execs[e], rows + FEATURE, 1,
                     golden + GOLDEN_AUDIO_QUIET_FEATURE_AT, FEATURE);
        assert_close("silence", execs[e], rows + 2 * FEATURE, 1,
                     golden + GOLDEN_AUDIO_SILENCE_FEATURE_AT, FEATURE);
        free(rows);
        tyto_audio_destroy(&audio);
        assert_null(audio);
    }
    free(golden);
}

static void wrong_encoder_files_are_refused_with_a_reason(void **state)
{
    char visual_path[4096], audio_path[4096];
    struct tyto_visual *visual = NULL;
    struct tyto_audio *audio = NULL;
    struct tyto_fault fault = {0};
    (void)state;
    find(NULL, "visual.safetensors", visual_path);
    find(NULL, "audio.safetensors", audio_path);
    need(visual_path);
    need(audio_path);
    struct tyto_visual_params visual_params = {
        .weights_path = audio_path, .gpu = gpu, .exec = TYTO_EXEC_CPU, .max_batch = 1};
    struct tyto_audio_params audio_params = {.weights_path = visual_path,
                                             .gpu = gpu,
                                             .exec = TYTO_EXEC_CPU,
                                             .max_batch = 1,
                                             .segment_samples = SAMPLES};
    assert_int_equal(tyto_visual_create(&visual_params, &visual, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "no visual encoder"));
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "no audio encoder"));
    visual_params.weights_path = "nowhere.safetensors";
    assert_int_equal(tyto_visual_create(&visual_params, &visual, &fault), TYTO_ERR_NOT_FOUND);
    audio_params.weights_path = audio_path;
    audio_params.segment_samples = 12000; /* 72 frames; the network needs 76 */
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_SHAPE);
    assert_non_null(strstr(fault.text, "longer segments"));
    audio_params.segment_samples = 100;
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_SHAPE);
    assert_null(visual);
    assert_null(audio);
}

/* --- YAMNet -------------------------------------------------------------------------- */

static void yamnet_scores_are_those_of_numpy(void **state)
{
    char path[4096];
    static float patches[2 * PATCH];
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    (void)state;
    find("../shared/models", "yamnet_classification.tflite", path);
    need(path);
    float *golden = golden_read("yamnet.f32", GOLDEN_YAMNET_NUM);
    assert_non_null(golden);
    golden_fill("yamnet", patches, 2 * PATCH, 4.0f);
    const struct tyto_import_params import = {.path = path};
    if (tyto_import(&import, &file, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    for (int e = 0; e < 2; e++) {
        const struct tyto_executor_params params = {
            .graph = &file->graph, .gpu = gpu, .exec = execs[e], .max_batch = 2, .num_threads = 1};
        struct tyto_executor *exec = NULL;
        assert_int_equal(tyto_executor_create(&params, &exec), TYTO_OK);
        assert_int_equal(tyto_buf_write(tyto_executor_input(exec), 0, patches, sizeof(patches)),
                         TYTO_OK);
        assert_int_equal(tyto_executor_run(exec, 2), TYTO_OK);
        float *rows = read_rows(tyto_executor_output(exec), 2 * CLASSES);
        assert_close("YAMNet", execs[e], rows, 1, golden + GOLDEN_YAMNET_SCORES_AT, 2 * CLASSES);
        free(rows);
        tyto_executor_destroy(&exec);
    }
    tyto_encoder_file_destroy(&file);
    free(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visual_features_are_those_of_pytorch),
        cmocka_unit_test(visual_executors_agree),
        cmocka_unit_test(audio_features_are_those_of_pytorch),
        cmocka_unit_test(wrong_encoder_files_are_refused_with_a_reason),
        cmocka_unit_test(yamnet_scores_are_those_of_numpy),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
