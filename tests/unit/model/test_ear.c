/* SPDX-License-Identifier: MIT */
/* The ear that ships in weights/, on both executors, against what PyTorch computed from the same
 * file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/encoder/encoder.h"
#include "model/executor/executor.h"
#include "model/graph/file.h"
#include "tests/golden/ear.h"
#include "tests/golden/fill.h"

enum { SAMPLES = 16000, EMBEDDING = 312, MEL = 64, FEATURE = EMBEDDING + 2 * MEL, CLASSES = 521 };

enum { MAX_MACS = 25000000 }; /* of one window; YAMNet has 69,165,056 */

static const enum tyto_exec execs[] = {TYTO_EXEC_VULKAN, TYTO_EXEC_CPU};
static struct tyto_gpu *gpu;
static char path[4096];

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    const char *golden = getenv("TYTO_GOLDEN_DIR");

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/../../weights/ear.safetensors",
                   golden ? golden : "tests/golden");
    return tyto_gpu_create(&params, &gpu) != TYTO_OK;
}

static int close_gpu(void **state)
{
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);

    (void)state;
    tyto_gpu_destroy(&gpu);
    return num_messages != 0;
}

/* Within 1e-3 of the largest |want|, at least of 1. */
static void assert_close(const char *what, enum tyto_exec exec, const float *got, const float *want,
                         size_t num)
{
    double largest = 1.0, worst = 0.0;

    for (size_t i = 0; i < num; i++) {
        const double error = fabs((double)got[i] - (double)want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        worst = fmax(worst, isfinite(error) ? error : INFINITY);
    }
    printf("%s, %s: largest %.3g, worst error %.2e\n", what,
           exec == TYTO_EXEC_VULKAN ? "Vulkan" : "CPU", largest, worst);
    if (!(worst <= 1e-3 * largest))
        fail_msg("%s: worst error %g, largest value %g", what, worst, largest);
}

static float *read_rows(const struct tyto_buf *buf, size_t num)
{
    float *rows = malloc(num * sizeof(*rows));

    assert_non_null(rows);
    assert_int_equal(tyto_buf_read(buf, 0, rows, num * sizeof(*rows)), TYTO_OK);
    return rows;
}

static void the_ear_hears_a_second_as_pytorch_does(void **state)
{
    static float quiet[SAMPLES], silence[SAMPLES];
    static const char *const names[3] = {"sound", "quiet sound", "silence"};
    float *golden = golden_read("ear.f32", GOLDEN_EAR_NUM);

    (void)state;
    assert_non_null(golden);
    const float *pcm = golden + GOLDEN_EAR_PCM_AT;
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
        assert_int_equal(tyto_audio_run(audio, segments, 3), TYTO_OK);
        float *rows = read_rows(tyto_audio_output(audio), 3 * FEATURE);
        for (int i = 0; i < 3; i++) {
            const float *want = golden + GOLDEN_EAR_FEATURES_AT + i * FEATURE;
            assert_close(names[i], execs[e], rows + i * FEATURE, want, EMBEDDING);
            assert_close("its log-mel", execs[e], rows + i * FEATURE + EMBEDDING, want + EMBEDDING,
                         2 * MEL);
        }
        free(rows);
        tyto_audio_destroy(&audio);
    }
    free(golden);
}

static void the_ear_scores_the_classes_of_audioset(void **state)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    float *golden = golden_read("ear.f32", GOLDEN_EAR_NUM);

    (void)state;
    assert_non_null(golden);
    if (tyto_encoder_file_read(path, &file, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    assert_int_equal(tyto_graph_num_outs(&file->graph), 2);
    assert_true(tyto_graph_num_macs(&file->graph) <= MAX_MACS);
    float loudest = 0.0f;
    for (int i = 0; i < CLASSES; i++)
        loudest = fmaxf(loudest, golden[GOLDEN_EAR_SCORES_AT + i]);
    assert_true(loudest > 0.1f); /* so that 1e-3 tells right from wrong */
    for (int e = 0; e < 2; e++) {
        const struct tyto_executor_params params = {
            .graph = &file->graph, .gpu = gpu, .exec = execs[e], .max_batch = 1, .num_threads = 1};
        struct tyto_executor *exec = NULL;
        assert_int_equal(tyto_executor_create(&params, &exec), TYTO_OK);
        assert_int_equal(tyto_buf_write(tyto_executor_input(exec), 0, golden + GOLDEN_EAR_PATCH_AT,
                                        GOLDEN_EAR_PATCH_NUM * sizeof(float)),
                         TYTO_OK);
        assert_int_equal(tyto_executor_run(exec, 1), TYTO_OK);
        float *scores = read_rows(tyto_executor_output_at(exec, 1), CLASSES);
        assert_close("scores", execs[e], scores, golden + GOLDEN_EAR_SCORES_AT, CLASSES);
        free(scores);
        tyto_executor_destroy(&exec);
    }
    tyto_encoder_file_destroy(&file);
    free(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ear_hears_a_second_as_pytorch_does),
        cmocka_unit_test(the_ear_scores_the_classes_of_audioset),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
