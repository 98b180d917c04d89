/* SPDX-License-Identifier: MIT */
#include "model/graph/stretch.h"

#include <stddef.h>

/* Whether the layer sees rows only through a window that moves by stride_h. */
static bool slides(const struct tyto_layer *layer, uint32_t *ret_kernel, uint32_t *ret_stride)
{
    *ret_kernel = *ret_stride = 1;
    switch (layer->op) {
    case TYTO_LAYER_CONV:
    case TYTO_LAYER_DWCONV:
    case TYTO_LAYER_MAX_POOL:
    case TYTO_LAYER_AVG_POOL:
        *ret_kernel = layer->kernel_h;
        *ret_stride = layer->stride_h;
        return layer->pad_top == 0 && layer->pad_bottom == 0;
    case TYTO_LAYER_ADD:
    case TYTO_LAYER_ACTIVATION:
    case TYTO_LAYER_SOFTMAX:
    case TYTO_LAYER_SCALE:
        return true;
    case TYTO_LAYER_LINEAR:
    case TYTO_LAYER_MUL: /* its second input is of all rows */
    case TYTO_LAYER_MEAN:
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
    case TYTO_LAYER_RESIZE:
    case TYTO_LAYER_NUM_OPS:
        break;
    }
    return false;
}

bool tyto_graph_stretch(const struct tyto_graph *graph, uint32_t num_windows, uint32_t hop,
                        struct tyto_graph *ret_graph)
{
    uint64_t stride_of[TYTO_GRAPH_MAX_VALUES] = {1}; /* input rows for each row of a value */
    const struct tyto_value *in = &graph->values[0], *out = &graph->values[graph->out_idx];

    if (num_windows == 0 || hop == 0 || graph->num_more_outs > 0 || out->h != 1 || out->w != 1)
        return false;
    struct tyto_graph tall = *graph;
    tall.values[0].h = in->h + (num_windows - 1) * hop;
    for (uint32_t l = 0; l < graph->num_layers; l++) {
        const struct tyto_layer *layer = &graph->layers[l];
        const struct tyto_value *from = &tall.values[layer->in_idx[0]];
        uint32_t kernel = 0, stride = 0;
        if (!slides(layer, &kernel, &stride) || from->h < kernel)
            return false;
        if (layer->op == TYTO_LAYER_ADD &&
            stride_of[layer->in_idx[0]] != stride_of[layer->in_idx[1]])
            return false;
        tall.values[layer->out_idx].h = (from->h - kernel) / stride + 1;
        stride_of[layer->out_idx] = stride_of[layer->in_idx[0]] * stride;
        if (hop % stride_of[layer->out_idx] != 0)
            return false;
    }
    if (stride_of[graph->out_idx] != hop || tall.values[graph->out_idx].h != num_windows ||
        tyto_graph_check(&tall, NULL, 0) != TYTO_OK)
        return false;
    *ret_graph = tall;
    return true;
}
