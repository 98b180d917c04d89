/* SPDX-License-Identifier: MIT */
/* What the encoders cost, part by part, on both executors:
 *   bench_encoder [MODELS_DIR]
 * Encoder files come from MODELS_DIR, $TYTO_MODELS_DIR or where scripts/setup puts
 * them. Without them MobileNetV2's shapes with made-up weights stand for the
 * network. A real GPU is timed with a batch of 24 as well, what one item costs is a 24th of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/encoder/encoder.h"
#include "model/encoder/log_mel_cpu.h"
#include "model/encoder/resize_cpu.h"
#include "model/graph/file.h"
#include "tests/bench/mobilenet.h"
#include "tests/check/check.h"

enum { MAX_BATCH = 24, WIDTH = 1280, HEIGHT = 720, SAMPLES = 16000 };

static uint8_t picture[WIDTH * HEIGHT * 3];
static float sound[SAMPLES];

typedef enum tyto_err run_fn(void *user);

static void must(enum tyto_err err, const char *what)
{
    if (!err)
        return;
    printf("FAILED: %s: %s\n", what, tyto_err_text(err));
    exit(1);
}

struct job {
    const char *name;
    run_fn *run;
    void *user;
};

static void run_job(void *user)
{
    const struct job *job = user;
    must(job->run(job->user), job->name);
}

static void bench(const char *name, run_fn *run, void *user)
{
    struct job job = {name, run, user};
    (void)check_bench_call(name, run_job, &job, 0);
}

static struct tyto_frame frame_of(enum tyto_pixel_format format)
{
    return (struct tyto_frame){
        .format = format,
        .width = WIDTH,
        .height = HEIGHT,
        .planes = {picture, picture + WIDTH * HEIGHT},
        .strides_bytes = {format == TYTO_PIXEL_RGB ? 3 * WIDTH : WIDTH, WIDTH},
    };
}

/* --- parts -------------------------------------------------------------------------- */

struct resizing {
    struct tyto_image_resize_cpu *resize;
    struct tyto_frame frame;
    float out[224 * 224 * 3];
};

static enum tyto_err run_resize(void *user)
{
    struct resizing *resizing = user;
    return tyto_image_resize_cpu_run(resizing->resize, &resizing->frame, resizing->out);
}

static void bench_resize(void)
{
    static struct resizing resizing;
    const struct tyto_image_resize_shape shape = {.out_w = 224, .out_h = 224, .scale = {1, 1, 1}};

    must(tyto_image_resize_cpu_create(&shape, &resizing.resize), "resize");
    resizing.frame = frame_of(TYTO_PIXEL_NV12);
    bench("resize 720p NV12 to 224, plain C", run_resize, &resizing);
    resizing.frame = frame_of(TYTO_PIXEL_RGB);
    bench("resize 720p RGB to 224, plain C", run_resize, &resizing);
    tyto_image_resize_cpu_destroy(&resizing.resize);
}

static enum tyto_err run_log_mel(void *user)
{
    static float out[100 * 64];
    tyto_log_mel_cpu_run(user, sound, out);
    return TYTO_OK;
}

static void bench_log_mel(void)
{
    static float window[512], mel[257 * 32];
    struct tyto_log_mel_cpu *cpu = NULL;
    const struct tyto_log_mel_shape shape = {
        .num_samples = SAMPLES,
        .fft = 512,
        .window_len = 512,
        .hop = 160,
        .num_mel = 32,
        .window = window,
        .mel = mel,
        .form = TYTO_LOG_FORM_DB_POWER,
        .pcm_scale = 32768,
        .floor = 1e-10f,
        .top_db = 80,
        .post_scale = 0.1f,
        .post_shift = 2,
    };

    for (int n = 0; n < 512; n++)
        window[n] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * n / 512.0));
    for (int m = 0; m < 32; m++)
        for (int k = 4 * m; k < 4 * m + 8; k++)
            mel[k * 32 + m] = 0.1f;
    must(tyto_log_mel_cpu_create(&shape, &cpu), "log-mel");
    bench("log-mel of 1 s, plain C", run_log_mel, cpu);
    tyto_log_mel_cpu_destroy(&cpu);
}

/* --- networks and encoders ------------------------------------------------------------ */

static const char *exec_name(enum tyto_exec exec)
{
    return exec == TYTO_EXEC_VULKAN ? "Vulkan" : "CPU executor, 1 thread";
}

struct network {
    struct tyto_executor *exec;
    uint32_t batch;
};

static enum tyto_err run_network(void *user)
{
    const struct network *network = user;
    return tyto_executor_run(network->exec, network->batch);
}

static void bench_network(struct tyto_gpu *gpu, const struct tyto_graph *graph, enum tyto_exec kind,
                          uint32_t batch, const char *what)
{
    char name[128];
    struct network network = {.batch = batch};
    const struct tyto_executor_params params = {
        .graph = graph, .gpu = gpu, .exec = kind, .max_batch = batch, .num_threads = 1};

    must(tyto_executor_create(&params, &network.exec), what);
    (void)snprintf(name, sizeof(name), "%s, batch of %u, %s", what, batch, exec_name(kind));
    bench(name, run_network, &network);
    tyto_executor_destroy(&network.exec);
}

struct encoders {
    struct tyto_visual *visual;
    struct tyto_audio *audio;
    uint32_t batch;
};

static enum tyto_err run_visual(void *user)
{
    const struct encoders *encoders = user;
    struct tyto_frame frames[MAX_BATCH];

    for (uint32_t i = 0; i < encoders->batch; i++)
        frames[i] = frame_of(TYTO_PIXEL_NV12);
    return tyto_visual_run(encoders->visual, frames, encoders->batch);
}

static enum tyto_err run_find(void *user)
{
    struct tyto_detection found[16];
    uint32_t num = 0;
    return tyto_visual_find(user, 0, 0.35f, found, 16, &num);
}

static enum tyto_err run_audio(void *user)
{
    const struct encoders *encoders = user;
    const float *pcm[MAX_BATCH];

    for (uint32_t i = 0; i < encoders->batch; i++)
        pcm[i] = sound;
    return tyto_audio_run(encoders->audio, pcm, encoders->batch);
}

static void bench_encoders(struct tyto_gpu *gpu, const char *folder, enum tyto_exec kind,
                           uint32_t batch)
{
    char path[4096], name[128];
    struct encoders encoders = {.batch = batch};
    struct tyto_fault fault;

    (void)snprintf(path, sizeof(path), "%s/visual.safetensors", folder);
    const struct tyto_visual_params visual_params = {
        .weights_path = path, .gpu = gpu, .exec = kind, .max_batch = batch, .num_threads = 1};
    must(tyto_visual_create(&visual_params, &encoders.visual, &fault), "visual encoder");
    (void)snprintf(name, sizeof(name), "visual encoder on 720p, batch of %u, %s", batch,
                   exec_name(kind));
    bench(name, run_visual, &encoders);
    if (tyto_visual_detector(encoders.visual))
        bench("boxes of one picture", run_find, encoders.visual);
    tyto_visual_destroy(&encoders.visual);

    (void)snprintf(path, sizeof(path), "%s/audio.safetensors", folder);
    struct tyto_encoder_file *file = NULL;
    must(tyto_encoder_file_read(path, &file, &fault), "audio encoder's file");
    bench_network(gpu, &file->graph, kind, batch, "sound embedding, patches");
    tyto_encoder_file_destroy(&file);
    const struct tyto_audio_params audio_params = {.weights_path = path,
                                                   .gpu = gpu,
                                                   .exec = kind,
                                                   .max_batch = batch,
                                                   .segment_samples = SAMPLES,
                                                   .num_threads = 1};
    must(tyto_audio_create(&audio_params, &encoders.audio, &fault), "audio encoder");
    (void)snprintf(name, sizeof(name), "audio encoder on 1 s, batch of %u, %s", batch,
                   exec_name(kind));
    bench(name, run_audio, &encoders);
    tyto_audio_destroy(&encoders.audio);
}

static bool has_encoders(const char *folder)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/visual.safetensors", folder);
    if (access(path, R_OK) != 0)
        return false;
    (void)snprintf(path, sizeof(path), "%s/audio.safetensors", folder);
    return access(path, R_OK) == 0;
}

int main(int argc, char **argv)
{
    static const enum tyto_exec kinds[] = {TYTO_EXEC_VULKAN, TYTO_EXEC_CPU};
    static struct tyto_graph graph;
    const char *models = getenv("TYTO_MODELS_DIR"), *golden = getenv("TYTO_GOLDEN_DIR");
    const char *dist = getenv("TYTO_DIST");
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"),
                                           .as_gpu = getenv("TYTO_CHECK_AS_GPU") != NULL};
    struct tyto_gpu *gpu = NULL;
    char folder[4000];

    (void)snprintf(folder, sizeof(folder), "%s/../../dist/share/tyto/models",
                   golden ? golden : "tests/golden");
    if (dist)
        (void)snprintf(folder, sizeof(folder), "%s/share/tyto/models", dist);
    if (argc > 1 || models)
        (void)snprintf(folder, sizeof(folder), "%s", argc > 1 ? argv[1] : models);
    must(tyto_gpu_create(&params, &gpu), "device");
    printf("device %s\n", tyto_gpu_get_info(gpu)->name);
    for (size_t i = 0; i < sizeof(picture); i++)
        picture[i] = (uint8_t)((i * 2654435761u) >> 24);
    for (int n = 0; n < SAMPLES; n++)
        sound[n] = (float)sin(1e-5 * n * n);
    mobilenet_make(&graph);

    const bool has_files = has_encoders(folder);
    if (!has_files)
        printf("no encoder files in %s: whole encoders are left out\n", folder);
    for (int k = 0; k < 2; k++) {
        bench_network(gpu, &graph, kinds[k], 1, "MobileNetV2-224, network alone");
        if (has_files)
            bench_encoders(gpu, folder, kinds[k], 1);
        if (kinds[k] != TYTO_EXEC_VULKAN || !tyto_gpu_get_info(gpu)->wants_groups)
            continue;
        bench_network(gpu, &graph, kinds[k], MAX_BATCH, "MobileNetV2-224, network alone");
        if (has_files)
            bench_encoders(gpu, folder, kinds[k], MAX_BATCH);
    }
    bench_resize();
    bench_log_mel();
    tyto_gpu_destroy(&gpu);
    return 0;
}
