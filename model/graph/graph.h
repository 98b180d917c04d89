/* SPDX-License-Identifier: MIT */
/* A feed-forward encoder as plain data: what import reads out of ONNX or TFLite
 * files, what the weights file stores, what both executors run. Activations are
 * f32 NHWC, batch first. */
#ifndef TYTO_MODEL_GRAPH_GRAPH_H
#define TYTO_MODEL_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "shaders/include/act.h"

enum {
    TYTO_GRAPH_MAX_LAYERS = 256,
    TYTO_GRAPH_MAX_VALUES = 512,
    TYTO_GRAPH_MAX_DIM = 1 << 16,
    TYTO_GRAPH_MAX_OUTS = 4,
    TYTO_LAYER_MAX_INS = 8,
};

/* X(NAME, "name in files") */
#define TYTO_LAYER_OP_LIST(X)                                                                      \
    X(CONV, "conv")         /* weight (O,KH,KW,I), bias (O) */                                     \
    X(DWCONV, "dwconv")     /* weight (KH,KW,C), bias (C) */                                       \
    X(LINEAR, "linear")     /* weight (O,I), bias (O); input flattened to (B,I) */                 \
    X(ADD, "add")           /* in[0] + in[1], same shape */                                        \
    X(MUL, "mul")           /* in[0] * in[1], whose one place (1,1,C) stands for all */            \
    X(MAX_POOL, "max_pool") /* padding counts as -inf */                                           \
    X(AVG_POOL, "avg_pool") /* padding is not counted */                                           \
    X(MEAN, "mean")         /* over H and W: (B,H,W,C) -> (B,1,1,C) */                             \
    X(ACTIVATION, "activation")                                                                    \
    X(SOFTMAX, "softmax") /* over C */                                                             \
    X(SCALE, "scale")     /* x * weight (C) + bias (C) */                                          \
    X(CONCAT, "concat")   /* the inputs' channels beside each other; same H and W */               \
    X(STACK, "stack")     /* the inputs' floats one after the other, seen as (H,W,C) of out */     \
    X(RESIZE, "resize")   /* H and W to those of out, as resize says */

enum tyto_layer_op {
#define TYTO_LAYER_OP_ENTRY(name, text) TYTO_LAYER_##name,
    TYTO_LAYER_OP_LIST(TYTO_LAYER_OP_ENTRY)
#undef TYTO_LAYER_OP_ENTRY
        TYTO_LAYER_NUM_OPS
};

/* X(NAME, "name in files"): which place of the input stands under place i of the output. */
#define TYTO_RESIZE_LIST(X)                                                                        \
    X(NEAREST, "nearest")   /* floor(i in/out) */                                                  \
    X(BILINEAR, "bilinear") /* (i + 0.5) in/out - 0.5, between its neighbours */                   \
    X(CORNERS, "corners")   /* i (in - 1)/(out - 1), between its neighbours */

enum tyto_resize {
#define TYTO_RESIZE_ENTRY(name, text) TYTO_RESIZE_##name,
    TYTO_RESIZE_LIST(TYTO_RESIZE_ENTRY)
#undef TYTO_RESIZE_ENTRY
        TYTO_RESIZE_NUM
};

/* One activation tensor per clip: (H, W, C). Value 0 is the input. */
struct tyto_value {
    uint32_t h, w, c;
};

struct tyto_layer {
    enum tyto_layer_op op;
    uint32_t in_idx[TYTO_LAYER_MAX_INS]; /* values, tyto_layer_num_inputs of them */
    uint32_t num_ins;                    /* CONCAT and STACK only: 1..MAX_INS */
    uint32_t out_idx;                    /* a value that no earlier layer wrote */
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
    enum tyto_act act; /* applied to the result */
    float act_slope;
    float clamp_min; /* result clamp of RELU-like chains that are no tyto_act, e.g. max(x,-0.4); */
    bool has_clamp_min;      /* applied after act */
    enum tyto_resize resize; /* RESIZE */
    const float *weight;     /* borrowed from whoever made the graph; NULL where op has none */
    const float *bias;
};

struct tyto_graph {
    uint32_t num_values, num_layers, out_idx; /* out_idx: the value the encoder gives */
    /* Values it gives besides, e.g. a detector's scores and boxes. */
    uint32_t num_more_outs, more_outs[TYTO_GRAPH_MAX_OUTS - 1];
    struct tyto_value values[TYTO_GRAPH_MAX_VALUES];
    struct tyto_layer layers[TYTO_GRAPH_MAX_LAYERS];
};

static inline uint64_t tyto_value_num_floats(const struct tyto_value *value)
{
    return (uint64_t)value->h * value->w * value->c;
}

/* Whether kernel, stride and padding mean something for it. */
bool tyto_layer_is_windowed(enum tyto_layer_op op);

/* Whether it works on two values. */
static inline bool tyto_layer_is_binary(enum tyto_layer_op op)
{
    return op == TYTO_LAYER_ADD || op == TYTO_LAYER_MUL;
}

/* How many of in_idx a layer reads. */
static inline uint32_t tyto_layer_num_inputs(const struct tyto_layer *layer)
{
    if (layer->op == TYTO_LAYER_CONCAT || layer->op == TYTO_LAYER_STACK)
        return layer->num_ins;
    return tyto_layer_is_binary(layer->op) ? 2 : 1;
}

/* All values the graph gives: 0 is out_idx. */
static inline uint32_t tyto_graph_num_outs(const struct tyto_graph *graph)
{
    return 1 + graph->num_more_outs;
}

static inline uint32_t tyto_graph_out(const struct tyto_graph *graph, uint32_t idx)
{
    return idx == 0 ? graph->out_idx : graph->more_outs[idx - 1];
}

static inline bool tyto_graph_is_out(const struct tyto_graph *graph, uint32_t value_idx)
{
    for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++)
        if (tyto_graph_out(graph, i) == value_idx)
            return true;
    return false;
}

/* Number of weight / bias elements a layer needs, by its op and its values' shapes. */
uint64_t tyto_layer_num_weights(const struct tyto_graph *graph, const struct tyto_layer *layer);
uint64_t tyto_layer_num_biases(const struct tyto_graph *graph, const struct tyto_layer *layer);

/* Every index in range, layers in order of dependence, shapes consistent with
 * kernel, stride and padding, weights present. TYTO_ERR_SHAPE or FORMAT, with the
 * layer's number and what is wrong in text (text_bytes long, may be NULL). */
TYTO_MUST_CHECK
enum tyto_err tyto_graph_check(const struct tyto_graph *graph, char *text, uint32_t text_bytes);

/* Multiply-accumulates of one input. */
uint64_t tyto_graph_num_macs(const struct tyto_graph *graph);

const char *tyto_layer_op_name(enum tyto_layer_op op);
const char *tyto_act_name(enum tyto_act act);
const char *tyto_resize_name(enum tyto_resize resize);

#endif
