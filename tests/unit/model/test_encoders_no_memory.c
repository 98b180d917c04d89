/* SPDX-License-Identifier: MIT */
/* Every allocation of executors and front ends, and of the Vulkan runtime below
 * them, fails once, in turn: TYTO_ERR_NOMEM, no leak, and no crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/encoder/encoder.h"
#include "model/encoder/log_mel_cpu.h"
#include "model/encoder/resize_cpu.h"
#include "model/encoder/visual_front.h"
#include "tests/unit/fail_alloc.h"

static struct tyto_gpu *gpu;
static float values[4096];

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        values[i] = (float)(i % 7) / 8;
    return tyto_gpu_create(&params, &gpu) != TYTO_OK;
}

static int close_gpu(void **state)
{
    (void)state;
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);
    tyto_gpu_destroy(&gpu);
    return num_messages != 0;
}

/* One layer of each kind of weights, and one without. */
static void make_graph(struct tyto_graph *graph)
{
    const struct tyto_layer conv = {.op = TYTO_LAYER_CONV,
                                    .kernel_h = 1,
                                    .kernel_w = 1,
                                    .stride_h = 1,
                                    .stride_w = 1,
                                    .weight = values,
                                    .bias = values};
    *graph = (struct tyto_graph){.num_values = 5, .num_layers = 4, .out_idx = 4};
    for (uint32_t i = 0; i < 5; i++)
        graph->values[i] = (struct tyto_value){4, 4, 8};
    for (uint32_t i = 0; i < 4; i++) {
        graph->layers[i] = conv;
        graph->layers[i].in_idx[0] = i;
        graph->layers[i].out_idx = i + 1;
    }
    graph->layers[1].op = TYTO_LAYER_DWCONV;
    graph->layers[2].op = TYTO_LAYER_SCALE;
    graph->layers[3].op = TYTO_LAYER_MAX_POOL;
}

static enum tyto_err run_graph(enum tyto_exec kind)
{
    static struct tyto_graph graph;
    struct tyto_executor *exec = NULL;
    make_graph(&graph);
    const struct tyto_executor_params params = {
        .graph = &graph, .gpu = gpu, .exec = kind, .max_batch = 2, .num_threads = 1};
    enum tyto_err err = tyto_executor_create(&params, &exec);
    assert_true((!err) == (exec != NULL));
    if (!err)
        err = tyto_executor_run(exec, 2);
    tyto_executor_destroy(&exec);
    return err;
}

static enum tyto_err run_on_vulkan(void)
{
    return run_graph(TYTO_EXEC_VULKAN);
}

static enum tyto_err run_on_cpu(void)
{
    return run_graph(TYTO_EXEC_CPU);
}

static struct tyto_frame small_frame(void)
{
    static const uint8_t bytes[64 * 64 * 3];

    return (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                               .width = 64,
                               .height = 64,
                               .planes = {bytes},
                               .strides_bytes = {192}};
}

static enum tyto_err resize_in_plain_c(void)
{
    const struct tyto_image_resize_shape shape = {.out_w = 5, .out_h = 5, .scale = {1, 1, 1}};
    const struct tyto_frame frame = small_frame();
    struct tyto_image_resize_cpu *resize = NULL;
    float out[75];
    enum tyto_err err = tyto_image_resize_cpu_create(&shape, &resize);
    if (!err)
        err = tyto_image_resize_cpu_run(resize, &frame, out);
    tyto_image_resize_cpu_destroy(&resize);
    return err;
}

static enum tyto_err resize_on_vulkan(void)
{
    const struct tyto_image_resize_shape shape = {.out_w = 5, .out_h = 5, .scale = {1, 1, 1}};
    const struct tyto_frame frame = small_frame();
    struct tyto_visual_front *front = NULL;
    struct tyto_buf *out = NULL;
    enum tyto_err err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, 75 * sizeof(float), &out);
    if (!err)
        err = tyto_visual_front_create(gpu, &shape, out, &front);
    if (!err)
        err = tyto_visual_front_run(front, &frame, 1);
    tyto_visual_front_destroy(&front);
    tyto_buf_destroy(&out);
    return err;
}

static const struct tyto_log_mel_shape mel_shape = {.num_samples = 256,
                                                    .fft = 64,
                                                    .window_len = 64,
                                                    .hop = 32,
                                                    .num_mel = 4,
                                                    .window = values,
                                                    .mel = values,
                                                    .form = TYTO_LOG_FORM_LN_MAGNITUDE,
                                                    .pcm_scale = 1,
                                                    .floor = 1,
                                                    .post_scale = 1};

static enum tyto_err log_mel_in_plain_c(void)
{
    struct tyto_log_mel_cpu *mel = NULL;
    float out[7 * 4];
    const enum tyto_err err = tyto_log_mel_cpu_create(&mel_shape, &mel);
    if (!err)
        tyto_log_mel_cpu_run(mel, values, out);
    tyto_log_mel_cpu_destroy(&mel);
    return err;
}

static enum tyto_err log_mel_on_vulkan(void)
{
    struct tyto_log_mel *mel = NULL;
    const enum tyto_err err = tyto_log_mel_create(gpu, &mel_shape, 1, &mel);
    tyto_log_mel_destroy(&mel);
    return err;
}

static void executors_survive_every_failed_allocation(void **state)
{
    (void)state;
    fail_each(run_on_cpu, 4);
    fail_each(run_on_vulkan, 20);
}

static void front_ends_survive_every_failed_allocation(void **state)
{
    (void)state;
    fail_each(resize_in_plain_c, 5);
    fail_each(log_mel_in_plain_c, 5);
    fail_each(resize_on_vulkan, 5);
    fail_each(log_mel_on_vulkan, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executors_survive_every_failed_allocation),
        cmocka_unit_test(front_ends_survive_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
