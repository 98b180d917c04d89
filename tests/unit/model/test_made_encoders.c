/* SPDX-License-Identifier: MIT */
/* Encoders made up for the test, small enough to be computed here: what the
 * imported ones do not reach. Both executors must give the same. */
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
#include "model/encoder/resize_cpu.h"
#include "model/encoder/visual_front.h"
#include "model/graph/file.h"
#include "model/graph/ref.h"
#include "tests/golden/fill.h"

enum { BANDS = 6, FRAMES = 8, FRAMES_HOP = 2, FFT = 64, HOP = 16, SAMPLES = 64 + 15 * 16 };
enum { SEGMENT_FRAMES = 16, WINDOWS = 5, EMBEDDING = 7, CHANNELS = EMBEDDING + 2 * BANDS };

static struct tyto_gpu *gpu;
static char path[] = "/tmp/tyto-made-XXXXXX";

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    (void)state;
    const int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    return tyto_gpu_create(&params, &gpu) != TYTO_OK;
}

static int close_gpu(void **state)
{
    (void)state;
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);
    tyto_gpu_destroy(&gpu);
    (void)unlink(path);
    return num_messages != 0;
}

static const float *made(struct tyto_encoder_file *file, const char *name, size_t num, float scale)
{
    float *values = tyto_encoder_file_alloc(file, num);
    assert_non_null(values);
    golden_fill(name, values, num, scale);
    return values;
}

/* Two convolutions over time with stride 2 in all; padded: no stretching then. */
static struct tyto_encoder_file *make_audio(bool padded)
{
    struct tyto_encoder_file *file = NULL;
    assert_int_equal(tyto_encoder_file_create(&file), TYTO_OK);
    struct tyto_graph *graph = &file->graph;
    graph->num_values = 3;
    graph->num_layers = 2;
    graph->out_idx = 2;
    graph->values[0] = (struct tyto_value){FRAMES, BANDS, 1};
    graph->values[1] = (struct tyto_value){padded ? 4 : 3, 2, 5};
    graph->values[2] = (struct tyto_value){1, 1, EMBEDDING};
    graph->layers[0] = (struct tyto_layer){.op = TYTO_LAYER_CONV,
                                           .out_idx = 1,
                                           .kernel_h = 4,
                                           .kernel_w = 5,
                                           .stride_h = 2,
                                           .stride_w = 1,
                                           .pad_top = padded ? 1 : 0,
                                           .pad_bottom = padded ? 1 : 0,
                                           .act = TYTO_ACT_LEAKY_RELU,
                                           .act_slope = 0.2f,
                                           .weight = made(file, "w0", 5 * 4 * 5, 0.25f),
                                           .bias = made(file, "b0", 5, 0.5f)};
    graph->layers[1] =
        (struct tyto_layer){.op = TYTO_LAYER_CONV,
                            .in_idx = {1},
                            .out_idx = 2,
                            .kernel_h = padded ? 4 : 3,
                            .kernel_w = 2,
                            .stride_h = 1,
                            .stride_w = 1,
                            .weight = made(file, "w1", EMBEDDING * (padded ? 4 : 3) * 2 * 5, 0.25f),
                            .bias = made(file, "b1", EMBEDDING, 0.5f)};
    float *window = tyto_encoder_file_alloc(file, FFT);
    float *mel = tyto_encoder_file_alloc(file, (FFT / 2 + 1) * BANDS);
    assert_true(window && mel);
    for (int n = 0; n < FFT; n++)
        window[n] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * n / FFT));
    for (int m = 0; m < BANDS; m++)
        for (int k = 4 * m; k < 4 * m + 8; k++)
            mel[k * BANDS + m] = 0.125f;
    file->kind = TYTO_ENCODER_AUDIO;
    file->has_frontend = true;
    file->frontend = (struct tyto_frontend){.sample_rate_hz = 16000,
                                            .fft = FFT,
                                            .window_len = FFT,
                                            .hop = HOP,
                                            .num_mel = BANDS,
                                            .form = TYTO_LOG_FORM_LN_MAGNITUDE,
                                            .pcm_scale = 1,
                                            .floor = 1e-3f,
                                            .post_scale = 1,
                                            .num_frames = FRAMES,
                                            .frames_hop = FRAMES_HOP,
                                            .window = window,
                                            .mel = mel};
    struct tyto_fault fault = {0};
    if (tyto_encoder_file_write(file, path, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    return file;
}

/* The feature by the references alone. */
static void audio_ref(const struct tyto_encoder_file *file, const float *pcm, double *want)
{
    const struct tyto_frontend *frontend = &file->frontend;
    const struct tyto_log_mel_shape shape = {.num_samples = SAMPLES,
                                             .fft = FFT,
                                             .window_len = FFT,
                                             .hop = HOP,
                                             .num_mel = BANDS,
                                             .window = frontend->window,
                                             .mel = frontend->mel,
                                             .form = frontend->form,
                                             .pcm_scale = 1,
                                             .floor = frontend->floor,
                                             .post_scale = 1};
    double mel[SEGMENT_FRAMES * BANDS], embedding[EMBEDDING];
    float rows[SEGMENT_FRAMES * BANDS];

    assert_int_equal(tyto_log_mel_num_frames(&shape), SEGMENT_FRAMES);
    assert_int_equal(tyto_log_mel_ref(&shape, pcm, mel), TYTO_OK);
    memset(want, 0, CHANNELS * sizeof(*want));
    for (int i = 0; i < SEGMENT_FRAMES * BANDS; i++)
        rows[i] = (float)mel[i];
    for (int w = 0; w < WINDOWS; w++) {
        const float *window = rows + w * FRAMES_HOP * BANDS;
        assert_int_equal(tyto_graph_ref_run(&file->graph, window, embedding), TYTO_OK);
        for (int c = 0; c < EMBEDDING; c++)
            want[c] += embedding[c] / WINDOWS;
    }
    for (int m = 0; m < BANDS; m++) {
        double *mean = &want[EMBEDDING + m], *deviation = &want[EMBEDDING + BANDS + m];
        for (int f = 0; f < SEGMENT_FRAMES; f++)
            *mean += mel[f * BANDS + m] / SEGMENT_FRAMES;
        for (int f = 0; f < SEGMENT_FRAMES; f++)
            *deviation += pow(mel[f * BANDS + m] - *mean, 2) / SEGMENT_FRAMES;
        *deviation = sqrt(*deviation);
    }
}

static void assert_audio_agrees(bool padded, enum tyto_exec exec)
{
    enum { BATCH = 4 };
    static float pcm[BATCH][SAMPLES];
    const float *segments[BATCH] = {pcm[0], pcm[1], pcm[2], pcm[3]};
    struct tyto_encoder_file *file = make_audio(padded);
    struct tyto_audio *audio = NULL;
    struct tyto_fault fault = {0};
    const struct tyto_audio_params params = {.weights_path = path,
                                             .gpu = gpu,
                                             .exec = exec,
                                             .max_batch = BATCH,
                                             .segment_samples = SAMPLES,
                                             .num_threads = 1};
    golden_fill("pcm", pcm[0], BATCH * SAMPLES, 1.0f);
    if (tyto_audio_create(&params, &audio, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    assert_int_equal(tyto_audio_channels(audio), CHANNELS);
    for (uint32_t batch = BATCH; batch >= 1; batch--) {
        float got[BATCH * CHANNELS];
        double want[CHANNELS];
        assert_int_equal(tyto_audio_run(audio, segments, batch), TYTO_OK);
        assert_int_equal(
            tyto_buf_read(tyto_audio_output(audio), 0, got, batch * CHANNELS * sizeof(*got)),
            TYTO_OK);
        for (uint32_t b = 0; b < batch; b++) {
            audio_ref(file, segments[b], want);
            for (uint32_t c = 0; c < CHANNELS; c++)
                if (!(fabs((double)got[b * CHANNELS + c] - want[c]) < 2e-5))
                    fail_msg("padded %d, batch %u of %u, channel %u: %g, reference %g", padded, b,
                             batch, c, (double)got[b * CHANNELS + c], want[c]);
        }
    }
    tyto_audio_destroy(&audio);
    tyto_encoder_file_destroy(&file);
}

static void a_sound_network_that_slides_agrees_with_the_references(void **state)
{
    (void)state;
    assert_audio_agrees(false, TYTO_EXEC_VULKAN);
    assert_audio_agrees(false, TYTO_EXEC_CPU);
}

static void a_sound_network_that_pads_runs_window_by_window(void **state)
{
    (void)state;
    assert_audio_agrees(true, TYTO_EXEC_VULKAN);
    assert_audio_agrees(true, TYTO_EXEC_CPU);
}

static void an_audio_file_without_front_end_is_refused(void **state)
{
    struct tyto_encoder_file *file = make_audio(false);
    struct tyto_audio *audio = NULL;
    struct tyto_fault fault = {0};
    const struct tyto_audio_params params = {.weights_path = path,
                                             .gpu = gpu,
                                             .exec = TYTO_EXEC_CPU,
                                             .max_batch = 1,
                                             .segment_samples = SAMPLES};
    (void)state;
    file->has_frontend = false;
    assert_int_equal(tyto_encoder_file_write(file, path, &fault), TYTO_OK);
    assert_int_equal(tyto_audio_create(&params, &audio, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "front end"));
    assert_null(audio);
    tyto_encoder_file_destroy(&file);
}

/* --- pictures on the device ------------------------------------------------------------ */

enum { SIDE = 20, PICTURE = SIDE * SIDE * 3, MAX_PICTURES = 11 };

static void assert_pictures_agree(struct tyto_visual_front *front, struct tyto_buf *out,
                                  struct tyto_image_resize_cpu *plain,
                                  const struct tyto_frame *frames, uint32_t num)
{
    float got[PICTURE], want[PICTURE];
    assert_int_equal(tyto_visual_front_run(front, frames, num), TYTO_OK);
    for (uint32_t i = 0; i < num; i++) {
        assert_int_equal(tyto_buf_read(out, i * sizeof(got), got, sizeof(got)), TYTO_OK);
        assert_int_equal(tyto_image_resize_cpu_run(plain, &frames[i], want), TYTO_OK);
        for (int k = 0; k < PICTURE; k++)
            if (!(fabsf(got[k] - want[k]) < 2e-3f))
                fail_msg("picture %u of %u, element %d: %g, plain C %g", i, num, k, (double)got[k],
                         (double)want[k]);
    }
}

/* More than a chunk, then larger pictures than before, then one of more than a chunk's bytes. */
static void pictures_of_any_number_and_size_agree_with_plain_c(void **state)
{
    enum { BYTES = 4000 * 1500 * 3 };
    uint8_t *bytes = malloc(BYTES);
    struct tyto_visual_front *front = NULL;
    struct tyto_image_resize_cpu *plain = NULL;
    struct tyto_buf *out = NULL;
    struct tyto_frame frames[MAX_PICTURES];
    const struct tyto_image_resize_shape shape = {.out_w = SIDE, .out_h = SIDE, .scale = {1, 1, 1}};
    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)((i * 2654435761u) >> 13);
    assert_int_equal(
        tyto_buf_create(gpu, TYTO_BUF_DEVICE, MAX_PICTURES * PICTURE * sizeof(float), &out),
        TYTO_OK);
    assert_int_equal(tyto_visual_front_create(gpu, &shape, out, &front), TYTO_OK);
    assert_int_equal(tyto_image_resize_cpu_create(&shape, &plain), TYTO_OK);
    for (uint32_t i = 0; i < MAX_PICTURES; i++) {
        const uint32_t width = 30 + 7 * i, half = (width + 1) / 2;
        frames[i] = (struct tyto_frame){
            .format = (enum tyto_pixel_format)(i % 3),
            .width = width,
            .height = 50 - i,
            .planes = {bytes + i, bytes + 9999, bytes + 19999},
            .strides_bytes = {3 * width, 2 * half, half},
            .bt709 = i & 1,
        };
    }
    assert_pictures_agree(front, out, plain, frames, 2);
    assert_pictures_agree(front, out, plain, frames, MAX_PICTURES);
    assert_pictures_agree(front, out, plain, frames, 9);
    frames[1] = (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                                    .width = 4000,
                                    .height = 1500,
                                    .planes = {bytes},
                                    .strides_bytes = {12000}};
    assert_pictures_agree(front, out, plain, frames, 3);
    frames[2].strides_bytes[0] = 1;
    assert_int_equal(tyto_visual_front_run(front, frames, 3), TYTO_ERR_INVALID);
    tyto_visual_front_destroy(&front);
    tyto_image_resize_cpu_destroy(&plain);
    tyto_buf_destroy(&out);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_network_that_slides_agrees_with_the_references),
        cmocka_unit_test(a_sound_network_that_pads_runs_window_by_window),
        cmocka_unit_test(an_audio_file_without_front_end_is_refused),
        cmocka_unit_test(pictures_of_any_number_and_size_agree_with_plain_c),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
