/* SPDX-License-Identifier: MIT */
/* What one run of an encoder costs on the CPU executor:
 *   bench_xnn [ENCODER.safetensors]
 * Without a file: MobileNetV2's shapes at 224x224 with made-up weights, which
 * cost the same. Best and median of many runs: of the clock, and of the CPU time
 * of the calling thread, which on a busy machine says more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/executor_xnn.h"
#include "model/graph_file.h"

enum { NUM_RUNS = 60, MAX_WEIGHTS = 1 << 19 };

static float made_up[MAX_WEIGHTS];

static uint32_t append(struct tyto_graph *graph, struct tyto_layer layer, uint32_t in_idx,
                       uint32_t out_c)
{
    const struct tyto_value in = graph->values[in_idx];
    const uint32_t stride = layer.stride_h ? layer.stride_h : 1;
    layer.in_idx[0] = in_idx;
    layer.out_idx = graph->num_values;
    layer.kernel_w = layer.kernel_h;
    layer.stride_w = layer.stride_h;
    if (layer.kernel_h == 3) { /* SAME, even sides */
        layer.pad_bottom = layer.pad_right = 1;
        layer.pad_top = layer.pad_left = stride == 1 ? 1 : 0;
    }
    layer.weight = layer.bias = made_up;
    graph->values[graph->num_values++] = (struct tyto_value){in.h / stride, in.w / stride, out_c};
    graph->layers[graph->num_layers++] = layer;
    graph->out_idx = layer.out_idx;
    return layer.out_idx;
}

/* Sandler et al., MobileNetV2 (CVPR 2018), table 2, without its classifier. */
static void make_mobilenet(struct tyto_graph *graph)
{
    static const uint32_t rows[][4] = {/* expansion, channels, repeats, stride */
                                       {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                       {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const struct tyto_layer wide = {
        .op = TYTO_LAYER_CONV, .kernel_h = 1, .stride_h = 1, .act = TYTO_ACT_RELU6};
    const struct tyto_layer first = {
        .op = TYTO_LAYER_CONV, .kernel_h = 3, .stride_h = 2, .act = TYTO_ACT_RELU6};
    graph->values[graph->num_values++] = (struct tyto_value){224, 224, 3};
    uint32_t value = append(graph, first, 0, 32);
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
        for (uint32_t i = 0; i < rows[r][2]; i++) {
            const uint32_t in = value, in_c = graph->values[in].c, c = in_c * rows[r][0];
            const uint32_t stride = i == 0 ? rows[r][3] : 1;
            struct tyto_layer narrow = wide, depthwise = wide;
            narrow.act = TYTO_ACT_NONE;
            depthwise.op = TYTO_LAYER_DWCONV;
            depthwise.kernel_h = 3;
            depthwise.stride_h = stride;
            if (rows[r][0] > 1)
                value = append(graph, wide, value, c);
            value = append(graph, depthwise, value, c);
            value = append(graph, narrow, value, rows[r][1]);
            if (stride == 1 && in_c == rows[r][1]) {
                struct tyto_layer add = {.op = TYTO_LAYER_ADD, .in_idx = {0, in}};
                value = append(graph, add, value, rows[r][1]);
                graph->layers[graph->num_layers - 1].in_idx[1] = in;
            }
        }
    append(graph, wide, value, 1280);
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int run(const struct tyto_graph *graph, const char *name, uint32_t num_threads,
               uint32_t batch)
{
    const struct tyto_value *in = &graph->values[0], *out = &graph->values[graph->out_idx];
    const size_t num_in = (size_t)in->h * in->w * in->c * batch;
    float *input = calloc(num_in, sizeof(*input));
    float *output = calloc((size_t)out->h * out->w * out->c * batch, sizeof(*output));
    struct tyto_executor_xnn *exec = NULL;
    uint64_t times_ns[NUM_RUNS], cpu_ns[NUM_RUNS];
    int failed = !input || !output || tyto_executor_xnn_create(graph, batch, num_threads, &exec);
    for (size_t i = 0; !failed && i < num_in; i++)
        input[i] = (float)(i % 255) / 127.5f - 1.0f;
    for (int i = 0; !failed && i < NUM_RUNS; i++) {
        const uint64_t begin_ns = tyto_clock_mono_ns(), cpu_begin_ns = tyto_clock_cpu_ns();
        failed = tyto_executor_xnn_run(exec, input, output, batch) != TYTO_OK;
        cpu_ns[i] = (tyto_clock_cpu_ns() - cpu_begin_ns) / batch;
        times_ns[i] = (tyto_clock_mono_ns() - begin_ns) / batch;
    }
    if (!failed) {
        qsort(times_ns, NUM_RUNS, sizeof(times_ns[0]), compare);
        qsort(cpu_ns, NUM_RUNS, sizeof(cpu_ns[0]), compare);
        const double best_ms = (double)times_ns[0] / 1e6;
        printf("%s: %u thread%s, batch %u: best %.2f ms an item, median %.2f, CPU %.2f; %.1f "
               "GFLOP/s\n",
               name, num_threads, num_threads == 1 ? "" : "s", batch, best_ms,
               (double)times_ns[NUM_RUNS / 2] / 1e6, (double)cpu_ns[0] / 1e6,
               2e-6 * (double)tyto_graph_num_macs(graph) / best_ms);
    }
    tyto_executor_xnn_destroy(&exec);
    free(input);
    free(output);
    return failed;
}

int main(int argc, char **argv)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    struct tyto_graph *made = calloc(1, sizeof(*made));
    if (!made)
        return 1;
    if (argc > 1 && tyto_encoder_file_read(argv[1], &file, &fault)) {
        fprintf(stderr, "%s: %s\n", argv[1], fault.text);
        free(made);
        return 1;
    }
    for (size_t i = 0; i < MAX_WEIGHTS; i++)
        made_up[i] = (float)((i * 2654435761u) % 1000) / 5000.0f - 0.1f;
    if (!file)
        make_mobilenet(made);
    const struct tyto_graph *graph = file ? &file->graph : made;
    const char *name = file ? file->source : "MobileNetV2-224";
    int failed = tyto_graph_check(graph, NULL, 0) != TYTO_OK;
    failed = failed || run(graph, name, 1, 1) || run(graph, name, 1, 8) || run(graph, name, 2, 1);
    tyto_encoder_file_destroy(&file);
    free(made);
    return failed;
}
