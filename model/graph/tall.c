/* SPDX-License-Identifier: MIT */
/* One network for two shapes of input: what must be the same in both graphs. */
#include <string.h>

#include "model/graph/file.h"
#include "model/graph/json.h"

/* Same op, inputs, output and weights; windows, strides and pads may differ. */
static bool same_layer(const struct tyto_encoder_file *file, const struct tyto_graph *tall,
                       uint32_t idx)
{
    const struct tyto_layer *a = &file->graph.layers[idx], *b = &tall->layers[idx];
    uint64_t a_dims[TYTO_WEIGHTS_MAX_DIMS], b_dims[TYTO_WEIGHTS_MAX_DIMS];
    uint32_t num_a = 0, num_b = 0;
    if (a->op != b->op || a->out_idx != b->out_idx || a->act != b->act ||
        tyto_layer_num_inputs(a) != tyto_layer_num_inputs(b) ||
        memcmp(a->in_idx, b->in_idx, tyto_layer_num_inputs(a) * sizeof(*a->in_idx)) != 0)
        return false;
    const bool weighs = tyto_layer_weight_dims(&file->graph, a, &num_a, a_dims);
    return weighs == tyto_layer_weight_dims(tall, b, &num_b, b_dims) &&
           (!weighs || (num_a == num_b && memcmp(a_dims, b_dims, num_a * sizeof(*a_dims)) == 0));
}

/* Every index is in range, so that layers may be compared. */
static bool indices_are_sound(const struct tyto_graph *tall)
{
    for (uint32_t i = 0; i < tall->num_layers; i++) {
        const struct tyto_layer *layer = &tall->layers[i];
        bool sound = layer->out_idx < tall->num_values;
        for (uint32_t j = 0; j < tyto_layer_num_inputs(layer); j++)
            sound &= layer->in_idx[j] < tall->num_values;
        if (!sound)
            return false;
    }
    return true;
}

const char *tyto_encoder_file_set_tall(struct tyto_encoder_file *file,
                                       const struct tyto_graph *tall,
                                       const struct tyto_detector *detector)
{
    const struct tyto_graph *graph = &file->graph;
    if (tall->num_layers != graph->num_layers || tall->num_values != graph->num_values ||
        tall->out_idx != graph->out_idx || tall->num_more_outs != graph->num_more_outs ||
        memcmp(tall->more_outs, graph->more_outs,
               graph->num_more_outs * sizeof(*graph->more_outs)) != 0 ||
        !indices_are_sound(tall))
        return "is another network than tyto.graph";
    for (uint32_t i = 0; i < tall->num_layers; i++)
        if (!same_layer(file, tall, i))
            return "has a layer that is not the same as tyto.graph's";
    const struct tyto_value *out = &graph->values[graph->out_idx];
    const struct tyto_value *tall_out = &tall->values[tall->out_idx];
    if ((uint64_t)tall_out->h * tall_out->w != (uint64_t)out->h * out->w || tall_out->c != out->c ||
        tall->values[0].c != graph->values[0].c)
        return "has not as many places or columns as tyto.graph";
    file->tall = *tall;
    for (uint32_t i = 0; i < tall->num_layers; i++) {
        file->tall.layers[i].weight = graph->layers[i].weight;
        file->tall.layers[i].bias = graph->layers[i].bias;
    }
    if (tyto_graph_check(&file->tall, NULL, 0))
        return "has shapes that do not follow from each other";
    if (file->has_detector && detector != &file->tall_detector)
        file->tall_detector = *detector;
    file->has_tall = true;
    return NULL;
}
