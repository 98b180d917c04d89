/* SPDX-License-Identifier: MIT */
/* {"values": [[h,w,c], ...], "layers": [{"op": "conv", "in": [0], "out": 1,
 *  "kernel": [h,w], "stride": [h,w], "pad": [top,left,bottom,right],
 *  "act": "relu6", "slope": s, "clamp_min": m, "resize": "nearest"}, ...],
 *  "out": v}; several outputs are "out": [v, ...]. What an op does not use is left out. */
#include "model/graph/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A larger number means nothing to any op; tyto_graph_check has the real limits. */
enum { MAX_NUMBER = 1 << 20 };

bool tyto_layer_weight_dims(const struct tyto_graph *graph, const struct tyto_layer *layer,
                            uint32_t *ret_num_dims, uint64_t ret_dims[TYTO_WEIGHTS_MAX_DIMS])
{
    const struct tyto_value *in = &graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &graph->values[layer->out_idx];
    const uint64_t flat = (uint64_t)in->h * in->w * in->c;
    const uint64_t conv[] = {out->c, layer->kernel_h, layer->kernel_w, in->c};
    const uint64_t dwconv[] = {layer->kernel_h, layer->kernel_w, in->c};
    const uint64_t linear[] = {out->c, flat};
    const uint64_t scale[] = {in->c};
    const uint64_t *dims = layer->op == TYTO_LAYER_CONV     ? conv
                           : layer->op == TYTO_LAYER_DWCONV ? dwconv
                           : layer->op == TYTO_LAYER_LINEAR ? linear
                           : layer->op == TYTO_LAYER_SCALE  ? scale
                                                            : NULL;
    if (!dims)
        return false;
    *ret_num_dims = dims == conv ? 4 : dims == dwconv ? 3 : dims == linear ? 2 : 1;
    memcpy(ret_dims, dims, *ret_num_dims * sizeof(*dims));
    return true;
}

/* --- making ------------------------------------------------------------------------------ */

static struct tyto_json *numbers(uint32_t num, const uint32_t *values)
{
    struct tyto_json *json = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        tyto_json_push(&json, tyto_json_new_u64(values[i]));
    return json;
}

static struct tyto_json *layer_to_json(const struct tyto_layer *layer)
{
    struct tyto_json *json = tyto_json_new_object();
    bool ok = tyto_json_set(json, "op", tyto_json_new_string(tyto_layer_op_name(layer->op)));
    ok &= tyto_json_set(json, "in", numbers(tyto_layer_num_inputs(layer), layer->in_idx));
    ok &= tyto_json_set(json, "out", tyto_json_new_u64(layer->out_idx));
    if (tyto_layer_is_windowed(layer->op)) {
        const uint32_t kernel[] = {layer->kernel_h, layer->kernel_w};
        const uint32_t stride[] = {layer->stride_h, layer->stride_w};
        const uint32_t pad[] = {layer->pad_top, layer->pad_left, layer->pad_bottom,
                                layer->pad_right};
        ok &= tyto_json_set(json, "kernel", numbers(2, kernel));
        ok &= tyto_json_set(json, "stride", numbers(2, stride));
        ok &= tyto_json_set(json, "pad", numbers(4, pad));
    }
    if (layer->op == TYTO_LAYER_RESIZE)
        ok &= tyto_json_set(json, "resize", tyto_json_new_string(tyto_resize_name(layer->resize)));
    if (layer->act != TYTO_ACT_NONE)
        ok &= tyto_json_set(json, "act", tyto_json_new_string(tyto_act_name(layer->act)));
    if (layer->act == TYTO_ACT_LEAKY_RELU)
        ok &= tyto_json_set(json, "slope", tyto_json_new_f64((double)layer->act_slope));
    if (layer->has_clamp_min)
        ok &= tyto_json_set(json, "clamp_min", tyto_json_new_f64((double)layer->clamp_min));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

struct tyto_json *tyto_graph_to_json(const struct tyto_graph *graph)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *values = tyto_json_new_array();
    struct tyto_json *layers = tyto_json_new_array();
    bool ok = true;
    for (uint32_t i = 0; ok && i < graph->num_values; i++) {
        const struct tyto_value *value = &graph->values[i];
        const uint32_t shape[] = {value->h, value->w, value->c};
        ok = tyto_json_append(values, numbers(3, shape));
    }
    for (uint32_t i = 0; ok && i < graph->num_layers; i++)
        ok = tyto_json_append(layers, layer_to_json(&graph->layers[i]));
    ok &= tyto_json_set(json, "values", values);
    ok &= tyto_json_set(json, "layers", layers);
    uint32_t outs[TYTO_GRAPH_MAX_OUTS];
    for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++)
        outs[i] = tyto_graph_out(graph, i);
    ok &= tyto_json_set(json, "out",
                        graph->num_more_outs ? numbers(tyto_graph_num_outs(graph), outs)
                                             : tyto_json_new_u64(graph->out_idx));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

/* --- reading ----------------------------------------------------------------------------- */

TYTO_PRINTF(3, 4)
static enum tyto_err wrong(char *text, uint32_t text_bytes, const char *fmt, ...)
{
    if (text && text_bytes) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, text_bytes, fmt, args);
        va_end(args);
    }
    return TYTO_ERR_FORMAT;
}

/* Exactly num whole numbers. */
static bool read_numbers(const struct tyto_json *json, uint32_t num, uint32_t *ret_values)
{
    if (!tyto_json_is_array(json) || tyto_json_num_items(json) != num)
        return false;
    for (uint32_t i = 0; i < num; i++)
        if (!tyto_json_u32(tyto_json_at(json, i), MAX_NUMBER, &ret_values[i]))
            return false;
    return true;
}

static bool read_op(const struct tyto_json *json, enum tyto_layer_op *ret_op)
{
    const char *name = tyto_json_string(json);
    for (int op = 0; name && op < TYTO_LAYER_NUM_OPS; op++)
        if (strcmp(name, tyto_layer_op_name((enum tyto_layer_op)op)) == 0) {
            *ret_op = (enum tyto_layer_op)op;
            return true;
        }
    return false;
}

static bool read_act(const struct tyto_json *layer_json, struct tyto_layer *layer)
{
    const struct tyto_json *act_json = tyto_json_get(layer_json, "act");
    const char *name = act_json ? tyto_json_string(act_json) : tyto_act_name(TYTO_ACT_NONE);
    int act = 0;
    while (name && act < TYTO_ACT_NUM && strcmp(name, tyto_act_name((enum tyto_act)act)) != 0)
        act++;
    if (!name || act == TYTO_ACT_NUM)
        return false;
    layer->act = (enum tyto_act)act;
    double number;
    if (layer->act == TYTO_ACT_LEAKY_RELU) {
        if (!tyto_json_f64(tyto_json_get(layer_json, "slope"), &number))
            return false;
        layer->act_slope = (float)number;
    }
    const struct tyto_json *clamp = tyto_json_get(layer_json, "clamp_min");
    if (clamp) {
        if (!tyto_json_f64(clamp, &number))
            return false;
        layer->clamp_min = (float)number;
        layer->has_clamp_min = true;
    }
    return true;
}

static bool read_window(const struct tyto_json *json, struct tyto_layer *layer)
{
    uint32_t kernel[2], stride[2], pad[4];
    if (!read_numbers(tyto_json_get(json, "kernel"), 2, kernel) ||
        !read_numbers(tyto_json_get(json, "stride"), 2, stride) ||
        !read_numbers(tyto_json_get(json, "pad"), 4, pad))
        return false;
    layer->kernel_h = kernel[0];
    layer->kernel_w = kernel[1];
    layer->stride_h = stride[0];
    layer->stride_w = stride[1];
    layer->pad_top = pad[0];
    layer->pad_left = pad[1];
    layer->pad_bottom = pad[2];
    layer->pad_right = pad[3];
    return true;
}

static bool read_resize(const struct tyto_json *json, enum tyto_resize *ret_resize)
{
    const char *name = tyto_json_string(json);
    for (int resize = 0; name && resize < TYTO_RESIZE_NUM; resize++)
        if (strcmp(name, tyto_resize_name((enum tyto_resize)resize)) == 0) {
            *ret_resize = (enum tyto_resize)resize;
            return true;
        }
    return false;
}

static bool read_inputs(const struct tyto_json *json, struct tyto_layer *layer)
{
    layer->num_ins = tyto_json_is_array(json) ? tyto_json_num_items(json) : 0;
    const uint32_t num = tyto_layer_num_inputs(layer);
    if (layer->op != TYTO_LAYER_CONCAT && layer->op != TYTO_LAYER_STACK)
        layer->num_ins = 0;
    return num >= 1 && num <= TYTO_LAYER_MAX_INS && read_numbers(json, num, layer->in_idx);
}

static const char *read_layer(const struct tyto_json *json, struct tyto_layer *layer)
{
    if (!read_op(tyto_json_get(json, "op"), &layer->op))
        return "unknown op";
    if (!read_inputs(tyto_json_get(json, "in"), layer))
        return "wrong inputs";
    if (!tyto_json_u32(tyto_json_get(json, "out"), MAX_NUMBER, &layer->out_idx))
        return "wrong output";
    if (tyto_layer_is_windowed(layer->op) && !read_window(json, layer))
        return "wrong kernel, stride or pad";
    if (layer->op == TYTO_LAYER_RESIZE &&
        !read_resize(tyto_json_get(json, "resize"), &layer->resize))
        return "wrong resize";
    if (!read_act(json, layer))
        return "wrong activation, slope or clamp_min";
    return NULL;
}

/* One value, or an array of them. */
static bool read_outs(const struct tyto_json *json, struct tyto_graph *graph)
{
    uint32_t outs[TYTO_GRAPH_MAX_OUTS];
    if (!tyto_json_is_array(json))
        return tyto_json_u32(json, MAX_NUMBER, &graph->out_idx);
    const uint32_t num = tyto_json_num_items(json);
    if (num < 1 || num > TYTO_GRAPH_MAX_OUTS || !read_numbers(json, num, outs))
        return false;
    graph->out_idx = outs[0];
    graph->num_more_outs = num - 1;
    memcpy(graph->more_outs, outs + 1, (num - 1) * sizeof(*outs));
    return true;
}

enum tyto_err tyto_graph_from_json(const struct tyto_json *json, struct tyto_graph *ret_graph,
                                   char *text, uint32_t text_bytes)
{
    const struct tyto_json *values = tyto_json_get(json, "values");
    const struct tyto_json *layers = tyto_json_get(json, "layers");
    struct tyto_graph graph = {.num_values = tyto_json_num_items(values),
                               .num_layers = tyto_json_num_items(layers)};
    if (!tyto_json_is_array(values) || graph.num_values > TYTO_GRAPH_MAX_VALUES ||
        !tyto_json_is_array(layers) || graph.num_layers > TYTO_GRAPH_MAX_LAYERS)
        return wrong(text, text_bytes, "values or layers missing, or more than %d and %d",
                     TYTO_GRAPH_MAX_VALUES, TYTO_GRAPH_MAX_LAYERS);
    for (uint32_t i = 0; i < graph.num_values; i++) {
        uint32_t shape[3];
        if (!read_numbers(tyto_json_at(values, i), 3, shape))
            return wrong(text, text_bytes, "value %u: wrong shape", i);
        graph.values[i] = (struct tyto_value){shape[0], shape[1], shape[2]};
    }
    for (uint32_t i = 0; i < graph.num_layers; i++) {
        const char *what = read_layer(tyto_json_at(layers, i), &graph.layers[i]);
        if (what)
            return wrong(text, text_bytes, "layer %u: %s", i, what);
    }
    if (!read_outs(tyto_json_get(json, "out"), &graph))
        return wrong(text, text_bytes, "output missing, or more than %d", TYTO_GRAPH_MAX_OUTS);
    *ret_graph = graph;
    return TYTO_OK;
}
