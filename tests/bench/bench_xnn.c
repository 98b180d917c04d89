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
#include "model/executor/xnnpack.h"
#include "model/graph/file.h"
#include "tests/bench/mobilenet.h"

enum { NUM_RUNS = 60 };

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
        failed = tyto_executor_xnn_run(exec, input, &output, batch) != TYTO_OK;
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
    if (!file)
        mobilenet_make(made);
    const struct tyto_graph *graph = file ? &file->graph : made;
    const char *name = file ? file->source : "MobileNetV2-224";
    int failed = tyto_graph_check(graph, NULL, 0) != TYTO_OK;
    failed = failed || run(graph, name, 1, 1) || run(graph, name, 1, 8) || run(graph, name, 2, 1);
    tyto_encoder_file_destroy(&file);
    free(made);
    return failed;
}
