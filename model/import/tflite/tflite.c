/* SPDX-License-Identifier: MIT */
/* TFLite to our graph. TFLite is NHWC as we are, so a tensor of it is a value of
 * ours seen under some shape; reshapes change that view only. Quantised networks
 * become float ones: weights are dequantised, activations are left as they are. */
#include "model/import/tflite/internal.h"

#include <stdlib.h>
#include <string.h>

#include "model/import/common/run.h"

static const char *name_of(void *converter, uint32_t tensor, size_t *ret_bytes)
{
    const struct tyto_tflite_converter *conv = converter;
    const struct tyto_tflite_tensor *from = &conv->model.tensors[tensor];
    *ret_bytes = from->name_bytes;
    return tyto_tflite_is_const(&conv->model, tensor)
               ? NULL
               : (const char *)conv->model.flat.bytes + from->name_at;
}

static void describe(void *converter, uint32_t node_idx, struct tyto_walk_node *ret_node)
{
    const struct tyto_tflite_converter *conv = converter;
    const struct tyto_tflite_node *node = &conv->model.nodes[node_idx];
    ret_node->op = node->op_name;
    ret_node->name = conv->model.tensors[node->out].name;
    ret_node->supported = tyto_tflite_find_converter(node->op) != NULL;
    ret_node->is_conv =
        node->op == TYTO_TFLITE_CONV_2D || node->op == TYTO_TFLITE_DEPTHWISE_CONV_2D;
    for (uint32_t j = 0; j < node->num_in && ret_node->num_in < TYTO_WALK_MAX_IN; j++)
        if (node->in[j] != TYTO_WALK_NONE && !tyto_tflite_is_const(&conv->model, node->in[j]))
            ret_node->in[ret_node->num_in++] = node->in[j];
}

static enum tyto_err convert(void *converter, uint32_t node_idx)
{
    struct tyto_tflite_converter *conv = converter;
    const struct tyto_tflite_node *node = &conv->model.nodes[node_idx];
    struct tyto_tflite_state state = {0};
    const enum tyto_err err = tyto_tflite_find_converter(node->op)(conv, node, &state);
    if (err)
        return err;
    if (conv->model.flat.bad)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "options reach outside the file");
    conv->states[node->out] = state;
    return TYTO_OK;
}

static enum tyto_err set_input(void *converter, const struct tyto_walk_node *walk, uint32_t tensor)
{
    struct tyto_tflite_converter *conv = converter;
    (void)walk;
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

static enum tyto_err find_value(void *converter, uint32_t tensor, uint32_t *ret_value)
{
    const struct tyto_tflite_converter *conv = converter;
    const struct tyto_tflite_state *state = &conv->states[tensor];
    if (!state->ready || tyto_tflite_padded(state))
        return TYTO_ERR_EMPTY;
    *ret_value = state->value;
    return TYTO_OK;
}

static enum tyto_err run(struct tyto_tflite_converter *conv, struct tyto_build_outs *ret_outs)
{
    static const struct tyto_import_ops ops = {
        .name = name_of,
        .describe = describe,
        .set_input = set_input,
        .convert = convert,
        .find_value = find_value,
    };
    const struct tyto_tflite *model = &conv->model;
    const struct tyto_import_frame frame = {
        .build = conv->build,
        .params = conv->params,
        .num_tensors = model->num_tensors,
        .num_nodes = model->num_nodes,
        .producers = model->producers,
        .first_output = model->first_output,
        .converter = conv,
    };
    conv->states = calloc((size_t)model->num_tensors + 1, sizeof(*conv->states));
    const enum tyto_err err = conv->states
                                  ? tyto_import_run(&frame, &ops, ret_outs)
                                  : tyto_build_fail(conv->build, TYTO_ERR_NOMEM, "out of memory");
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
        err = run(&conv, ret_outs);
    tyto_tflite_finish(&conv.model);
    build->op = build->node = "";
    return err;
}
