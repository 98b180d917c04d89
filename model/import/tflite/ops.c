/* SPDX-License-Identifier: MIT */
/* TFLite's ops, one converter each, and the list of all. */
#include "model/import/tflite/internal.h"

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

/* The node's input i, which has to be an activation. */
static enum tyto_err input(struct tyto_tflite_converter *conv, const struct tyto_tflite_node *node,
                           uint32_t i, struct tyto_tflite_state *ret_state)
{
    if (i >= node->num_in || node->in[i] == TYTO_WALK_NONE || !conv->states[node->in[i]].ready)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT,
                               "input %u is missing, a constant, or written later", i);
    *ret_state = conv->states[node->in[i]];
    return TYTO_OK;
}

/* The same, as a value whose shape is the one the op sees; pads only where wanted. */
static enum tyto_err shaped_input(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node, uint32_t i,
                                  bool may_be_padded, struct tyto_tflite_state *ret_state)
{
    struct tyto_build *build = conv->build;
    const enum tyto_err err = input(conv, node, i, ret_state);
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

/* The axis of a view that a tensor's axis is (0 H, 1 W, 2 C); see tyto_tflite_view. */
static int view_axis(const struct tyto_tflite_tensor *tensor, int32_t axis)
{
    const int32_t num_dims = (int32_t)tensor->num_dims;
    const bool batch_first = num_dims == 4 || tensor->dims[0] <= 1;
    axis += axis < 0 ? num_dims : 0;
    if (axis < 0 || axis >= num_dims || (batch_first && num_dims > 1 && axis == 0))
        return -1;
    if (num_dims <= 2)
        return num_dims == 2 && !batch_first ? axis : 2;
    return batch_first ? axis - 1 : axis;
}

static enum tyto_err read_act(struct tyto_tflite_converter *conv,
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

static enum tyto_err append(struct tyto_tflite_converter *conv, const struct tyto_layer *layer,
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
    enum tyto_err err = shaped_input(conv, node, 0, true, &in);
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
        err = read_act(conv, node, depthwise ? 4 : 3, &layer);
    return err ? err : append(conv, &layer, out_c, ret_state);
}

static enum tyto_err convert_pool(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    struct tyto_flat *flat = &conv->model.flat;
    struct tyto_tflite_state in = {0};
    enum tyto_err err = shaped_input(conv, node, 0, false, &in);
    if (err)
        return err;
    struct tyto_layer layer = {
        .op = node->op == TYTO_TFLITE_MAX_POOL_2D ? TYTO_LAYER_MAX_POOL : TYTO_LAYER_AVG_POOL,
        .in_idx = {in.value},
        .kernel_w = (uint32_t)tyto_flat_field_i32(flat, node->options, 3, 1),
        .kernel_h = (uint32_t)tyto_flat_field_i32(flat, node->options, 4, 1)};
    err = read_window(conv, node, &in, &layer);
    if (!err)
        err = read_act(conv, node, 5, &layer);
    return err ? err : append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_linear(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    const uint32_t *dims;
    enum tyto_err err = input(conv, node, 0, &in);
    if (!err && tyto_tflite_padded(&in))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "PAD before it");
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
        err = read_act(conv, node, 0, &layer);
    return err ? err : append(conv, &layer, dims[0], ret_state);
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
    enum tyto_err err = shaped_input(conv, node, 1 - const_i, false, &in);
    if (!err)
        err = read_act(conv, node, 0, &act);
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
    return err ? err : append(conv, &act, 0, ret_state);
}

static enum tyto_err convert_binary(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    for (uint32_t i = 0; i < 2 && i < node->num_in; i++)
        if (node->in[i] != TYTO_WALK_NONE && tyto_tflite_is_const(&conv->model, node->in[i]))
            return convert_constant(conv, node, i, ret_state);
    if (node->op != TYTO_TFLITE_ADD)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of two activations; with a constant it is supported");
    struct tyto_tflite_state a, b;
    struct tyto_layer layer = {.op = TYTO_LAYER_ADD};
    enum tyto_err err = shaped_input(conv, node, 0, false, &a);
    if (!err)
        err = shaped_input(conv, node, 1, false, &b);
    if (!err)
        err = read_act(conv, node, 0, &layer);
    if (err)
        return err;
    layer.in_idx[0] = a.value;
    layer.in_idx[1] = b.value;
    return append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_activation(struct tyto_tflite_converter *conv,
                                        const struct tyto_tflite_node *node,
                                        struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    enum tyto_err err = input(conv, node, 0, &in);
    if (!err && tyto_tflite_padded(&in))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "PAD before it");
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
    } else {
        layer.act = TYTO_ACT_LEAKY_RELU;
        layer.act_slope = tyto_flat_field_f32(&conv->model.flat, node->options, 0, 0.0f);
    }
    err = append(conv, &layer, 0, ret_state);
    if (!err)
        ret_state->view = in.view; /* works on any shape, so a view stays a view */
    return err;
}

static enum tyto_err convert_softmax(struct tyto_tflite_converter *conv,
                                     const struct tyto_tflite_node *node,
                                     struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    enum tyto_err err = shaped_input(conv, node, 0, false, &in);
    if (err)
        return err;
    const float beta = tyto_flat_field_f32(&conv->model.flat, node->options, 0, 1.0f);
    if (beta != 1.0f)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "beta %g, only 1 is supported",
                               (double)beta);
    const struct tyto_layer layer = {.op = TYTO_LAYER_SOFTMAX, .in_idx = {in.value}};
    return append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_mean(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    int32_t axes[2];
    enum tyto_err err = shaped_input(conv, node, 0, false, &in);
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
    return append(conv, &layer, 0, ret_state);
}

static enum tyto_err convert_pad(struct tyto_tflite_converter *conv,
                                 const struct tyto_tflite_node *node,
                                 struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    int32_t pads[8]; /* (4,2): before and after, for N, H, W, C */
    enum tyto_err err = input(conv, node, 0, &in);
    if (!err && (node->num_in < 2 || node->in[1] == TYTO_WALK_NONE))
        err = tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "paddings are missing");
    if (!err)
        err = tyto_tflite_ints(&conv->model, node->in[1], 8, pads);
    if (err)
        return err;
    for (int i = 0; i < 8; i++)
        if (pads[i] < 0 || pads[i] > 1024 || (pads[i] && (i < 2 || i > 5)))
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                   "only zeros around height and width are supported");
    if (tyto_tflite_padded(&in))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "PAD twice");
    in.pads = (struct tyto_build_pads){.top = (uint32_t)pads[2],
                                       .bottom = (uint32_t)pads[3],
                                       .left = (uint32_t)pads[4],
                                       .right = (uint32_t)pads[5]};
    *ret_state = in;
    return TYTO_OK;
}

static enum tyto_err convert_reshape(struct tyto_tflite_converter *conv,
                                     const struct tyto_tflite_node *node,
                                     struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    enum tyto_err err = input(conv, node, 0, &in);
    if (!err && tyto_tflite_padded(&in))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "PAD before it");
    if (err)
        return err;
    struct tyto_value view = tyto_tflite_view(&conv->model.tensors[node->out]);
    if (tyto_value_num_floats(&view) != tyto_value_num_floats(&in.view)) {
        /* The file's shape is for the file's input size. A flat one follows a new size, and so do
         * rows of a fixed length, e.g. the 4 numbers of each box. */
        const struct tyto_tflite_tensor *from = &conv->model.tensors[node->in[0]];
        const struct tyto_tflite_tensor *to = &conv->model.tensors[node->out];
        const uint64_t row = (uint64_t)view.w * view.c, num = tyto_value_num_floats(&in.view);
        const bool flat = view.h == 1 && view.w == 1;
        if (tyto_tflite_num_elems(from) != tyto_tflite_num_elems(to) || (!flat && !row) ||
            (!flat && num % row) || num / (flat ? 1 : row) > TYTO_GRAPH_MAX_DIM)
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                   "from (%u,%u,%u) to (%u,%u,%u)", in.view.h, in.view.w, in.view.c,
                                   view.h, view.w, view.c);
        if (flat)
            view.c = (uint32_t)num;
        else
            view.h = (uint32_t)(num / row);
    }
    in.view = view;
    *ret_state = in;
    return TYTO_OK;
}

/* Nothing happens to the values: rounding to int8 is what import leaves out. */
static enum tyto_err convert_same(struct tyto_tflite_converter *conv,
                                  const struct tyto_tflite_node *node,
                                  struct tyto_tflite_state *ret_state)
{
    return input(conv, node, 0, ret_state);
}

static enum tyto_err concat_channels(struct tyto_tflite_converter *conv,
                                     const struct tyto_tflite_node *node, struct tyto_layer *layer,
                                     struct tyto_tflite_state *ret_state)
{
    layer->op = TYTO_LAYER_CONCAT;
    for (uint32_t i = 0; i < layer->num_ins; i++) {
        struct tyto_tflite_state in = {0};
        const enum tyto_err err = shaped_input(conv, node, i, false, &in);
        if (err)
            return err;
        layer->in_idx[i] = in.value;
    }
    return append(conv, layer, 0, ret_state);
}

/* Along the first axis that is not 1: the floats of one input come after all those of another. */
static enum tyto_err concat_rows(struct tyto_tflite_converter *conv,
                                 const struct tyto_tflite_node *node, int axis,
                                 struct tyto_layer *layer, struct tyto_tflite_state *ret_state)
{
    struct tyto_value sum = {0};
    layer->op = TYTO_LAYER_STACK;
    for (uint32_t i = 0; i < layer->num_ins; i++) {
        struct tyto_tflite_state in = {0};
        const enum tyto_err err = input(conv, node, i, &in);
        if (err)
            return err;
        if (tyto_tflite_padded(&in) ||
            (i > 0 && (in.view.c != sum.c || (axis == 0 && in.view.w != sum.w))) ||
            (axis == 1 && in.view.h != 1))
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                   "input %u is (%u,%u,%u): it does not fit to the others", i,
                                   in.view.h, in.view.w, in.view.c);
        const uint32_t h = sum.h, w = sum.w;
        sum = in.view;
        if (axis == 0)
            sum.h += h;
        else
            sum.w += w;
        layer->in_idx[i] = in.value;
    }
    struct tyto_tflite_state state = {.ready = true, .view = sum};
    const enum tyto_err err = tyto_build_shaped(conv->build, layer, sum, &state.value);
    if (!err)
        *ret_state = state;
    return err;
}

static enum tyto_err convert_concat(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    struct tyto_layer layer = {.num_ins = node->num_in};
    const int32_t axis = tyto_flat_field_i32(&conv->model.flat, node->options, 0, 0);
    const int along = view_axis(&conv->model.tensors[node->out], axis);
    if (node->in_left_out || !node->num_in)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of more than %d tensors, or none", TYTO_LAYER_MAX_INS);
    if (along < 0)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "along axis %d", axis);
    const enum tyto_err err = read_act(conv, node, 1, &layer);
    if (err)
        return err;
    return along == 2 ? concat_channels(conv, node, &layer, ret_state)
                      : concat_rows(conv, node, along, &layer, ret_state);
}

/* Sizes of the file are for its own input: what stays is the ratio. */
static enum tyto_err resized(struct tyto_tflite_converter *conv,
                             const struct tyto_tflite_node *node, const struct tyto_value *in,
                             struct tyto_value *ret_out)
{
    const struct tyto_value from = tyto_tflite_view(&conv->model.tensors[node->in[0]]);
    int32_t size[2];
    if (node->num_in < 2 || node->in[1] == TYTO_WALK_NONE)
        return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "its size is missing");
    const enum tyto_err err = tyto_tflite_ints(&conv->model, node->in[1], 2, size);
    if (err)
        return err;
    const bool sane = size[0] > 0 && size[1] > 0 && size[0] <= TYTO_GRAPH_MAX_DIM &&
                      size[1] <= TYTO_GRAPH_MAX_DIM && from.h && from.w;
    if (!sane || (uint64_t)size[0] * in->h % from.h || (uint64_t)size[1] * in->w % from.w)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "to %dx%d: does not follow the input's new size", size[0], size[1]);
    *ret_out = (struct tyto_value){(uint32_t)((uint64_t)size[0] * in->h / from.h),
                                   (uint32_t)((uint64_t)size[1] * in->w / from.w), in->c};
    return TYTO_OK;
}

static enum tyto_err convert_resize(struct tyto_tflite_converter *conv,
                                    const struct tyto_tflite_node *node,
                                    struct tyto_tflite_state *ret_state)
{
    const bool bilinear = node->op == TYTO_TFLITE_RESIZE_BILINEAR;
    const uint32_t first = bilinear ? 2 : 0; /* bilinear: two fields of old files before */
    struct tyto_flat *flat = &conv->model.flat;
    const bool corners = tyto_flat_field_u8(flat, node->options, first, 0);
    const bool half = tyto_flat_field_u8(flat, node->options, first + 1, 0);
    struct tyto_tflite_state in = {0};
    struct tyto_value out = {0};
    enum tyto_err err = shaped_input(conv, node, 0, false, &in);
    if (!err)
        err = resized(conv, node, &in.view, &out);
    if (err)
        return err;
    /* By a whole factor the half pixel makes no difference to which place is nearest. */
    const bool whole = out.h % in.view.h == 0 && out.w % in.view.w == 0;
    if (bilinear ? !corners && !half : corners || (half && !whole))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               bilinear ? "neither with half_pixel_centers nor with align_corners"
                                        : "with align_corners, or half_pixel_centers by a factor "
                                          "that is not whole");
    const struct tyto_layer layer = {.op = TYTO_LAYER_RESIZE,
                                     .in_idx = {in.value},
                                     .resize = !bilinear ? TYTO_RESIZE_NEAREST
                                               : corners ? TYTO_RESIZE_CORNERS
                                                         : TYTO_RESIZE_BILINEAR};
    struct tyto_tflite_state state = {.ready = true, .view = out};
    err = tyto_build_shaped(conv->build, &layer, out, &state.value);
    if (!err)
        *ret_state = state;
    return err;
}

static enum tyto_err convert_split(struct tyto_tflite_converter *conv,
                                   const struct tyto_tflite_node *node,
                                   struct tyto_tflite_state *ret_state)
{
    if (tyto_flat_field_i32(&conv->model.flat, node->options, 0, 0) != 1)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "only a split into one part is supported");
    return input(conv, node, 1, ret_state);
}

static const struct {
    int32_t op;
    tyto_tflite_convert convert;
} converters[] = {
    {TYTO_TFLITE_ADD, convert_binary},
    {TYTO_TFLITE_AVERAGE_POOL_2D, convert_pool},
    {TYTO_TFLITE_CONCATENATION, convert_concat},
    {TYTO_TFLITE_CONV_2D, convert_conv},
    {TYTO_TFLITE_DEPTHWISE_CONV_2D, convert_conv},
    {TYTO_TFLITE_DEQUANTIZE, convert_same},
    {TYTO_TFLITE_FULLY_CONNECTED, convert_linear},
    {TYTO_TFLITE_LOGISTIC, convert_activation},
    {TYTO_TFLITE_MAX_POOL_2D, convert_pool},
    {TYTO_TFLITE_MUL, convert_binary},
    {TYTO_TFLITE_RELU, convert_activation},
    {TYTO_TFLITE_RELU6, convert_activation},
    {TYTO_TFLITE_RESHAPE, convert_reshape},
    {TYTO_TFLITE_RESIZE_BILINEAR, convert_resize},
    {TYTO_TFLITE_RESIZE_NEAREST_NEIGHBOR, convert_resize},
    {TYTO_TFLITE_SOFTMAX, convert_softmax},
    {TYTO_TFLITE_TANH, convert_activation},
    {TYTO_TFLITE_PAD, convert_pad},
    {TYTO_TFLITE_MEAN, convert_mean},
    {TYTO_TFLITE_SUB, convert_binary},
    {TYTO_TFLITE_SQUEEZE, convert_reshape},
    {TYTO_TFLITE_SPLIT, convert_split},
    {TYTO_TFLITE_EXPAND_DIMS, convert_reshape},
    {TYTO_TFLITE_LEAKY_RELU, convert_activation},
    {TYTO_TFLITE_QUANTIZE, convert_same},
};

tyto_tflite_convert tyto_tflite_find_converter(int32_t op)
{
    for (size_t i = 0; i < sizeof(converters) / sizeof(converters[0]); i++)
        if (converters[i].op == op)
            return converters[i].convert;
    return NULL;
}
