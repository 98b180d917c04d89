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

/* Inputs of CONCAT and STACK: in_idx and some other values that fit beside it. */
static inline struct tyto_value random_graph_parts(const struct tyto_graph *graph,
                                                   struct tyto_layer *layer)
{
    const struct tyto_value first = graph->values[layer->in_idx[0]];
    const bool beside = layer->op == TYTO_LAYER_CONCAT;
    uint64_t floats = tyto_value_num_floats(&first);
    layer->num_ins = 1;
    for (uint32_t tries = random_graph_draw(6); tries > 0; tries--) {
        const uint32_t idx = random_graph_draw(graph->num_values);
        const struct tyto_value *value = &graph->values[idx];
        if (beside && (value->h != first.h || value->w != first.w))
            continue;
        layer->in_idx[layer->num_ins++] = idx;
        floats += tyto_value_num_floats(value);
    }
    if (beside)
        return (struct tyto_value){first.h, first.w, (uint32_t)(floats / first.h / first.w)};
    const uint32_t h = floats % 3 ? 1 : 3;
    return (struct tyto_value){h, 1, (uint32_t)(floats / h)};
}

/* Gives up to three values besides the last one. */
static inline void random_graph_more_outs(struct tyto_graph *graph)
{
    graph->num_more_outs = 0;
    for (uint32_t tries = random_graph_draw(TYTO_GRAPH_MAX_OUTS); tries > 0; tries--) {
        const uint32_t idx = random_graph_draw(graph->num_values);
        if (idx > 0 && !tyto_graph_is_out(graph, idx))
            graph->more_outs[graph->num_more_outs++] = idx;
    }
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
    } else if (op == TYTO_LAYER_CONCAT || op == TYTO_LAYER_STACK) {
        out = random_graph_parts(graph, &layer);
    } else if (op == TYTO_LAYER_RESIZE) {
        layer.resize = (enum tyto_resize)random_graph_draw(TYTO_RESIZE_NUM);
        out = (struct tyto_value){1 + random_graph_draw(12), 1 + random_graph_draw(12), in.c};
    } else if (op == TYTO_LAYER_ADD) {
        for (uint32_t i = 0; i < graph->num_values; i++)
            if (memcmp(&graph->values[i], &in, sizeof(in)) == 0)
                layer.in_idx[1] = i;
        if (memcmp(&graph->values[layer.in_idx[1]], &in, sizeof(in)) != 0)
            return false;
    } else if (op == TYTO_LAYER_MUL) {
        const struct tyto_value factors = {1, 1, in.c};
        bool has_factors = false;
        for (uint32_t i = 0; i < graph->num_values; i++)
            if (memcmp(&graph->values[i], &factors, sizeof(factors)) == 0) {
                layer.in_idx[1] = i;
                has_factors = true;
            }
        if (!has_factors && !random_graph_append(graph, TYTO_LAYER_MEAN, in_idx))
            return false;
        if (!has_factors)
            layer.in_idx[1] = graph->out_idx;
        layer.out_idx = graph->num_values;
    }
    graph->values[graph->num_values] = out;
    if (!out.h || !out.w || tyto_layer_num_weights(graph, &layer) > RANDOM_GRAPH_POOL - 1000 ||
        out.c > RANDOM_GRAPH_POOL - 1000)
        return false;
    graph->num_values++;
    graph->layers[graph->num_layers++] = layer;
    graph->out_idx = layer.out_idx;
    return true;
}

#endif
