/* SPDX-License-Identifier: MIT */
/* ONNX to our graph: finds the part between input and output, and runs the
 * converters over it. ONNX thinks in NCHW; our values are NHWC. A state says how
 * the foreign tensor lies over our value, so that transposes cost nothing and a
 * matrix after a flattening gets its columns in our order. */
#include "model/import/onnx/internal.h"

#include <stdlib.h>
#include <string.h>

static enum tyto_err find_tensor(struct tyto_onnx_converter *conv, const char *wanted,
                                 uint32_t *ret_tensor)
{
    uint32_t found = TYTO_WALK_NONE, num_found = 0;
    for (uint32_t i = 0; i < conv->model.num_tensors; i++) {
        const char *name = conv->model.tensors[i].name;
        const int match =
            conv->model.tensors[i].constant ? 0 : tyto_build_name_match(name, strlen(name), wanted);
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

static void fill_walk(const struct tyto_onnx *model, struct tyto_walk_node *nodes)
{
    for (uint32_t i = 0; i < model->num_nodes; i++) {
        const struct tyto_onnx_node *node = &model->nodes[i];
        struct tyto_walk_node *walk = &nodes[i];
        walk->op = node->op;
        walk->name = node->name;
        walk->supported = tyto_onnx_find_converter(node->op) != NULL;
        walk->is_conv = strcmp(node->op, "Conv") == 0;
        const uint32_t num = only_first_input(node->op) && node->num_in ? 1 : node->num_in;
        for (uint32_t j = 0; j < num && walk->num_in < TYTO_WALK_MAX_IN; j++)
            if (node->in[j] != TYTO_WALK_NONE && !tyto_onnx_is_const(model, node->in[j]))
                walk->in[walk->num_in++] = node->in[j];
    }
}

static enum tyto_err convert_nodes(struct tyto_onnx_converter *conv,
                                   const struct tyto_walk_node *walk)
{
    for (uint32_t i = 0; i < conv->model.num_nodes; i++) {
        const struct tyto_onnx_node *node = &conv->model.nodes[i];
        if (!walk[i].needed)
            continue;
        conv->build->op = node->op;
        conv->build->node = node->name;
        struct tyto_onnx_state state = {0};
        const enum tyto_err err = tyto_onnx_find_converter(node->op)(conv, node, &state);
        if (err)
            return err;
        state.ready = true;
        conv->states[node->out] = state; /* the walk came here by an output, so there is one */
    }
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

static void set_input(struct tyto_onnx_converter *conv, const struct tyto_walk_node *walk,
                      uint32_t tensor)
{
    conv->input_nhwc = transposes_input(&conv->model, walk, tensor);
    const struct tyto_onnx_tensor *from = &conv->model.tensors[tensor];
    struct tyto_onnx_state *state = &conv->states[tensor];
    state->ready = true;
    state->layout = TYTO_ONNX_RAW;
    state->num_dims = from->num_dims;
    memcpy(state->dims, from->dims, sizeof(state->dims));
    if (state->num_dims)
        return;
    /* An inner tensor whose shape the file does not tell: its first reader knows the channels. */
    const struct tyto_onnx_node *reader = first_reader(&conv->model, walk, tensor);
    const uint32_t weight = reader ? tyto_onnx_in(reader, 1) : TYTO_WALK_NONE;
    state->num_dims = 4;
    for (int i = 0; i < 4; i++)
        state->dims[i] = -1;
    if (reader && strcmp(reader->op, "Conv") == 0 && tyto_onnx_is_const(&conv->model, weight) &&
        conv->model.tensors[weight].num_dims == 4)
        state->dims[1] = conv->model.tensors[weight].dims[1];
}

static enum tyto_err find_outputs(struct tyto_onnx_converter *conv,
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

static enum tyto_err fill_outs(struct tyto_onnx_converter *conv, const uint32_t *tensors,
                               struct tyto_build_outs *ret_outs)
{
    ret_outs->num = 1 + conv->params->num_more_outputs;
    for (uint32_t i = 0; i < ret_outs->num; i++) {
        struct tyto_onnx_state *state = &conv->states[tensors[i]];
        if (!state->ready || tyto_onnx_is_padded(state))
            return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "nothing gives output %u", i);
        const enum tyto_err err = tyto_onnx_settle(conv, state);
        if (err)
            return err;
        ret_outs->values[i] = state->value;
    }
    return TYTO_OK;
}

static enum tyto_err convert(struct tyto_onnx_converter *conv, struct tyto_build_outs *ret_outs)
{
    const struct tyto_import_params *params = conv->params;
    struct tyto_onnx *model = &conv->model;
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
        fill_walk(model, walk.nodes);
        for (uint32_t i = 0; !err && i <= params->num_more_outputs; i++)
            err = tyto_walk_back(&walk, conv->build, outs[i], in, &in);
    }
    if (!err) {
        set_input(conv, walk.nodes, in);
        err = convert_nodes(conv, walk.nodes);
    }
    if (!err)
        err = fill_outs(conv, outs, ret_outs);
    free(walk.nodes);
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
        err = convert(&conv, ret_outs);
    tyto_onnx_finish(&conv.model);
    build->op = build->node = "";
    return err;
}
