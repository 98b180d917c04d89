/* SPDX-License-Identifier: MIT */
/* ONNX to our graph. ONNX thinks in NCHW; our values are NHWC. A state says how
 * the foreign tensor lies over our value, so that transposes cost nothing and a
 * matrix after a flattening gets its columns in our order. */
#include "model/import/onnx/internal.h"

#include <stdlib.h>
#include <string.h>

#include "model/import/common/run.h"

static const char *name_of(void *converter, uint32_t tensor, size_t *ret_bytes)
{
    const struct tyto_onnx_converter *conv = converter;
    const struct tyto_onnx_tensor *from = &conv->model.tensors[tensor];
    *ret_bytes = strlen(from->name);
    return from->constant ? NULL : from->name;
}

/* Ops whose further inputs say how, not what (a shape that is computed, say). */
static bool only_first_input(const char *op)
{
    static const char *const ops[] = {"Reshape",    "Squeeze", "Unsqueeze", "Flatten",
                                      "ReduceMean", "Pad",     "Clip",      "Dropout"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(op, ops[i]) == 0)
            return true;
    return false;
}

static void describe(void *converter, uint32_t node_idx, struct tyto_walk_node *ret_node)
{
    const struct tyto_onnx_converter *conv = converter;
    const struct tyto_onnx_node *node = &conv->model.nodes[node_idx];
    const uint32_t num = only_first_input(node->op) && node->num_in ? 1 : node->num_in;
    ret_node->op = node->op;
    ret_node->name = node->name;
    ret_node->supported = tyto_onnx_find_converter(node->op) != NULL;
    ret_node->is_conv = strcmp(node->op, "Conv") == 0;
    for (uint32_t j = 0; j < num && ret_node->num_in < TYTO_WALK_MAX_IN; j++)
        if (node->in[j] != TYTO_WALK_NONE && !tyto_onnx_is_const(&conv->model, node->in[j]))
            ret_node->in[ret_node->num_in++] = node->in[j];
}

static enum tyto_err convert(void *converter, uint32_t node_idx)
{
    struct tyto_onnx_converter *conv = converter;
    const struct tyto_onnx_node *node = &conv->model.nodes[node_idx];
    struct tyto_onnx_state state = {0};
    const enum tyto_err err = tyto_onnx_find_converter(node->op)(conv, node, &state);
    if (err)
        return err;
    state.ready = true;
    conv->states[node->out] = state; /* the walk came here by an output, so there is one */
    return TYTO_OK;
}

/* The first needed node that reads a tensor; NULL when none does. */
static const struct tyto_onnx_node *first_reader(const struct tyto_onnx *model,
                                                 const struct tyto_walk_node *walk, uint32_t tensor)
{
    for (uint32_t i = 0; i < model->num_nodes; i++)
        for (uint32_t j = 0; walk[i].needed && j < model->nodes[i].num_in; j++)
            if (model->nodes[i].in[j] == tensor)
                return &model->nodes[i];
    return NULL;
}

/* Does the model take (N,H,W,C)? It says so by a transpose to (N,C,H,W) before anything that
 * cares. */
static bool transposes_input(const struct tyto_onnx *model, const struct tyto_walk_node *walk,
                             uint32_t tensor)
{
    static const char *const careless[] = {"Add",  "Sub",      "Mul",     "Div",
                                           "Cast", "Identity", "Reshape", "Unsqueeze"};
    static const int64_t to_nchw[] = {0, 3, 1, 2};
    for (int depth = 0; depth < 16; depth++) {
        const struct tyto_onnx_node *node = first_reader(model, walk, tensor);
        int64_t perm[4] = {0};
        bool goes_on = false;
        if (!node)
            return false;
        if (strcmp(node->op, "Transpose") == 0)
            return tyto_onnx_attr_ints(model, node, "perm", 4, perm) == 4 &&
                   memcmp(perm, to_nchw, sizeof(perm)) == 0;
        for (size_t i = 0; i < sizeof(careless) / sizeof(careless[0]); i++)
            goes_on |= strcmp(node->op, careless[i]) == 0;
        if (!goes_on)
            return false;
        tensor = node->out;
    }
    return false;
}

static enum tyto_err set_input(void *converter, const struct tyto_walk_node *walk, uint32_t tensor)
{
    struct tyto_onnx_converter *conv = converter;
    conv->input_nhwc = transposes_input(&conv->model, walk, tensor);
    const struct tyto_onnx_tensor *from = &conv->model.tensors[tensor];
    struct tyto_onnx_state *state = &conv->states[tensor];
    state->ready = true;
    state->layout = TYTO_ONNX_RAW;
    state->num_dims = from->num_dims;
    memcpy(state->dims, from->dims, sizeof(state->dims));
    if (state->num_dims)
        return TYTO_OK;
    /* An inner tensor whose shape the file does not tell: its first reader knows the channels. */
    const struct tyto_onnx_node *reader = first_reader(&conv->model, walk, tensor);
    const uint32_t weight = reader ? tyto_onnx_in(reader, 1) : TYTO_WALK_NONE;
    state->num_dims = 4;
    for (int i = 0; i < 4; i++)
        state->dims[i] = -1;
    if (reader && strcmp(reader->op, "Conv") == 0 && tyto_onnx_is_const(&conv->model, weight) &&
        conv->model.tensors[weight].num_dims == 4)
        state->dims[1] = conv->model.tensors[weight].dims[1];
    return TYTO_OK;
}

static enum tyto_err find_value(void *converter, uint32_t tensor, uint32_t *ret_value)
{
    struct tyto_onnx_converter *conv = converter;
    struct tyto_onnx_state *state = &conv->states[tensor];
    if (!state->ready || tyto_onnx_is_padded(state))
        return TYTO_ERR_EMPTY;
    const enum tyto_err err = tyto_onnx_settle(conv, state);
    if (!err)
        *ret_value = state->value;
    return err;
}

static enum tyto_err run(struct tyto_onnx_converter *conv, struct tyto_build_outs *ret_outs)
{
    static const struct tyto_import_ops ops = {
        .name = name_of,
        .describe = describe,
        .set_input = set_input,
        .convert = convert,
        .find_value = find_value,
    };
    const struct tyto_onnx *model = &conv->model;
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

enum tyto_err tyto_import_onnx(struct tyto_build *build, const struct tyto_import_params *params,
                               const uint8_t *bytes, size_t num_bytes,
                               struct tyto_build_outs *ret_outs)
{
    struct tyto_onnx_converter conv = {.model = {.build = build}, .build = build, .params = params};
    enum tyto_err err = tyto_onnx_parse(&conv.model, bytes, num_bytes);
    if (!err)
        err = run(&conv, ret_outs);
    tyto_onnx_finish(&conv.model);
    build->op = build->node = "";
    return err;
}
