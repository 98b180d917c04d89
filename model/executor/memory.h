/* SPDX-License-Identifier: MIT */
/* From a graph to what a device does: sums taken into the convolution before
 * them, and values laid into as few buffers ("slots") as their lives allow. Pure
 * arithmetic, no device. */
#ifndef TYTO_MODEL_EXECUTOR_MEMORY_H
#define TYTO_MODEL_EXECUTOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/graph/graph.h"

#define TYTO_NO_VALUE UINT32_MAX
#define TYTO_NO_SLOT UINT32_MAX

/* A layer with the sum after it, when that could be taken in. */
struct tyto_step {
    uint32_t layer_idx;
    uint32_t in_idx;       /* first input */
    uint32_t residual_idx; /* added before act; TYTO_NO_VALUE: none. ADD: its second input */
    uint32_t out_idx;
    enum tyto_act act;
    float act_slope, clamp_min;
    bool has_clamp_min;
};

struct tyto_graph_plan {
    uint32_t num_steps, num_slots;
    struct tyto_step steps[TYTO_GRAPH_MAX_LAYERS];
    uint32_t slot_of[TYTO_GRAPH_MAX_VALUES];         /* TYTO_NO_SLOT: value is never made */
    uint64_t slot_floats[TYTO_GRAPH_MAX_VALUES + 1]; /* of one item */
};

/* graph passes tyto_graph_check. Two values share a slot only when no step needs
 * both; input and outputs have slots of their own. Cannot fail. */
void tyto_graph_plan_make(const struct tyto_graph *graph, struct tyto_graph_plan *ret_plan);

#endif
