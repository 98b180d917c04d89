/* SPDX-License-Identifier: MIT */
/* TFLite to our graph. TFLite is NHWC as we are, so a tensor of it is a value of
 * ours seen under some shape; reshapes change that view only. Quantised networks
 * become float ones: weights are dequantised, activations are left as they are. */
#include "model/import/tflite/internal.h"

#include <stdlib.h>
#include <string.h>

/* The tensor of that name among those that nodes write, and the model's inputs. */
static enum tyto_err find_tensor(struct tyto_tflite_converter *conv, const char *wanted,
                                 uint32_t *ret_tensor)
{
    uint32_t found = TYTO_WALK_NONE, num_found = 0;
    for (uint32_t i = 0; i < conv->model.num_tensors; i++) {
        const struct tyto_tflite_tensor *tensor = &conv->model.tensors[i];
        if (tyto_tflite_is_const(&conv->model, i))
            continue;
        const char *name = (const char *)conv->model.flat.bytes + tensor->name_at;
        const int match = tyto_build_name_match(name, tensor->name_bytes, wanted);
        if (match == 2) {
            *ret_tensor = i;
            return TYTO_OK;
        }
        if (match == 1) {
            found = i;
            num_found++;
        }
    }
    if (num_found != 1)
        return tyto_build_fail(conv->build, TYTO_ERR_NOT_FOUND,
                               num_found ? "%u tensors have \"%.80s\" in their name"
                                         : "%u tensors are called \"%.80s\"",
                               num_found, wanted);
    *ret_tensor = found;
    return TYTO_OK;
}

static void fill_walk(struct tyto_tflite_converter *conv, struct tyto_walk_node *nodes)
{
    for (uint32_t i = 0; i < conv->model.num_nodes; i++) {
        const struct tyto_tflite_node *node = &conv->model.nodes[i];
        struct tyto_walk_node *walk = &nodes[i];
        walk->op = node->op_name;
        walk->name = conv->model.tensors[node->out].name;
        walk->supported = tyto_tflite_find_converter(node->op) != NULL;
        walk->is_conv =
            node->op == TYTO_TFLITE_CONV_2D || node->op == TYTO_TFLITE_DEPTHWISE_CONV_2D;
        for (uint32_t j = 0; j < node->num_in && walk->num_in < TYTO_WALK_MAX_IN; j++)
            if (node->in[j] != TYTO_WALK_NONE && !tyto_tflite_is_const(&conv->model, node->in[j]))
                walk->in[walk->num_in++] = node->in[j];
    }
}

static enum tyto_err convert_nodes(struct tyto_tflite_converter *conv,
                                   const struct tyto_walk_node *walk)
{
    for (uint32_t i = 0; i < conv->model.num_nodes; i++) {
        const struct tyto_tflite_node *node = &conv->model.nodes[i];
        if (!walk[i].needed)
            continue;
        conv->build->op = node->op_name;
        conv->build->node = conv->model.tensors[node->out].name;
        struct tyto_tflite_state state = {0};
        const enum tyto_err err = tyto_tflite_find_converter(node->op)(conv, node, &state);
        if (err)
            return err;
        if (conv->model.flat.bad)
            return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "options reach outside the file");
        conv->states[node->out] = state;
    }
    return TYTO_OK;
}

static enum tyto_err set_input(struct tyto_tflite_converter *conv, uint32_t tensor)
{
    struct tyto_value view = tyto_tflite_view(&conv->model.tensors[tensor]);
    if (conv->params->input_h)
        view.h = conv->params->input_h;
    if (conv->params->input_w)
        view.w = conv->params->input_w;
    if (!view.h || !view.w || !view.c || view.h > TYTO_GRAPH_MAX_DIM ||
        view.w > TYTO_GRAPH_MAX_DIM || view.c > TYTO_GRAPH_MAX_DIM)
        return tyto_build_fail(conv->build, TYTO_ERR_SHAPE,
                               "input \"%.60s\" has shape (%u,%u,%u): give its size with --input "
                               "HxW",
                               conv->model.tensors[tensor].name, view.h, view.w, view.c);
    conv->build->values[0] = view;
    conv->states[tensor] = (struct tyto_tflite_state){.ready = true, .view = view};
    return TYTO_OK;
}

static enum tyto_err find_outputs(struct tyto_tflite_converter *conv,
                                  uint32_t ret_tensors[TYTO_GRAPH_MAX_OUTS])
{
    const struct tyto_import_params *params = conv->params;
    enum tyto_err err = TYTO_OK;
    ret_tensors[0] = conv->model.first_output;
    if (params->output_name)
        err = find_tensor(conv, params->output_name, &ret_tensors[0]);
    for (uint32_t i = 0; !err && i < params->num_more_outputs; i++)
        err = find_tensor(conv, params->more_output_names[i], &ret_tensors[i + 1]);
    return err;
}

static enum tyto_err fill_outs(const struct tyto_tflite_converter *conv, const uint32_t *tensors,
                               struct tyto_build_outs *ret_outs)
{
    ret_outs->num = 1 + conv->params->num_more_outputs;
    for (uint32_t i = 0; i < ret_outs->num; i++) {
        const struct tyto_tflite_state *state = &conv->states[tensors[i]];
        if (!state->ready || tyto_tflite_padded(state))
            return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "nothing gives output %u", i);
        ret_outs->values[i] = state->value;
    }
    return TYTO_OK;
}

static enum tyto_err convert(struct tyto_tflite_converter *conv, struct tyto_build_outs *ret_outs)
{
    const struct tyto_import_params *params = conv->params;
    struct tyto_tflite *model = &conv->model;
    uint32_t outs[TYTO_GRAPH_MAX_OUTS], in = TYTO_WALK_NONE;
    enum tyto_err err = find_outputs(conv, outs);
    if (!err && params->input_name)
        err = find_tensor(conv, params->input_name, &in);
    if (err)
        return err;
    struct tyto_walk walk = {.num_tensors = model->num_tensors,
                             .num_nodes = model->num_nodes,
                             .producers = model->producers,
                             .nodes = calloc((size_t)model->num_nodes + 1, sizeof(*walk.nodes))};
    conv->states = calloc((size_t)model->num_tensors + 1, sizeof(*conv->states));
    if (!walk.nodes || !conv->states) {
        err = tyto_build_fail(conv->build, TYTO_ERR_NOMEM, "out of memory");
    } else {
        fill_walk(conv, walk.nodes);
        for (uint32_t i = 0; !err && i <= params->num_more_outputs; i++)
            err = tyto_walk_back(&walk, conv->build, outs[i], in, &in);
    }
    if (!err)
        err = set_input(conv, in);
    if (!err)
        err = convert_nodes(conv, walk.nodes);
    if (!err)
        err = fill_outs(conv, outs, ret_outs);
    free(walk.nodes);
    free(conv->states);
    return err;
}

enum tyto_err tyto_import_tflite(struct tyto_build *build, const struct tyto_import_params *params,
                                 const uint8_t *bytes, size_t num_bytes,
                                 struct tyto_build_outs *ret_outs)
{
    struct tyto_tflite_converter conv = {
        .model = {.flat = {.bytes = bytes, .num_bytes = num_bytes}, .build = build},
        .build = build,
        .params = params};
    enum tyto_err err = tyto_tflite_parse(&conv.model);
    if (!err)
        err = convert(&conv, ret_outs);
    tyto_tflite_finish(&conv.model);
    build->op = build->node = "";
    return err;
}
