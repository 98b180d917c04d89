/* SPDX-License-Identifier: MIT */
/* How a foreign tensor lies over a value of ours, settled at the first use. */
#include "model/import/onnx/internal.h"
#include <string.h>

bool tyto_onnx_is_vector(const struct tyto_onnx_converter *conv,
                         const struct tyto_onnx_state *state)
{
    const struct tyto_value *value = &conv->build->values[state->value];
    return state->layout != TYTO_ONNX_RAW && value->h == 1 && value->w == 1;
}

static enum tyto_err set_input_shape(struct tyto_onnx_converter *conv, int64_t h, int64_t w,
                                     int64_t c)
{
    if (conv->params->input_h)
        h = conv->params->input_h;
    if (conv->params->input_w)
        w = conv->params->input_w;
    if (h < 1 || w < 1 || c < 1 || h > TYTO_GRAPH_MAX_DIM || w > TYTO_GRAPH_MAX_DIM ||
        c > TYTO_GRAPH_MAX_DIM)
        return tyto_build_fail(conv->build, TYTO_ERR_SHAPE,
                               "the input's shape is (%lld,%lld,%lld), or left open: give its size "
                               "with --input HxW",
                               (long long)h, (long long)w, (long long)c);
    const struct tyto_value shape = {(uint32_t)h, (uint32_t)w, (uint32_t)c};
    struct tyto_value *value = &conv->build->values[0];
    if (conv->build->input_read && memcmp(value, &shape, sizeof(shape)) != 0)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "the input is read in two shapes");
    *value = shape;
    conv->build->input_read = true;
    return TYTO_OK;
}

enum tyto_err tyto_onnx_settle(struct tyto_onnx_converter *conv, struct tyto_onnx_state *state)
{
    if (state->layout != TYTO_ONNX_RAW)
        return TYTO_OK;
    const int64_t *d = state->dims;
    if (state->num_dims != 4 && state->num_dims != 2)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "the input has %u dimensions, 4 or 2 are supported",
                               state->num_dims);
    if (state->num_dims == 2) {
        state->layout = TYTO_ONNX_FLAT_CHW;
        return set_input_shape(conv, 1, 1, d[1]);
    }
    state->layout = conv->input_nhwc ? TYTO_ONNX_NHWC : TYTO_ONNX_NCHW;
    return conv->input_nhwc ? set_input_shape(conv, d[1], d[2], d[3])
                            : set_input_shape(conv, d[2], d[3], d[1]);
}

static enum tyto_err any_input(struct tyto_onnx_converter *conv, const struct tyto_onnx_node *node,
                               uint32_t i, struct tyto_onnx_state *ret_state)
{
    const uint32_t tensor = tyto_onnx_in(node, i);
    if (tensor == TYTO_WALK_NONE || !conv->states[tensor].ready)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT,
                               "input %u is missing, a constant, or written later", i);
    *ret_state = conv->states[tensor];
    return TYTO_OK;
}

bool tyto_onnx_is_padded(const struct tyto_onnx_state *state)
{
    return state->pads.top || state->pads.left || state->pads.bottom || state->pads.right;
}

enum tyto_err tyto_onnx_input(struct tyto_onnx_converter *conv, const struct tyto_onnx_node *node,
                              uint32_t i, struct tyto_onnx_state *ret_state)
{
    const enum tyto_err err = any_input(conv, node, i, ret_state);
    if (!err && tyto_onnx_is_padded(ret_state))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "Pad can be imported before a convolution only");
    return err;
}

enum tyto_err tyto_onnx_spatial_input(struct tyto_onnx_converter *conv,
                                      const struct tyto_onnx_node *node, uint32_t i,
                                      struct tyto_onnx_state *ret_state)
{
    enum tyto_err err = any_input(conv, node, i, ret_state);
    if (!err)
        err = tyto_onnx_settle(conv, ret_state);
    if (!err && ret_state->layout != TYTO_ONNX_NCHW && !tyto_onnx_is_vector(conv, ret_state))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "its input is no (N,C,H,W) tensor any more");
    return err;
}
