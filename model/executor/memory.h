/* SPDX-License-Identifier: MIT */
/* From a graph to what a device does: sums taken into the convolution before them, when each value
 * lives, and where it lies. There are two ways to lay values: into as few buffers ("slots") as
 * their lives allow, for devices whose buffers have a largest size; and side by side in one block,
 * which takes less (a third less for MobileNetV2), for a CPU. Pure arithmetic, no device. */
#ifndef TYTO_MODEL_EXECUTOR_MEMORY_H
#define TYTO_MODEL_EXECUTOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/graph/graph.h"

#define TYTO_NO_VALUE UINT32_MAX
#define TYTO_NO_SLOT UINT32_MAX

/* A layer with the sum after it, when that could be taken in. */
struct tyto_exec_step {
    uint32_t layer_idx;
    uint32_t in_idx;       /* first input */
    uint32_t residual_idx; /* added before act; TYTO_NO_VALUE: none. ADD, MUL: the second input */
    uint32_t out_idx;
    enum tyto_act act;
    float act_slope, clamp_min;
    bool has_clamp_min;
};

/* When a value is there, counted in steps from 1: from the one that makes it to the last that reads
 * it, both included. The input is there from 0 on, an output to the end; a value that no step makes
 * lives from UINT32_MAX on. Two values whose lives meet may not share memory. */
struct tyto_lives {
    uint32_t born[TYTO_GRAPH_MAX_VALUES], dies[TYTO_GRAPH_MAX_VALUES];
};

struct tyto_graph_plan {
    uint32_t num_steps, num_slots;
    struct tyto_exec_step steps[TYTO_GRAPH_MAX_LAYERS];
    struct tyto_lives lives;
    uint32_t slot_of[TYTO_GRAPH_MAX_VALUES];         /* TYTO_NO_SLOT: value is never made */
    uint64_t slot_floats[TYTO_GRAPH_MAX_VALUES + 1]; /* of one item */
};

/* Steps with sums taken in, and slots: each output has one of its own, and so has the input. graph
 * passes tyto_graph_check. Cannot fail. */
void tyto_graph_plan_make(const struct tyto_graph *graph, struct tyto_graph_plan *ret_plan);

struct tyto_block_plan {
    uint64_t offsets[TYTO_GRAPH_MAX_VALUES]; /* floats, multiples of align_floats */
    uint64_t num_floats;                     /* of the whole block */
};

/* One block for a step per layer and batch items at a time; after its last reader the input's place
 * is used again. graph passes tyto_graph_check; align_floats > 0. Cannot fail. */
void tyto_block_plan_make(const struct tyto_graph *graph, uint32_t batch, uint32_t align_floats,
                          struct tyto_block_plan *ret_plan);

#endif
