/* SPDX-License-Identifier: MIT */
/* The last step of every import: what can be said in one layer is. An activation
 * goes into the layer before it, a scale (batch normalisation) into the weights
 * before it, if nobody else reads the value between. */
#include <string.h>

#include "model/import/common/build.h"

static const uint32_t no_layer = UINT32_MAX;

struct uses {
    uint32_t num_readers[TYTO_BUILD_MAX_LAYERS + 1];
    uint32_t producer[TYTO_BUILD_MAX_LAYERS + 1]; /* layer, or no_layer */
};

static void count_uses(const struct tyto_build *build, const struct tyto_build_outs *outs,
                       struct uses *uses)
{
    memset(uses->num_readers, 0, sizeof(uses->num_readers));
    memset(uses->producer, 0xff, sizeof(uses->producer));
    for (uint32_t i = 0; i < build->num_layers; i++) {
        const struct tyto_layer *layer = &build->layers[i];
        for (uint32_t j = 0; j < tyto_layer_num_inputs(layer); j++)
            uses->num_readers[layer->in_idx[j]]++;
        uses->producer[layer->out_idx] = i;
    }
    for (uint32_t i = 0; i < outs->num; i++)
        uses->num_readers[outs->values[i]]++;
}

/* before: (act, clamp), after: (act, clamp). Can one layer say both? */
static bool fuse_activation(struct tyto_layer *before, const struct tyto_layer *after)
{
    const bool relu = before->act == TYTO_ACT_RELU && !before->has_clamp_min;
    if (relu && (after->act == TYTO_ACT_RELU || after->act == TYTO_ACT_RELU6)) {
        before->act = after->act; /* relu6(relu(x)) = relu6(x) */
    } else if (after->act != TYTO_ACT_NONE) {
        if (before->act != TYTO_ACT_NONE || before->has_clamp_min)
            return false;
        before->act = after->act;
        before->act_slope = after->act_slope;
    }
    if (after->has_clamp_min) {
        if (before->has_clamp_min)
            return false;
        before->has_clamp_min = true;
        before->clamp_min = after->clamp_min;
    }
    return true;
}

/* Weights of a build are never shared between layers, so they may be changed. */
static float *writable(const float *values)
{
    return (float *)(uintptr_t)values;
}

static bool fuse_scale(const struct tyto_build *build, struct tyto_layer *before,
                       const struct tyto_layer *after)
{
    if ((before->op != TYTO_LAYER_CONV && before->op != TYTO_LAYER_DWCONV &&
         before->op != TYTO_LAYER_LINEAR && before->op != TYTO_LAYER_SCALE) ||
        before->act != TYTO_ACT_NONE || before->has_clamp_min)
        return false;
    const struct tyto_value *in = &build->values[before->in_idx[0]];
    const uint64_t out_c = build->values[before->out_idx].c;
    const uint64_t taps = (uint64_t)before->kernel_h * before->kernel_w;
    const bool channel_last = before->op == TYTO_LAYER_DWCONV || before->op == TYTO_LAYER_SCALE;
    const uint64_t row = before->op == TYTO_LAYER_CONV ? taps * in->c
                         : before->op == TYTO_LAYER_LINEAR
                             ? (uint64_t)in->h * in->w * in->c
                             : (before->op == TYTO_LAYER_DWCONV ? taps : 1);
    float *weight = writable(before->weight), *bias = writable(before->bias);
    for (uint64_t i = 0; i < row * out_c; i++)
        weight[i] *= after->weight[channel_last ? i % out_c : i / row];
    for (uint64_t o = 0; o < out_c; o++)
        bias[o] = bias[o] * after->weight[o] + after->bias[o];
    before->act = after->act;
    before->act_slope = after->act_slope;
    before->has_clamp_min = after->has_clamp_min;
    before->clamp_min = after->clamp_min;
    return true;
}

static void remove_layer(struct tyto_build *build, uint32_t layer_idx)
{
    build->num_layers--;
    memmove(&build->layers[layer_idx], &build->layers[layer_idx + 1],
            (build->num_layers - layer_idx) * sizeof(build->layers[0]));
}

/* One pass; true when something was fused. */
static bool fuse_one(struct tyto_build *build, const struct tyto_build_outs *outs,
                     struct uses *uses)
{
    count_uses(build, outs, uses);
    for (uint32_t i = 0; i < build->num_layers; i++) {
        const struct tyto_layer *layer = &build->layers[i];
        const uint32_t producer = uses->producer[layer->in_idx[0]];
        if (producer == no_layer || uses->num_readers[layer->in_idx[0]] != 1)
            continue;
        struct tyto_layer *before = &build->layers[producer];
        const bool fused = layer->op == TYTO_LAYER_ACTIVATION ? fuse_activation(before, layer)
                           : layer->op == TYTO_LAYER_SCALE    ? fuse_scale(build, before, layer)
                                                              : false;
        if (!fused)
            continue;
        before->out_idx = layer->out_idx;
        remove_layer(build, i);
        return true;
    }
    return false;
}

/* Renumbers the values that are left. Layers were appended in order of dependence;
 * fusing keeps that, since a fused layer had one reader only. */
static enum tyto_err move_graph(struct tyto_build *build, const struct tyto_build_outs *outs)
{
    struct tyto_graph *graph = &build->file->graph;
    uint32_t renamed[TYTO_BUILD_MAX_LAYERS + 1] = {0};
    if (build->num_layers > TYTO_GRAPH_MAX_LAYERS)
        return tyto_build_fail(build, TYTO_ERR_SHAPE, "%u layers, the limit is %d",
                               build->num_layers, TYTO_GRAPH_MAX_LAYERS);
    graph->values[0] = build->values[0];
    graph->num_values = 1;
    for (uint32_t i = 0; i < build->num_layers; i++) {
        struct tyto_layer *layer = &graph->layers[i];
        *layer = build->layers[i];
        for (uint32_t j = 0; j < tyto_layer_num_inputs(layer); j++)
            layer->in_idx[j] = renamed[layer->in_idx[j]];
        renamed[layer->out_idx] = graph->num_values;
        graph->values[graph->num_values] = build->values[layer->out_idx];
        layer->out_idx = graph->num_values++;
    }
    graph->num_layers = build->num_layers;
    graph->out_idx = renamed[outs->values[0]];
    graph->num_more_outs = outs->num - 1;
    for (uint32_t i = 1; i < outs->num; i++)
        graph->more_outs[i - 1] = renamed[outs->values[i]];
    return TYTO_OK;
}

enum tyto_err tyto_build_finish(struct tyto_build *build, const struct tyto_build_outs *outs,
                                struct tyto_encoder_file **ret_file)
{
    struct uses uses;
    build->op = build->node = "";
    while (fuse_one(build, outs, &uses))
        ;
    const enum tyto_err err = move_graph(build, outs);
    if (err)
        return err;
    char text[256] = "";
    const enum tyto_err wrong = tyto_graph_check(&build->file->graph, text, sizeof(text));
    if (wrong)
        return tyto_build_fail(build, wrong, "%s", text);
    *ret_file = build->file;
    build->file = NULL;
    return TYTO_OK;
}
