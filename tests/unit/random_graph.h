/* SPDX-License-Identifier: MIT */
/* Graphs drawn at random, for tests that compare ways to run them. Header only. */
#ifndef TYTO_TESTS_RANDOM_GRAPH_H
#define TYTO_TESTS_RANDOM_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph/graph.h"

enum { RANDOM_GRAPH_POOL = 1 << 16 };

static float random_graph_pool[RANDOM_GRAPH_POOL]; /* weights of all drawn graphs point into it */

static inline void random_graph_init(long seed)
{
    srand48(seed);
    for (size_t i = 0; i < RANDOM_GRAPH_POOL; i++)
        random_graph_pool[i] = (float)drand48() - 0.5f;
}

static inline uint32_t random_graph_draw(uint32_t num)
{
    return (uint32_t)lrand48() % num;
}

static inline uint32_t random_graph_side(uint32_t in, uint32_t kernel, uint32_t stride,
                                         uint32_t pads)
{
    return in + pads < kernel ? 0 : (in + pads - kernel) / stride + 1;
}

/* Appends a layer of op with drawn parameters; false when it cannot follow. */
static inline bool random_graph_append(struct tyto_graph *graph, enum tyto_layer_op op,
                                       uint32_t in_idx)
{
    struct tyto_layer layer = {.op = op, .in_idx = {in_idx}, .out_idx = graph->num_values};
    const struct tyto_value in = graph->values[in_idx];
    struct tyto_value out = in;
    layer.act = (enum tyto_act)random_graph_draw(TYTO_ACT_NUM);
    layer.act_slope = random_graph_draw(4) ? 0.2f : -1.5f;
    layer.has_clamp_min = random_graph_draw(3) == 0;
    layer.clamp_min = (float)drand48() - 0.5f;
    layer.weight = random_graph_pool + random_graph_draw(1000);
    layer.bias = random_graph_pool + random_graph_draw(1000);
    if (op == TYTO_LAYER_CONV || op == TYTO_LAYER_DWCONV || op == TYTO_LAYER_MAX_POOL ||
        op == TYTO_LAYER_AVG_POOL) {
        const bool is_pool = op == TYTO_LAYER_MAX_POOL || op == TYTO_LAYER_AVG_POOL;
        layer.kernel_h = 1 + random_graph_draw(4);
        layer.kernel_w = 1 + random_graph_draw(4);
        const bool one_tap = is_pool && layer.kernel_h * layer.kernel_w == 1;
        layer.stride_h = one_tap ? 1 : 1 + random_graph_draw(3);
        layer.stride_w = one_tap ? 1 : 1 + random_graph_draw(3);
        layer.pad_top = random_graph_draw(layer.kernel_h);
        layer.pad_bottom = random_graph_draw(layer.kernel_h);
        layer.pad_left = random_graph_draw(layer.kernel_w);
        layer.pad_right = random_graph_draw(layer.kernel_w);
        out.h = random_graph_side(in.h, layer.kernel_h, layer.stride_h,
                                  layer.pad_top + layer.pad_bottom);
        out.w = random_graph_side(in.w, layer.kernel_w, layer.stride_w,
                                  layer.pad_left + layer.pad_right);
        out.c = op == TYTO_LAYER_CONV ? 1 + random_graph_draw(20) : in.c;
    } else if (op == TYTO_LAYER_LINEAR) {
        out = (struct tyto_value){1, 1, 1 + random_graph_draw(30)};
    } else if (op == TYTO_LAYER_MEAN) {
        out = (struct tyto_value){1, 1, in.c};
    } else if (op == TYTO_LAYER_ADD) {
        for (uint32_t i = 0; i < graph->num_values; i++)
            if (memcmp(&graph->values[i], &in, sizeof(in)) == 0)
                layer.in_idx[1] = i;
        if (memcmp(&graph->values[layer.in_idx[1]], &in, sizeof(in)) != 0)
            return false;
    }
    if (!out.h || !out.w)
        return false;
    graph->values[graph->num_values++] = out;
    graph->layers[graph->num_layers++] = layer;
    graph->out_idx = layer.out_idx;
    return true;
}

#endif
