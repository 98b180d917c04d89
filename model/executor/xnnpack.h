/* SPDX-License-Identifier: MIT */
/* Runs a graph on the CPU by XNNPACK. Inner part of model/executor/executor.c: plain host
 * memory in and out, no GPU. */
#ifndef TYTO_MODEL_EXECUTOR_XNNPACK_H
#define TYTO_MODEL_EXECUTOR_XNNPACK_H

#include <stdint.h>

#include "base/err.h"
#include "model/graph/graph.h"

struct tyto_executor_xnn;

/* graph passes tyto_graph_check; it may go away after create, weights are packed into a copy.
 * num_threads 0: all cores; 1: the calling thread only. NOMEM, UNSUPPORTED (this CPU lacks what
 * XNNPACK needs, or a layer has parameters that XNNPACK refuses). */
TYTO_MUST_CHECK
enum tyto_err tyto_executor_xnn_create(const struct tyto_graph *graph, uint32_t max_batch,
                                       uint32_t num_threads, struct tyto_executor_xnn **ret_exec);
void tyto_executor_xnn_destroy(struct tyto_executor_xnn **exec);

/* input (batch, H, W, C) of value 0, outputs[i] (batch, H, W, C) of tyto_graph_out(graph, i), all
 * f32 and borrowed for the call. 1 <= batch <= max_batch, else INVALID. Allocates nothing; one
 * thread at a time. */
TYTO_MUST_CHECK
enum tyto_err tyto_executor_xnn_run(struct tyto_executor_xnn *exec, const float *input,
                                    float *const *outputs, uint32_t batch);

#endif
