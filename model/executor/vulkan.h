/* SPDX-License-Identifier: MIT */
/* Runs a graph on a Vulkan device. Inner part of model/executor/executor.c. Rows of a
 * batch go through the network in groups that keep the device busy and the
 * intermediate values small; each group's plan is recorded once. */
#ifndef TYTO_MODEL_EXECUTOR_VULKAN_H
#define TYTO_MODEL_EXECUTOR_VULKAN_H

#include <stdint.h>

#include "base/err.h"
#include "model/graph/graph.h"
#include "shaders/runtime/gpu.h"

struct tyto_executor_vk;

/* graph passes tyto_graph_check; it and gpu are borrowed until destroy. Errors of
 * kernels and buffers; SHAPE when a layer is over a kernel's limit. */
TYTO_MUST_CHECK
enum tyto_err tyto_executor_vk_create(const struct tyto_graph *graph, struct tyto_gpu *gpu,
                                      uint32_t max_batch, struct tyto_executor_vk **ret_exec);
void tyto_executor_vk_destroy(struct tyto_executor_vk **exec);
/* (max_batch, H, W, C) f32 of value 0 and of tyto_graph_out(graph, idx). Borrowed. */
struct tyto_buf *tyto_executor_vk_input(const struct tyto_executor_vk *exec);
struct tyto_buf *tyto_executor_vk_output(const struct tyto_executor_vk *exec, uint32_t idx);
/* 1 <= batch <= max_batch, else INVALID. */
TYTO_MUST_CHECK
enum tyto_err tyto_executor_vk_run(struct tyto_executor_vk *exec, uint32_t batch);

#endif
