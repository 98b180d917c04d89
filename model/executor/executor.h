/* SPDX-License-Identifier: MIT */
/* Runs a graph by one of two executors that agree: Vulkan (any device), or XNNPACK (machines
 * without a GPU). Not the encoders' front ends: those are model/encoder's. */
#ifndef TYTO_MODEL_EXECUTOR_EXECUTOR_H
#define TYTO_MODEL_EXECUTOR_EXECUTOR_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/words.h"
#include "model/graph/graph.h"
#include "shaders/runtime/gpu.h"

/* What runs an encoder. */
#define TYTO_EXEC_LIST(X)                                                                          \
    X(TYTO_EXEC_AUTO, "auto", "vulkan on a GPU, else cpu")                                         \
    X(TYTO_EXEC_VULKAN, "vulkan", "the kernels of shaders/, also on a software driver")            \
    X(TYTO_EXEC_CPU, "cpu", "XNNPACK")
enum tyto_exec { TYTO_EXEC_LIST(TYTO_WORD_ENUM) };

struct tyto_executor_params {
    const struct tyto_graph *graph; /* borrowed until the executor is destroyed, weights too */
    struct tyto_gpu *gpu;           /* borrowed likewise; outputs live there */
    enum tyto_exec exec;
    uint32_t max_batch;
    uint32_t num_threads; /* CPU only; 0: all cores */
    const struct tyto_log *log;
};

struct tyto_executor;

TYTO_MUST_CHECK
enum tyto_err tyto_executor_create(const struct tyto_executor_params *params,
                                   struct tyto_executor **ret_exec);
void tyto_executor_destroy(struct tyto_executor **exec);
enum tyto_exec tyto_executor_kind(const struct tyto_executor *exec); /* never AUTO */
/* (max_batch, H, W, C) f32 of value 0: an UPLOAD buffer when the executor is
 * CPU (write through tyto_buf_map), a DEVICE buffer when it is VULKAN. Borrowed. */
struct tyto_buf *tyto_executor_input(const struct tyto_executor *exec);
/* (max_batch, H, W, C) f32 of the graph's output. Borrowed. */
const struct tyto_buf *tyto_executor_output(const struct tyto_executor *exec);
/* The same of tyto_graph_out(graph, idx), idx below tyto_graph_num_outs. */
const struct tyto_buf *tyto_executor_output_at(const struct tyto_executor *exec, uint32_t idx);
/* The first output, for who puts its rows in another order. */
struct tyto_buf *tyto_executor_output_rows(struct tyto_executor *exec);
/* Runs the first `batch` rows of the input buffer; the outputs are ready on return. */
TYTO_MUST_CHECK
enum tyto_err tyto_executor_run(struct tyto_executor *exec, uint32_t batch);

#endif
