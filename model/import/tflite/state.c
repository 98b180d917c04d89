/* SPDX-License-Identifier: MIT */
/* What became of a tensor, and how an op reads it. */
#include "model/import/tflite/ops.h"

static bool same_shape(const struct tyto_value *a, const struct tyto_value *b)
{
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

/* (N,H,W,C), (N,H,W), (H,W), (1,C) and (C) as H, W, C of one item. */
struct tyto_value tyto_tflite_view(const struct tyto_tflite_tensor *tensor)
{
    const uint32_t *d = tensor->dims;
    switch (tensor->num_dims) {
    case 0:
        return (struct tyto_value){1, 1, 1};
    case 1:
        return (struct tyto_value){1, 1, d[0]};
    case 2:
        return d[0] <= 1 ? (struct tyto_value){1, 1, d[1]} : (struct tyto_value){d[0], d[1], 1};
    case 3:
        return d[0] <= 1 ? (struct tyto_value){d[1], d[2], 1}
                         : (struct tyto_value){d[0], d[1], d[2]};
    case 4:
        return (struct tyto_value){d[1], d[2], d[3]};
    default:
        return (struct tyto_value){0, 0, 0};
    }
}

bool tyto_tflite_padded(const struct tyto_tflite_state *state)
{
    return state->pads.top || state->pads.left || state->pads.bottom || state->pads.right;
}

enum tyto_err tyto_tflite_input(struct tyto_tflite_converter *conv,
                                const struct tyto_tflite_node *node, uint32_t i,
                                struct tyto_tflite_state *ret_state)
{
    if (i >= node->num_in || node->in[i] == TYTO_WALK_NONE || !conv->states[node->in[i]].ready)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT,
                               "input %u is missing, a constant, or written later", i);
    *ret_state = conv->states[node->in[i]];
    return TYTO_OK;
}

enum tyto_err tyto_tflite_unpadded_input(struct tyto_tflite_converter *conv,
                                         const struct tyto_tflite_node *node, uint32_t i,
                                         struct tyto_tflite_state *ret_state)
{
    const enum tyto_err err = tyto_tflite_input(conv, node, i, ret_state);
    if (err)
        return err;
    if (tyto_tflite_padded(ret_state))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "PAD before it");
    return TYTO_OK;
}

enum tyto_err tyto_tflite_shaped_input(struct tyto_tflite_converter *conv,
                                       const struct tyto_tflite_node *node, uint32_t i,
                                       bool may_be_padded, struct tyto_tflite_state *ret_state)
{
    struct tyto_build *build = conv->build;
    const enum tyto_err err = tyto_tflite_input(conv, node, i, ret_state);
    if (err)
        return err;
    if (tyto_tflite_padded(ret_state) && !may_be_padded)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "PAD can be imported before a convolution only");
    const struct tyto_value *view = &ret_state->view;
    struct tyto_value *shape = &build->values[ret_state->value];
    if (same_shape(view, shape))
        return TYTO_OK;
    if (tyto_value_num_floats(view) != tyto_value_num_floats(shape))
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "the input was reshaped from (%u,%u,%u) to (%u,%u,%u)", shape->h,
                               shape->w, shape->c, view->h, view->w, view->c);
    if (ret_state->value != 0 || build->input_read)
        return tyto_build_view(build, ret_state->value, *view, &ret_state->value);
    *shape = *view;
    return TYTO_OK;
}

enum tyto_err tyto_tflite_read_act(struct tyto_tflite_converter *conv,
                                   const struct tyto_tflite_node *node, uint32_t field,
                                   struct tyto_layer *layer)
{
    const uint8_t code = tyto_flat_field_u8(&conv->model.flat, node->options, field, 0);
    static const enum tyto_act acts[] = {TYTO_ACT_NONE, TYTO_ACT_RELU, TYTO_ACT_NUM, TYTO_ACT_RELU6,
                                         TYTO_ACT_TANH};
    if (code >= sizeof(acts) / sizeof(acts[0]) || acts[code] == TYTO_ACT_NUM)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "fused activation %u; NONE, RELU, RELU6 and TANH are supported",
                               code);
    layer->act = acts[code];
    return TYTO_OK;
}

enum tyto_err tyto_tflite_append(struct tyto_tflite_converter *conv, const struct tyto_layer *layer,
                                 uint32_t out_c, struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state state = {.ready = true};
    const enum tyto_err err = tyto_build_layer(conv->build, layer, out_c, &state.value);
    if (err)
        return err;
    state.view = conv->build->values[state.value];
    *ret_state = state;
    return TYTO_OK;
}
