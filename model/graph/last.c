/* SPDX-License-Identifier: MIT */
#include "model/graph/last.h"

#include <stddef.h>

struct tyto_layer *tyto_graph_last(struct tyto_graph *graph)
{
    struct tyto_layer *last = graph->num_layers > 0 ? &graph->layers[graph->num_layers - 1] : NULL;

    if (!last || last->op != TYTO_LAYER_CONV || last->out_idx != graph->out_idx ||
        last->out_idx != graph->num_values - 1 || last->kernel_h != 1 || last->kernel_w != 1 ||
        last->stride_h != 1 || last->stride_w != 1 || last->pad_top || last->pad_left ||
        last->pad_bottom || last->pad_right || last->has_clamp_min || last->act > TYTO_ACT_RELU6)
        return NULL;
    return last;
}

enum tyto_err tyto_graph_cut_last(struct tyto_graph *graph)
{
    const struct tyto_layer *last = tyto_graph_last(graph);

    if (!last || last->in_idx[0] == 0)
        return TYTO_ERR_UNSUPPORTED;
    graph->out_idx = last->in_idx[0];
    graph->num_layers--;
    graph->num_values--;
    return TYTO_OK;
}
