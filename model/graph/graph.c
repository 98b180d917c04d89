/* SPDX-License-Identifier: MIT */
#include "model/graph/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    MAX_KERNEL = 1024,
    MAX_STRIDE = 64,
};

/* Elements of one value and weights of one layer: keeps every product of sizes
 * far inside 64 bits, and refuses files that would need gigabytes. */
static const uint64_t max_elems = 1u << 26, max_weights = 1u << 28;

const char *tyto_layer_op_name(enum tyto_layer_op op)
{
    static const char *const names[] = {
#define TYTO_LAYER_OP_NAME(name, text) text,
        TYTO_LAYER_OP_LIST(TYTO_LAYER_OP_NAME)
#undef TYTO_LAYER_OP_NAME
    };
    return (unsigned)op < TYTO_LAYER_NUM_OPS ? names[op] : "?";
}

const char *tyto_resize_name(enum tyto_resize resize)
{
    static const char *const names[] = {
#define TYTO_RESIZE_NAME(name, text) text,
        TYTO_RESIZE_LIST(TYTO_RESIZE_NAME)
#undef TYTO_RESIZE_NAME
    };
    return (unsigned)resize < TYTO_RESIZE_NUM ? names[resize] : "?";
}

const char *tyto_act_name(enum tyto_act act)
{
    static const char *const names[TYTO_ACT_NUM] = {
        [TYTO_ACT_NONE] = "none",
        [TYTO_ACT_RELU] = "relu",
        [TYTO_ACT_RELU6] = "relu6",
        [TYTO_ACT_LEAKY_RELU] = "leaky_relu",
        [TYTO_ACT_SIGMOID] = "sigmoid",
        [TYTO_ACT_TANH] = "tanh",
        [TYTO_ACT_HARD_SWISH] = "hard_swish",
    };
    return (unsigned)act < TYTO_ACT_NUM ? names[act] : "?";
}

uint64_t tyto_layer_num_weights(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    const struct tyto_value *in = &graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &graph->values[layer->out_idx];
    const uint64_t taps = (uint64_t)layer->kernel_h * layer->kernel_w;
    switch (layer->op) {
    case TYTO_LAYER_CONV:
        return taps * in->c * out->c;
    case TYTO_LAYER_DWCONV:
        return taps * in->c;
    case TYTO_LAYER_LINEAR:
        return tyto_value_num_floats(in) * out->c;
    case TYTO_LAYER_SCALE:
        return in->c;
    case TYTO_LAYER_ADD:
    case TYTO_LAYER_MUL:
    case TYTO_LAYER_MAX_POOL:
    case TYTO_LAYER_AVG_POOL:
    case TYTO_LAYER_MEAN:
    case TYTO_LAYER_ACTIVATION:
    case TYTO_LAYER_SOFTMAX:
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
    case TYTO_LAYER_RESIZE:
    case TYTO_LAYER_NUM_OPS:
        break;
    }
    return 0;
}

uint64_t tyto_layer_num_biases(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    return tyto_layer_num_weights(graph, layer) ? graph->values[layer->out_idx].c : 0;
}

TYTO_PRINTF(4, 5)
static enum tyto_err wrong(char *text, uint32_t text_bytes, enum tyto_err err, const char *fmt, ...)
{
    if (text && text_bytes) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, text_bytes, fmt, args);
        va_end(args);
    }
    return err;
}

bool tyto_layer_is_windowed(enum tyto_layer_op op)
{
    return op == TYTO_LAYER_CONV || op == TYTO_LAYER_DWCONV || op == TYTO_LAYER_MAX_POOL ||
           op == TYTO_LAYER_AVG_POOL;
}

/* One side of a windowed layer: does the output size follow from the input's? */
static bool side_fits(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t before,
                      uint32_t after)
{
    if (kernel < 1 || kernel > MAX_KERNEL || stride < 1 || stride > MAX_STRIDE ||
        before >= kernel || after >= kernel || in + before + after < kernel)
        return false;
    return (in + before + after - kernel) / stride + 1 == out;
}

/* CONCAT and STACK: every float of the inputs has its place in the output, and every place one. */
static bool parts_fit(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    const struct tyto_value *out = &graph->values[layer->out_idx];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < layer->num_ins; i++) {
        const struct tyto_value *in = &graph->values[layer->in_idx[i]];
        if (layer->op == TYTO_LAYER_CONCAT && (in->h != out->h || in->w != out->w))
            return false;
        sum += tyto_value_num_floats(in);
    }
    return sum == tyto_value_num_floats(out);
}

static bool shape_fits(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    const struct tyto_value *in = &graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &graph->values[layer->out_idx];

    if (layer->op == TYTO_LAYER_CONCAT || layer->op == TYTO_LAYER_STACK)
        return parts_fit(graph, layer);
    if (layer->op == TYTO_LAYER_RESIZE)
        return in->c == out->c;
    if (tyto_layer_is_windowed(layer->op))
        return side_fits(in->h, out->h, layer->kernel_h, layer->stride_h, layer->pad_top,
                         layer->pad_bottom) &&
               side_fits(in->w, out->w, layer->kernel_w, layer->stride_w, layer->pad_left,
                         layer->pad_right) &&
               (layer->op == TYTO_LAYER_CONV || in->c == out->c);
    if (layer->op == TYTO_LAYER_LINEAR)
        return out->h == 1 && out->w == 1;
    if (layer->op == TYTO_LAYER_MEAN)
        return out->h == 1 && out->w == 1 && in->c == out->c;
    if (tyto_layer_is_binary(layer->op)) {
        const struct tyto_value *other = &graph->values[layer->in_idx[1]];
        const bool is_sum = layer->op == TYTO_LAYER_ADD;
        if (other->h != (is_sum ? in->h : 1) || other->w != (is_sum ? in->w : 1) ||
            other->c != in->c)
            return false;
    }
    return in->h == out->h && in->w == out->w && in->c == out->c;
}

static enum tyto_err check_layer(const struct tyto_graph *graph, uint32_t layer_idx,
                                 const bool *written, char *text, uint32_t text_bytes)
{
    const struct tyto_layer *layer = &graph->layers[layer_idx];
    if ((unsigned)layer->op >= TYTO_LAYER_NUM_OPS || (unsigned)layer->act >= TYTO_ACT_NUM ||
        (unsigned)layer->resize >= TYTO_RESIZE_NUM)
        return wrong(text, text_bytes, TYTO_ERR_FORMAT, "layer %u: unknown op or activation",
                     layer_idx);
    const char *name = tyto_layer_op_name(layer->op);
    const uint32_t num_inputs = tyto_layer_num_inputs(layer);
    if (num_inputs < 1 || num_inputs > TYTO_LAYER_MAX_INS)
        return wrong(text, text_bytes, TYTO_ERR_FORMAT, "layer %u (%s): %u inputs", layer_idx, name,
                     num_inputs);
    for (uint32_t i = 0; i < num_inputs; i++)
        if (layer->in_idx[i] >= graph->num_values || !written[layer->in_idx[i]])
            return wrong(text, text_bytes, TYTO_ERR_FORMAT,
                         "layer %u (%s): reads a value that no earlier layer wrote", layer_idx,
                         name);
    if (layer->out_idx >= graph->num_values || written[layer->out_idx])
        return wrong(text, text_bytes, TYTO_ERR_FORMAT,
                     "layer %u (%s): writes a value that is written already, or none", layer_idx,
                     name);
    const struct tyto_value *in = &graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &graph->values[layer->out_idx];
    const bool fits = shape_fits(graph, layer);
    if (!fits && tyto_layer_is_binary(layer->op)) {
        const struct tyto_value *other = &graph->values[layer->in_idx[1]];
        return wrong(text, text_bytes, TYTO_ERR_SHAPE,
                     "layer %u (%s): (%u,%u,%u) and (%u,%u,%u) do not give (%u,%u,%u)", layer_idx,
                     name, in->h, in->w, in->c, other->h, other->w, other->c, out->h, out->w,
                     out->c);
    }
    if (!fits)
        return wrong(text, text_bytes, TYTO_ERR_SHAPE,
                     "layer %u (%s): (%u,%u,%u) -> (%u,%u,%u) does not follow from kernel %ux%u, "
                     "stride %ux%u and padding",
                     layer_idx, name, in->h, in->w, in->c, out->h, out->w, out->c, layer->kernel_h,
                     layer->kernel_w, layer->stride_h, layer->stride_w);
    if (tyto_layer_num_weights(graph, layer) > max_weights)
        return wrong(text, text_bytes, TYTO_ERR_SHAPE, "layer %u (%s): too many weights", layer_idx,
                     name);
    if (tyto_layer_num_weights(graph, layer) && (!layer->weight || !layer->bias))
        return wrong(text, text_bytes, TYTO_ERR_FORMAT, "layer %u (%s): weight or bias missing",
                     layer_idx, name);
    if (!isfinite(layer->act_slope) || (layer->has_clamp_min && !isfinite(layer->clamp_min)))
        return wrong(text, text_bytes, TYTO_ERR_FORMAT, "layer %u (%s): slope or clamp not finite",
                     layer_idx, name);
    return TYTO_OK;
}

enum tyto_err tyto_graph_check(const struct tyto_graph *graph, char *text, uint32_t text_bytes)
{
    bool written[TYTO_GRAPH_MAX_VALUES] = {true}; /* value 0 is the input */
    if (graph->num_layers > TYTO_GRAPH_MAX_LAYERS || graph->num_values > TYTO_GRAPH_MAX_VALUES ||
        graph->num_values < 1)
        return wrong(text, text_bytes, TYTO_ERR_SHAPE, "%u layers and %u values: limits are %d, %d",
                     graph->num_layers, graph->num_values, TYTO_GRAPH_MAX_LAYERS,
                     TYTO_GRAPH_MAX_VALUES);
    for (uint32_t i = 0; i < graph->num_values; i++) {
        const struct tyto_value *value = &graph->values[i];
        if (value->h < 1 || value->w < 1 || value->c < 1 || value->h > TYTO_GRAPH_MAX_DIM ||
            value->w > TYTO_GRAPH_MAX_DIM || value->c > TYTO_GRAPH_MAX_DIM ||
            tyto_value_num_floats(value) > max_elems)
            return wrong(text, text_bytes, TYTO_ERR_SHAPE,
                         "value %u: shape (%u,%u,%u) is outside the limits", i, value->h, value->w,
                         value->c);
    }
    for (uint32_t i = 0; i < graph->num_layers; i++) {
        const enum tyto_err err = check_layer(graph, i, written, text, text_bytes);
        if (err)
            return err;
        written[graph->layers[i].out_idx] = true;
    }
    if (graph->num_more_outs > TYTO_GRAPH_MAX_OUTS - 1)
        return wrong(text, text_bytes, TYTO_ERR_FORMAT, "%u outputs, the limit is %d",
                     tyto_graph_num_outs(graph), TYTO_GRAPH_MAX_OUTS);
    for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++) {
        const uint32_t out = tyto_graph_out(graph, i);
        if (out >= graph->num_values || !written[out])
            return wrong(text, text_bytes, TYTO_ERR_FORMAT,
                         "the output is a value that no layer wrote");
        for (uint32_t j = 0; j < i; j++)
            if (tyto_graph_out(graph, j) == out)
                return wrong(text, text_bytes, TYTO_ERR_FORMAT, "value %u is given twice", out);
    }
    return TYTO_OK;
}

uint64_t tyto_graph_num_macs(const struct tyto_graph *graph)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < graph->num_layers; i++) {
        const struct tyto_layer *layer = &graph->layers[i];
        const struct tyto_value *in = &graph->values[layer->in_idx[0]];
        const struct tyto_value *out = &graph->values[layer->out_idx];
        const uint64_t taps = (uint64_t)layer->kernel_h * layer->kernel_w;
        if (layer->op == TYTO_LAYER_CONV)
            sum += tyto_value_num_floats(out) * taps * in->c;
        else if (layer->op == TYTO_LAYER_DWCONV)
            sum += tyto_value_num_floats(out) * taps;
        else if (layer->op == TYTO_LAYER_LINEAR)
            sum += tyto_value_num_floats(in) * out->c;
    }
    return sum;
}
