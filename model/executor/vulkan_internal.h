/* SPDX-License-Identifier: MIT */
/* What vulkan.c (weights, memory, plans) and vulkan_record.c (which kernel runs a step) share.
 * Internal. */
#ifndef TYTO_MODEL_EXECUTOR_VULKAN_INTERNAL_H
#define TYTO_MODEL_EXECUTOR_VULKAN_INTERNAL_H

#include "model/executor/memory.h"
#include "model/executor/vulkan.h"
#include "shaders/conv/conv.h"
#include "shaders/dwconv/dwconv.h"
#include "shaders/elementwise/elementwise.h"
#include "shaders/pool/pool.h"
#include "shaders/resize/resize.h"
#include "shaders/softmax/softmax.h"

enum { TYTO_VK_BIND_ALIGN_BYTES = 256 };

/* What a layer keeps on the device: at most one of these. */
struct tyto_vk_layer_weights {
    struct tyto_gemm_weights *gemm;
    struct tyto_dwconv_weights *dwconv;
    struct tyto_buf *scale; /* SCALE: weight, then bias at scale_bias_bytes */
};

struct tyto_executor_vk {
    const struct tyto_graph *graph; /* borrowed */
    struct tyto_gpu *gpu;           /* borrowed */
    uint32_t max_batch, group, num_groups;
    struct tyto_graph_plan layout;
    struct tyto_vk_layer_weights weights[TYTO_GRAPH_MAX_LAYERS];
    struct tyto_buf *slots[TYTO_GRAPH_MAX_VALUES + 1]; /* input's and output's: max_batch rows */
    struct tyto_plan **plans; /* owned (num_groups, group): rows of group g, its first n of them */
    struct tyto_gemm *gemm;
    struct tyto_conv *conv;
    struct tyto_dwconv *dwconv;
    struct tyto_pool *pool;
    struct tyto_resizer *resizer;
    struct tyto_elementwise *elementwise;
    struct tyto_softmax *softmax;
};

/* Rows of one group, on their way into a plan. */
struct tyto_vk_recording {
    struct tyto_executor_vk *exec;
    struct tyto_plan *plan;
    uint32_t first_row, num_rows;
};

/* Where a SCALE's bias lies behind its weight. */
static inline uint64_t tyto_vk_bias_offset_bytes(uint32_t channels)
{
    const uint64_t bytes = channels * sizeof(float);
    return (bytes + TYTO_VK_BIND_ALIGN_BYTES - 1) / TYTO_VK_BIND_ALIGN_BYTES *
           TYTO_VK_BIND_ALIGN_BYTES;
}

/* The input and the outputs have max_batch rows, other values those of one group. */
static inline bool tyto_vk_holds_all_rows(const struct tyto_graph *graph, uint32_t value_idx)
{
    return value_idx == 0 || tyto_graph_is_out(graph, value_idx);
}

/* Appends the step's dispatches to the plan. */
TYTO_MUST_CHECK
enum tyto_err tyto_vk_record_step(const struct tyto_vk_recording *rec,
                                  const struct tyto_exec_step *step);

#endif
