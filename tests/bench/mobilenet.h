/* SPDX-License-Identifier: MIT */
/* MobileNetV2's shapes at 224x224 with made-up weights, which cost the same as
 * trained ones. Header only. */
#ifndef TYTO_TESTS_MOBILENET_H
#define TYTO_TESTS_MOBILENET_H

#include <stddef.h>

#include "model/graph/graph.h"

enum { MOBILENET_MAX_WEIGHTS = 1 << 19 };

static float mobilenet_weights[MOBILENET_MAX_WEIGHTS];

static inline uint32_t mobilenet_append(struct tyto_graph *graph, struct tyto_layer layer,
                                        uint32_t in_idx, uint32_t out_c)
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
    layer.weight = layer.bias = mobilenet_weights;
    graph->values[graph->num_values++] = (struct tyto_value){in.h / stride, in.w / stride, out_c};
    graph->layers[graph->num_layers++] = layer;
    graph->out_idx = layer.out_idx;
    return layer.out_idx;
}

/* Sandler et al., MobileNetV2 (CVPR 2018), table 2, without its classifier. */
static inline void mobilenet_make(struct tyto_graph *graph)
{
    for (size_t i = 0; i < MOBILENET_MAX_WEIGHTS; i++)
        mobilenet_weights[i] = (float)((i * 2654435761u) % 1000) / 5000.0f - 0.1f;

    static const uint32_t rows[][4] = {/* expansion, channels, repeats, stride */
                                       {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                       {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const struct tyto_layer wide = {
        .op = TYTO_LAYER_CONV, .kernel_h = 1, .stride_h = 1, .act = TYTO_ACT_RELU6};
    const struct tyto_layer first = {
        .op = TYTO_LAYER_CONV, .kernel_h = 3, .stride_h = 2, .act = TYTO_ACT_RELU6};
    graph->values[graph->num_values++] = (struct tyto_value){224, 224, 3};
    uint32_t value = mobilenet_append(graph, first, 0, 32);
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
                value = mobilenet_append(graph, wide, value, c);
            value = mobilenet_append(graph, depthwise, value, c);
            value = mobilenet_append(graph, narrow, value, rows[r][1]);
            if (stride == 1 && in_c == rows[r][1]) {
                struct tyto_layer add = {.op = TYTO_LAYER_ADD, .in_idx = {0, in}};
                value = mobilenet_append(graph, add, value, rows[r][1]);
                graph->layers[graph->num_layers - 1].in_idx[1] = in;
            }
        }
    mobilenet_append(graph, wide, value, 1280);
}

#endif
