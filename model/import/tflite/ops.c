/* SPDX-License-Identifier: MIT */
/* TFLite's ops, one converter each, and the list of all. */
#include "model/import/tflite/ops.h"

/* Fields 0..2 of all windowed ops' options are padding, stride_w, stride_h. */
static enum tyto_err read_window(struct tyto_tflite_converter *conv,
                                 const struct tyto_tflite_node *node,
                                 const struct tyto_tflite_state *in, struct tyto_layer *layer)
{
    struct tyto_flat *flat = &conv->model.flat;
    const uint8_t padding = tyto_flat_field_u8(flat, node->options, 0, 0);
    layer->stride_w = (uint32_t)tyto_flat_field_i32(flat, node->options, 1, 1);
    layer->stride_h = (uint32_t)tyto_flat_field_i32(flat, node->options, 2, 1);
    if (padding > 1 || layer->stride_w < 1 || layer->stride_w > 64 || layer->stride_h < 1 ||
        layer->stride_h > 64)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "padding %u, stride %ux%u",
                               padding, layer->stride_h, layer->stride_w);
    if (padding == 0) { /* SAME */
        const struct tyto_build_pads *pads = &in->pads;
        tyto_build_same_pads(in->view.h + pads->top + pads->bottom, layer->kernel_h,
                             layer->stride_h, &layer->pad_top, &layer->pad_bottom);
        tyto_build_same_pads(in->view.w + pads->left + pads->right, layer->kernel_w,
                             layer->stride_w, &layer->pad_left, &layer->pad_right);
    }
    layer->pad_top += in->pads.top;
    layer->pad_bottom += in->pads.bottom;
    layer->pad_left += in->pads.left;
    layer->pad_right += in->pads.right;
    return TYTO_OK;
}

/* Weight and bias of inputs 1 and 2. */
static enum tyto_err read_weights(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node, uint64_t num_weights,
                                  uint64_t num_biases, struct tyto_layer *layer)
{
    float *values = NULL;
    enum tyto_err err = tyto_tflite_floats(&conv->model, node->in[1], num_weights, &values);
    if (err)
        return err;
    layer->weight = values;
    if (node->num_in < 3 || node->in[2] == TYTO_WALK_NONE)
        return TYTO_OK;
    err = tyto_tflite_floats(&conv->model, node->in[2], num_biases, &values);
    if (!err)
        layer->bias = values;
    return err;
}

static enum tyto_err weight_dims(struct tyto_tflite_converter *conv,
                                 const struct tyto_tflite_node *node, uint32_t num_dims,
                                 const uint32_t **ret_dims)
{
    if (node->num_in < 2 || node->in[1] == TYTO_WALK_NONE ||
        !tyto_tflite_is_const(&conv->model, node->in[1]))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "weights are no constant");
    const struct tyto_tflite_tensor *weight = &conv->model.tensors[node->in[1]];
    if (weight->num_dims != num_dims || tyto_tflite_num_elems(weight) == 0 ||
        tyto_tflite_num_elems(weight) > UINT32_MAX)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "weights have a wrong shape");
    *ret_dims = weight->dims;
    return TYTO_OK;
}

static enum tyto_err convert_conv(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    const bool depthwise = node->op == TYTO_TFLITE_DEPTHWISE_CONV_2D;
    struct tyto_flat *flat = &conv->model.flat;
    struct tyto_tflite_state in = {0};
    const uint32_t *dims; /* (O,KH,KW,I), depthwise (1,KH,KW,C) */
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, true, &in);
    if (!err)
        err = weight_dims(conv, node, 4, &dims);
    if (err)
        return err;
    const uint32_t out_c = depthwise ? dims[3] : dims[0];
    struct tyto_layer layer = {
        .op = TYTO_LAYER_CONV, .in_idx = {in.value}, .kernel_h = dims[1], .kernel_w = dims[2]};
    /* A depthwise convolution of one channel is a plain one, its kernel transposed. */
    const bool transposed = depthwise && in.view.c == 1 && out_c > 1;
    if (depthwise && !transposed)
        layer.op = TYTO_LAYER_DWCONV;
    if (depthwise ? (dims[0] != 1 || (in.view.c != 1 && out_c != in.view.c)) : dims[3] != in.view.c)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "weights (%u,%u,%u,%u) do not fit %u input channels (groups and "
                               "depth multipliers are not supported)",
                               dims[0], dims[1], dims[2], dims[3], in.view.c);
    err = read_weights(conv, node, tyto_tflite_num_elems(&conv->model.tensors[node->in[1]]), out_c,
                       &layer);
    if (!err && transposed) {
        const uint64_t taps = (uint64_t)dims[1] * dims[2];
        float *weight = tyto_build_floats(conv->build, taps * out_c);
        if (!weight)
            return tyto_build_fail(conv->build, TYTO_ERR_NOMEM, "too many weights");
        for (uint64_t i = 0; i < taps * out_c; i++)
            weight[i % out_c * taps + i / out_c] = layer.weight[i];
        layer.weight = weight;
    }
    const uint32_t at = depthwise ? 5 : 4; /* dilation_w_factor, dilation_h_factor */
    const uint32_t dilation_w = (uint32_t)tyto_flat_field_i32(flat, node->options, at, 1);
    const uint32_t dilation_h = (uint32_t)tyto_flat_field_i32(flat, node->options, at + 1, 1);
    const bool per_channel = layer.op == TYTO_LAYER_DWCONV;
    if (!err)
        err = tyto_build_dilate(conv->build, &layer, per_channel ? 1 : out_c,
                                per_channel ? out_c : in.view.c, dilation_h, dilation_w);
    if (!err)
        err = read_window(conv, node, &in, &layer);
    if (!err)
        err = tyto_tflite_read_act(conv, node, depthwise ? 4 : 3, &layer);
    return err ? err : tyto_tflite_append(conv, &layer, out_c, ret_state);
}

static enum tyto_err convert_pool(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    struct tyto_flat *flat = &conv->model.flat;
    struct tyto_tflite_state in = {0};
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, false, &in);
    if (err)
        return err;
    struct tyto_layer layer = {
        .op = node->op == TYTO_TFLITE_MAX_POOL_2D ? TYTO_LAYER_MAX_POOL : TYTO_LAYER_AVG_POOL,
        .in_idx = {in.value},
        .kernel_w = (uint32_t)tyto_flat_field_i32(flat, node->options, 3, 1),
        .kernel_h = (uint32_t)tyto_flat_field_i32(flat, node->options, 4, 1)};
    err = read_window(conv, node, &in, &layer);
    if (!err)
        err = tyto_tflite_read_act(conv, node, 5, &layer);
    return err ? err : tyto_tflite_append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_linear(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    const uint32_t *dims;
    enum tyto_err err = tyto_tflite_unpadded_input(conv, node, 0, &in);
    if (!err)
        err = weight_dims(conv, node, 2, &dims);
    if (err)
        return err;
    if (tyto_value_num_floats(&in.view) != dims[1])
        return tyto_build_fail(conv->build, TYTO_ERR_SHAPE,
                               "weights (%u,%u) do not fit the input (%u,%u,%u); a fully connected "
                               "layer cannot follow a new input size",
                               dims[0], dims[1], in.view.h, in.view.w, in.view.c);
    if (tyto_flat_field_u8(&conv->model.flat, node->options, 1, 0) != 0) /* weights_format */
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "shuffled weights");
    struct tyto_layer layer = {.op = TYTO_LAYER_LINEAR, .in_idx = {in.value}};
    err = read_weights(conv, node, (uint64_t)dims[0] * dims[1], dims[0], &layer);
    if (!err)
        err = tyto_tflite_read_act(conv, node, 0, &layer);
    return err ? err : tyto_tflite_append(conv, &layer, dims[0], ret_state);
}

/* x + constant, x - constant, constant - x, x * constant. */
static enum tyto_err convert_constant(struct tyto_tflite_converter *conv,
                                      const struct tyto_tflite_node *node, uint32_t const_i,
                                      struct tyto_tflite_state *ret_state)
{
    const struct tyto_tflite_tensor *tensor = &conv->model.tensors[node->in[const_i]];
    struct tyto_tflite_state in = {0};
    struct tyto_layer act = {.op = TYTO_LAYER_ACTIVATION};
    float *values = NULL;
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 1 - const_i, false, &in);
    if (!err)
        err = tyto_tflite_read_act(conv, node, 0, &act);
    const uint64_t num = tyto_tflite_num_elems(tensor);
    if (!err)
        err = tyto_tflite_floats(&conv->model, node->in[const_i], num, &values);
    if (err)
        return err;
    static const float minus_one = -1.0f;
    const bool reversed = node->op == TYTO_TFLITE_SUB && const_i == 0;
    for (uint64_t i = 0; node->op == TYTO_TFLITE_SUB && !reversed && i < num; i++)
        values[i] = -values[i];
    uint32_t value = in.value;
    if (reversed)
        err = tyto_build_scale(conv->build, value, &minus_one, NULL, 1, &value);
    if (!err)
        err = node->op == TYTO_TFLITE_MUL
                  ? tyto_build_scale(conv->build, value, values, NULL, num, &value)
                  : tyto_build_scale(conv->build, value, NULL, values, num, &value);
    act.in_idx[0] = value;
    return err ? err : tyto_tflite_append(conv, &act, 0, ret_state);
}

static enum tyto_err convert_binary(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    for (uint32_t i = 0; i < 2 && i < node->num_in; i++)
        if (node->in[i] != TYTO_WALK_NONE && tyto_tflite_is_const(&conv->model, node->in[i]))
            return convert_constant(conv, node, i, ret_state);
    const bool is_product = node->op == TYTO_TFLITE_MUL;
    if (node->op != TYTO_TFLITE_ADD && !is_product)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of two activations; with a constant it is supported");
    struct tyto_tflite_state a, b;
    struct tyto_layer layer = {.op = is_product ? TYTO_LAYER_MUL : TYTO_LAYER_ADD};
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, false, &a);
    if (!err)
        err = tyto_tflite_shaped_input(conv, node, 1, false, &b);
    if (!err)
        err = tyto_tflite_read_act(conv, node, 0, &layer);
    if (err)
        return err;
    const struct tyto_value *first = &conv->build->values[a.value];
    const bool is_factors = is_product && first->h == 1 && first->w == 1;
    layer.in_idx[0] = is_factors ? b.value : a.value;
    layer.in_idx[1] = is_factors ? a.value : b.value;
    return tyto_tflite_append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_activation(struct tyto_tflite_converter *conv,
                                        const struct tyto_tflite_node *node,
                                        struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    enum tyto_err err = tyto_tflite_unpadded_input(conv, node, 0, &in);
    if (err)
        return err;
    struct tyto_layer layer = {.op = TYTO_LAYER_ACTIVATION, .in_idx = {in.value}};
    if (node->op == TYTO_TFLITE_RELU) {
        layer.act = TYTO_ACT_RELU;
    } else if (node->op == TYTO_TFLITE_RELU6) {
        layer.act = TYTO_ACT_RELU6;
    } else if (node->op == TYTO_TFLITE_LOGISTIC) {
        layer.act = TYTO_ACT_SIGMOID;
    } else if (node->op == TYTO_TFLITE_TANH) {
        layer.act = TYTO_ACT_TANH;
    } else if (node->op == TYTO_TFLITE_HARD_SWISH) {
        layer.act = TYTO_ACT_HARD_SWISH;
    } else {
        layer.act = TYTO_ACT_LEAKY_RELU;
        layer.act_slope = tyto_flat_field_f32(&conv->model.flat, node->options, 0, 0.0f);
    }
    err = tyto_tflite_append(conv, &layer, 0, ret_state);
    if (!err)
        ret_state->view = in.view; /* works on any shape, so a view stays a view */
    return err;
}

static enum tyto_err convert_softmax(struct tyto_tflite_converter *conv,
                                     const struct tyto_tflite_node *node,
                                     struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, false, &in);
    if (err)
        return err;
    const float beta = tyto_flat_field_f32(&conv->model.flat, node->options, 0, 1.0f);
    if (beta != 1.0f)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "beta %g, only 1 is supported",
                               (double)beta);
    const struct tyto_layer layer = {.op = TYTO_LAYER_SOFTMAX, .in_idx = {in.value}};
    return tyto_tflite_append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_mean(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    int32_t axes[2];
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, false, &in);
    if (!err && (node->num_in < 2 || node->in[1] == TYTO_WALK_NONE))
        err = tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "axes are missing");
    if (!err)
        err = tyto_tflite_ints(&conv->model, node->in[1], 2, axes);
    if (err)
        return err;
    for (int i = 0; i < 2; i++)
        axes[i] += axes[i] < 0 ? 4 : 0;
    if (axes[0] + axes[1] != 3 || axes[0] * axes[1] != 2)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "over axes %d and %d; height and width (1, 2) are supported",
                               axes[0], axes[1]);
    const struct tyto_layer layer = {.op = TYTO_LAYER_MEAN, .in_idx = {in.value}};
    return tyto_tflite_append(conv, &layer, 0, ret_state);
}

static const struct {
    int32_t op;
    tyto_tflite_convert convert;
} converters[] = {
    {TYTO_TFLITE_ADD, convert_binary},
    {TYTO_TFLITE_AVERAGE_POOL_2D, convert_pool},
    {TYTO_TFLITE_CONCATENATION, tyto_tflite_convert_concat},
    {TYTO_TFLITE_CONV_2D, convert_conv},
    {TYTO_TFLITE_DEPTHWISE_CONV_2D, convert_conv},
    {TYTO_TFLITE_DEQUANTIZE, tyto_tflite_convert_same},
    {TYTO_TFLITE_FULLY_CONNECTED, convert_linear},
    {TYTO_TFLITE_LOGISTIC, convert_activation},
    {TYTO_TFLITE_MAX_POOL_2D, convert_pool},
    {TYTO_TFLITE_MUL, convert_binary},
    {TYTO_TFLITE_RELU, convert_activation},
    {TYTO_TFLITE_RELU6, convert_activation},
    {TYTO_TFLITE_RESHAPE, tyto_tflite_convert_reshape},
    {TYTO_TFLITE_RESIZE_BILINEAR, tyto_tflite_convert_resize},
    {TYTO_TFLITE_RESIZE_NEAREST_NEIGHBOR, tyto_tflite_convert_resize},
    {TYTO_TFLITE_SOFTMAX, convert_softmax},
    {TYTO_TFLITE_TANH, convert_activation},
    {TYTO_TFLITE_PAD, tyto_tflite_convert_pad},
    {TYTO_TFLITE_MEAN, convert_mean},
    {TYTO_TFLITE_SUB, convert_binary},
    {TYTO_TFLITE_SQUEEZE, tyto_tflite_convert_reshape},
    {TYTO_TFLITE_SPLIT, tyto_tflite_convert_split},
    {TYTO_TFLITE_EXPAND_DIMS, tyto_tflite_convert_reshape},
    {TYTO_TFLITE_LEAKY_RELU, convert_activation},
    {TYTO_TFLITE_QUANTIZE, tyto_tflite_convert_same},
    {TYTO_TFLITE_HARD_SWISH, convert_activation},
};

tyto_tflite_convert tyto_tflite_find_converter(int32_t op)
{
    for (size_t i = 0; i < sizeof(converters) / sizeof(converters[0]); i++)
        if (converters[i].op == op)
            return converters[i].convert;
    return NULL;
}
