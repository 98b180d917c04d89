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
};

/* X(NAME, "name in files") */
#define TYTO_LAYER_OP_LIST(X)                                                                      \
    X(CONV, "conv")         /* weight (O,KH,KW,I), bias (O) */                                     \
    X(DWCONV, "dwconv")     /* weight (KH,KW,C), bias (C) */                                       \
    X(LINEAR, "linear")     /* weight (O,I), bias (O); input flattened to (B,I) */                 \
    X(ADD, "add")           /* in[0] + in[1], same shape */                                        \
    X(MAX_POOL, "max_pool") /* padding counts as -inf */                                           \
    X(AVG_POOL, "avg_pool") /* padding is not counted */                                           \
    X(MEAN, "mean")         /* over H and W: (B,H,W,C) -> (B,1,1,C) */                             \
    X(ACTIVATION, "activation")                                                                    \
    X(SOFTMAX, "softmax") /* over C */                                                             \
    X(SCALE, "scale")     /* x * weight (C) + bias (C) */

enum tyto_layer_op {
#define TYTO_LAYER_OP_ENTRY(name, text) TYTO_LAYER_##name,
    TYTO_LAYER_OP_LIST(TYTO_LAYER_OP_ENTRY)
#undef TYTO_LAYER_OP_ENTRY
        TYTO_LAYER_NUM_OPS
};

/* One activation tensor per clip: (H, W, C). Value 0 is the input. */
struct tyto_value {
    uint32_t h, w, c;
};

struct tyto_layer {
    enum tyto_layer_op op;
    uint32_t in_idx[2]; /* values; [1] is used by ADD only */
    uint32_t out_idx;   /* a value that no earlier layer wrote */
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
    enum tyto_act act; /* applied to the result */
    float act_slope;
    float clamp_min; /* result clamp of RELU-like chains that are no tyto_act, e.g. max(x,-0.4); */
    bool has_clamp_min;  /* applied after act */
    const float *weight; /* borrowed from whoever made the graph; NULL where op has none */
    const float *bias;
};

struct tyto_graph {
    uint32_t num_values, num_layers, out_idx; /* out_idx: the value the encoder gives */
    struct tyto_value values[TYTO_GRAPH_MAX_VALUES];
    struct tyto_layer layers[TYTO_GRAPH_MAX_LAYERS];
};

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

#endif
