/* SPDX-License-Identifier: MIT */
/* ONNX's ops without a window, and the list of all. */
#include <math.h>
#include <string.h>

#include "model/import/onnx/internal.h"

static bool flat(const struct tyto_onnx_state *state)
{
    return state->layout == TYTO_ONNX_FLAT_CHW || state->layout == TYTO_ONNX_FLAT_HWC;
}

/* An activation in whatever layout, its shape decided. */
static enum tyto_err settled_input(struct tyto_onnx_converter *conv,
                                   const struct tyto_onnx_node *node, uint32_t i,
                                   struct tyto_onnx_state *ret_state)
{
    const enum tyto_err err = tyto_onnx_input(conv, node, i, ret_state);
    return err ? err : tyto_onnx_settle(conv, ret_state);
}

/* --- activations ----------------------------------------------------------------------- */

static enum tyto_err convert_act(struct tyto_onnx_converter *conv,
                                 const struct tyto_onnx_node *node,
                                 struct tyto_onnx_state *ret_state)
{
    enum tyto_act act = TYTO_ACT_TANH;
    float slope = 0;
    if (strcmp(node->op, "Relu") == 0) {
        act = TYTO_ACT_RELU;
    } else if (strcmp(node->op, "LeakyRelu") == 0) {
        act = TYTO_ACT_LEAKY_RELU;
        slope = tyto_onnx_attr_float(&conv->model, node, "alpha", 0.01f);
    } else if (strcmp(node->op, "Sigmoid") == 0) {
        act = TYTO_ACT_SIGMOID;
    } else if (strcmp(node->op, "HardSwish") == 0) {
        act = TYTO_ACT_HARD_SWISH;
    }
    const enum tyto_err err = settled_input(conv, node, 0, ret_state);
    return err ? err : tyto_build_act(conv->build, ret_state->value, act, slope, &ret_state->value);
}

static enum tyto_err convert_clip(struct tyto_onnx_converter *conv,
                                  const struct tyto_onnx_node *node,
                                  struct tyto_onnx_state *ret_state)
{
    const struct tyto_onnx *model = &conv->model;
    float low = tyto_onnx_attr_float(model, node, "min", -INFINITY);
    float high = tyto_onnx_attr_float(model, node, "max", INFINITY);
    enum tyto_err err = settled_input(conv, node, 0, ret_state);
    if (!err && tyto_onnx_in(node, 1) != TYTO_WALK_NONE)
        err = tyto_onnx_scalar(model, node->in[1], &low);
    if (!err && tyto_onnx_in(node, 2) != TYTO_WALK_NONE)
        err = tyto_onnx_scalar(model, node->in[2], &high);
    if (err)
        return err;
    uint32_t *value = &ret_state->value;
    if (low == 0 && high == 6)
        return tyto_build_act(conv->build, *value, TYTO_ACT_RELU6, 0, value);
    if (high < 3e38f)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "to [%g, %g]; [0, 6] and [x, infinity] are supported", (double)low,
                               (double)high);
    if (low == 0)
        return tyto_build_act(conv->build, *value, TYTO_ACT_RELU, 0, value);
    return low <= -3e38f ? TYTO_OK : tyto_build_clamp_min(conv->build, *value, low, value);
}

static enum tyto_err convert_max(struct tyto_onnx_converter *conv,
                                 const struct tyto_onnx_node *node,
                                 struct tyto_onnx_state *ret_state)
{
    const uint32_t const_i = tyto_onnx_is_const(&conv->model, tyto_onnx_in(node, 0)) ? 0 : 1;
    float low = 0;
    if (node->num_in != 2)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of %u inputs; an activation and one number are supported",
                               node->num_in);
    enum tyto_err err = settled_input(conv, node, 1 - const_i, ret_state);
    if (!err)
        err = tyto_onnx_scalar(&conv->model, node->in[const_i], &low);
    return err ? err : tyto_build_clamp_min(conv->build, ret_state->value, low, &ret_state->value);
}

static enum tyto_err convert_softmax(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    const enum tyto_err err = settled_input(conv, node, 0, ret_state);
    if (err)
        return err;
    const int64_t axis = tyto_onnx_attr_int(&conv->model, node, "axis", -1);
    const bool over_c =
        tyto_onnx_is_vector(conv, ret_state)
            ? axis == 1 || axis == -1
            : (ret_state->layout == TYTO_ONNX_NCHW && (axis == 1 || axis == -3)) ||
                  (ret_state->layout == TYTO_ONNX_NHWC && (axis == 3 || axis == -1));
    if (!over_c)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "over axis %lld; over the channels it is supported",
                               (long long)axis);
    const struct tyto_layer layer = {.op = TYTO_LAYER_SOFTMAX, .in_idx = {ret_state->value}};
    return tyto_build_layer(conv->build, &layer, 0, &ret_state->value);
}

/* --- arithmetic -------------------------------------------------------------------------- */

/* A constant that is one number, or one for each channel and broadcast over the rest. */
static enum tyto_err channel_constant(struct tyto_onnx_converter *conv,
                                      const struct tyto_onnx_state *state, uint32_t tensor,
                                      float **ret_values, uint64_t *ret_num)
{
    const struct tyto_onnx_tensor *constant = &conv->model.tensors[tensor];
    /* The channel axis, counted from the end. */
    const uint32_t axis = state->layout == TYTO_ONNX_NCHW ? 3 : 1;
    const uint64_t num = tyto_onnx_num_elems(&conv->model, tensor);
    for (uint32_t i = 0; i < constant->num_dims; i++)
        if (num != 1 && constant->dims[i] != 1 && constant->num_dims - i != axis)
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                   "a constant that varies over more than the channels");
    if (num != 1 && flat(state) && !tyto_onnx_is_vector(conv, state))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "on a flattened tensor");
    *ret_num = num;
    return tyto_onnx_floats(&conv->model, tensor, num, ret_values);
}

static enum tyto_err convert_with_constant(struct tyto_onnx_converter *conv,
                                           const struct tyto_onnx_node *node, uint32_t const_i,
                                           struct tyto_onnx_state *ret_state)
{
    float *values = NULL;
    uint64_t num = 0;
    enum tyto_err err = settled_input(conv, node, 1 - const_i, ret_state);
    if (!err)
        err = channel_constant(conv, ret_state, node->in[const_i], &values, &num);
    if (err)
        return err;
    uint32_t *value = &ret_state->value;
    static const float minus_one = -1.0f;
    switch (node->op[0]) {
    case 'A': /* Add */
        break;
    case 'S': /* Sub */
        if (const_i == 0) {
            err = tyto_build_scale(conv->build, *value, &minus_one, NULL, 1, value);
            break;
        }
        for (uint64_t i = 0; i < num; i++)
            values[i] = -values[i];
        break;
    case 'D': /* Div */
        if (const_i == 0)
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "by an activation");
        for (uint64_t i = 0; i < num; i++) {
            if (values[i] == 0)
                return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "by zero");
            values[i] = 1.0f / values[i];
        }
        return tyto_build_scale(conv->build, *value, values, NULL, num, value);
    default: /* Mul */
        return tyto_build_scale(conv->build, *value, values, NULL, num, value);
    }
    return err ? err : tyto_build_scale(conv->build, *value, NULL, values, num, value);
}

/* ONNX counts axes from the end: what has lost or never had its axes of places varies over the
 * channels only where it could not stand for a row or a column as well. */
static bool has_factors(const struct tyto_onnx_converter *conv, const struct tyto_onnx_state *state,
                        const struct tyto_onnx_state *factors)
{
    const struct tyto_value *value = &conv->build->values[state->value];
    if (!tyto_onnx_is_vector(conv, factors) || (flat(state) && !tyto_onnx_is_vector(conv, state)))
        return false;
    return state->layout == factors->layout ||
           (flat(factors) && value->h != value->c && value->w != value->c && value->w != 1);
}

static enum tyto_err convert_binary(struct tyto_onnx_converter *conv,
                                    const struct tyto_onnx_node *node,
                                    struct tyto_onnx_state *ret_state)
{
    for (uint32_t i = 0; i < 2; i++)
        if (tyto_onnx_is_const(&conv->model, tyto_onnx_in(node, i)))
            return convert_with_constant(conv, node, i, ret_state);
    const bool is_product = node->op[0] == 'M';
    if (node->op[0] != 'A' && !is_product)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of two activations; with a constant it is supported");
    struct tyto_onnx_state a, b;
    enum tyto_err err = settled_input(conv, node, 0, &a);
    if (!err)
        err = settled_input(conv, node, 1, &b);
    if (err)
        return err;
    if (is_product && tyto_onnx_is_vector(conv, &a)) {
        const struct tyto_onnx_state factors = a;
        a = b;
        b = factors;
    }
    if (is_product && !has_factors(conv, &a, &b))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of two activations; with one factor a channel it is supported");
    if (!is_product && a.layout != b.layout &&
        !(tyto_onnx_is_vector(conv, &a) && tyto_onnx_is_vector(conv, &b)))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "of tensors in different layouts");
    const struct tyto_layer layer = {.op = is_product ? TYTO_LAYER_MUL : TYTO_LAYER_ADD,
                                     .in_idx = {a.value, b.value}};
    *ret_state = a;
    return tyto_build_layer(conv->build, &layer, 0, &ret_state->value);
}

static enum tyto_err convert_batch_norm(struct tyto_onnx_converter *conv,
                                        const struct tyto_onnx_node *node,
                                        struct tyto_onnx_state *ret_state)
{
    float *parts[4]; /* scale, shift, mean, variance */
    enum tyto_err err = tyto_onnx_input(conv, node, 0, ret_state);
    if (!err)
        err = tyto_onnx_spatial_input(conv, node, 0, ret_state);
    const uint32_t c = conv->build->values[err ? 0 : ret_state->value].c;
    for (uint32_t i = 0; !err && i < 4; i++)
        err = tyto_onnx_floats(&conv->model, tyto_onnx_in(node, i + 1), c, &parts[i]);
    if (err)
        return err;
    const float epsilon = tyto_onnx_attr_float(&conv->model, node, "epsilon", 1e-5f);
    for (uint32_t i = 0; i < c; i++) {
        const double deviation = sqrt((double)parts[3][i] + (double)epsilon);
        if (!(deviation > 0))
            return tyto_build_fail(conv->build, TYTO_ERR_FORMAT, "a variance is not positive");
        const double scale = (double)parts[0][i] / deviation;
        parts[1][i] = (float)((double)parts[1][i] - (double)parts[2][i] * scale);
        parts[0][i] = (float)scale;
    }
    return tyto_build_scale(conv->build, ret_state->value, parts[0], parts[1], c,
                            &ret_state->value);
}

/* Gemm: a (N,K), b (K,O) or transposed (O,K), plus c; MatMul: a (N,K), b (K,O). */
static enum tyto_err convert_linear(struct tyto_onnx_converter *conv,
                                    const struct tyto_onnx_node *node,
                                    struct tyto_onnx_state *ret_state)
{
    const struct tyto_onnx *model = &conv->model;
    struct tyto_onnx_state in;
    enum tyto_err err = settled_input(conv, node, 0, &in);
    if (err)
        return err;
    const uint32_t tensor = tyto_onnx_in(node, 1);
    const bool gemm = strcmp(node->op, "Gemm") == 0;
    const bool transposed = gemm && tyto_onnx_attr_int(model, node, "transB", 0);
    const struct tyto_value shape = conv->build->values[in.value];
    const uint64_t num_in = (uint64_t)shape.h * shape.w * shape.c;
    const bool flattened = flat(&in) || tyto_onnx_is_vector(conv, &in);
    if (!flattened || !tyto_onnx_is_const(model, tensor) || model->tensors[tensor].num_dims != 2 ||
        (gemm && tyto_onnx_attr_int(model, node, "transA", 0)) ||
        (uint64_t)model->tensors[tensor].dims[transposed ? 1 : 0] != num_in)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "needs a flattened input of %llu elements and a constant matrix "
                               "that fits it",
                               (unsigned long long)num_in);
    const uint64_t num_out = (uint64_t)model->tensors[tensor].dims[transposed ? 0 : 1];
    if (num_out < 1 || num_out > TYTO_GRAPH_MAX_DIM)
        return tyto_build_fail(conv->build, TYTO_ERR_SHAPE, "too many outputs, or none");
    float *from = NULL, *bias = NULL;
    err = tyto_onnx_floats(model, tensor, num_in * num_out, &from);
    const uint32_t bias_tensor = gemm ? tyto_onnx_in(node, 2) : TYTO_WALK_NONE;
    if (!err && bias_tensor != TYTO_WALK_NONE)
        err = tyto_onnx_floats(model, bias_tensor, num_out, &bias);
    if (err)
        return err;
    const float alpha = gemm ? tyto_onnx_attr_float(model, node, "alpha", 1) : 1;
    const float beta = gemm ? tyto_onnx_attr_float(model, node, "beta", 1) : 1;
    float *weight = tyto_build_floats(conv->build, num_in * num_out);
    if (!weight)
        return tyto_build_fail(conv->build, TYTO_ERR_NOMEM, "too many weights");
    const uint64_t places = (uint64_t)shape.h * shape.w;
    for (uint64_t o = 0; o < num_out; o++)
        for (uint64_t k = 0; k < num_in; k++) {
            /* k counts in the file's order, column in ours, (H,W,C) */
            const uint64_t column =
                in.layout == TYTO_ONNX_FLAT_HWC ? k : k % places * shape.c + k / places;
            weight[o * num_in + column] =
                alpha * (transposed ? from[o * num_in + k] : from[k * num_out + o]);
        }
    for (uint64_t o = 0; bias && o < num_out; o++)
        bias[o] *= beta;
    const struct tyto_layer layer = {
        .op = TYTO_LAYER_LINEAR, .in_idx = {in.value}, .weight = weight, .bias = bias};
    *ret_state = (struct tyto_onnx_state){.layout = TYTO_ONNX_FLAT_CHW};
    return tyto_build_layer(conv->build, &layer, (uint32_t)num_out, &ret_state->value);
}

/* --- means and shapes --------------------------------------------------------------------- */

static enum tyto_err convert_mean(struct tyto_onnx_converter *conv,
                                  const struct tyto_onnx_node *node,
                                  struct tyto_onnx_state *ret_state)
{
    int64_t axes[2] = {2, 3};
    uint32_t num = 2;
    enum tyto_err err = settled_input(conv, node, 0, ret_state);
    if (!err && strcmp(node->op, "ReduceMean") == 0) {
        if (tyto_onnx_in(node, 1) != TYTO_WALK_NONE)
            err = tyto_onnx_ints(&conv->model, node->in[1], 2, axes, &num);
        else
            num = tyto_onnx_attr_ints(&conv->model, node, "axes", 2, axes);
    }
    if (err)
        return err;
    for (int i = 0; i < 2; i++)
        axes[i] += axes[i] < 0 ? 4 : 0;
    const int64_t first = ret_state->layout == TYTO_ONNX_NHWC ? 1 : 2;
    const bool over_places = num == 2 && ((axes[0] == first && axes[1] == first + 1) ||
                                          (axes[1] == first && axes[0] == first + 1));
    if (!over_places || flat(ret_state))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "over other axes than height and width");
    const struct tyto_layer layer = {.op = TYTO_LAYER_MEAN, .in_idx = {ret_state->value}};
    return tyto_build_layer(conv->build, &layer, 0, &ret_state->value);
}

static enum tyto_err flatten(struct tyto_onnx_converter *conv, struct tyto_onnx_state *state)
{
    const enum tyto_err err = tyto_onnx_settle(conv, state);
    if (!err && !flat(state))
        state->layout = state->layout == TYTO_ONNX_NHWC ? TYTO_ONNX_FLAT_HWC : TYTO_ONNX_FLAT_CHW;
    return err;
}

static enum tyto_err convert_flatten(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    const enum tyto_err err = tyto_onnx_input(conv, node, 0, ret_state);
    if (err)
        return err;
    const int64_t axis = tyto_onnx_attr_int(&conv->model, node, "axis", 1);
    if (axis != 1)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "from axis %lld; from 1 it is supported", (long long)axis);
    return flatten(conv, ret_state);
}

/* The untouched input under another shape: 0 keeps a size, one -1 takes what is left. */
static enum tyto_err reshape_raw(struct tyto_onnx_converter *conv, struct tyto_onnx_state *state,
                                 const int64_t *shape, uint32_t num)
{
    int64_t old_elems = 1, new_elems = 1;
    uint32_t open = num;
    int64_t dims[TYTO_ONNX_MAX_DIMS];
    if (num < 1)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "to a scalar");
    for (uint32_t i = 1; i < state->num_dims; i++) /* dims are at most 2^16 each, or -1 */
        if (state->dims[i] < 1 || __builtin_mul_overflow(old_elems, state->dims[i], &old_elems))
            old_elems = 0;
    for (uint32_t i = 0; i < num; i++) {
        dims[i] = shape[i] == 0 && i < state->num_dims ? state->dims[i] : shape[i];
        if (dims[i] > TYTO_GRAPH_MAX_DIM || dims[i] < -1)
            return tyto_build_fail(conv->build, TYTO_ERR_SHAPE, "to a size out of range");
        if (i > 0 && dims[i] < 1)
            open = open == num ? i : UINT32_MAX;
        else if (i > 0 && __builtin_mul_overflow(new_elems, dims[i], &new_elems))
            return tyto_build_fail(conv->build, TYTO_ERR_SHAPE, "to a size out of range");
    }
    if (open < num && old_elems > 0 && old_elems % new_elems == 0)
        dims[open] = old_elems / new_elems;
    else if (open != num || (old_elems > 0 && old_elems != new_elems))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "the input cannot take this shape");
    state->num_dims = num;
    memcpy(state->dims, dims, num * sizeof(*dims));
    return TYTO_OK;
}

static enum tyto_err convert_reshape(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    const struct tyto_onnx *model = &conv->model;
    int64_t shape[TYTO_ONNX_MAX_DIMS];
    uint32_t num = 0;
    enum tyto_err err = tyto_onnx_input(conv, node, 0, ret_state);
    const bool known = tyto_onnx_is_const(model, tyto_onnx_in(node, 1));
    if (!err && known)
        err = tyto_onnx_ints(model, node->in[1], TYTO_ONNX_MAX_DIMS, shape, &num);
    else if (!err)
        num = tyto_onnx_attr_ints(model, node, "shape", TYTO_ONNX_MAX_DIMS, shape);
    if (err)
        return err;
    if (num > TYTO_ONNX_MAX_DIMS)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "to too many dimensions");
    if (ret_state->layout == TYTO_ONNX_RAW && num)
        return reshape_raw(conv, ret_state, shape, num);
    err = tyto_onnx_settle(conv, ret_state);
    if (err)
        return err;
    if (tyto_onnx_is_vector(conv, ret_state)) { /* (1,1,C) is the same in any shape */
        const uint32_t c = conv->build->values[ret_state->value].c;
        ret_state->layout = num == 4 && shape[1] == c   ? TYTO_ONNX_NCHW
                            : num == 4 && shape[3] == c ? TYTO_ONNX_NHWC
                                                        : TYTO_ONNX_FLAT_CHW;
        return TYTO_OK;
    }
    /* A shape that the model computes: only (N,-1) can come of it, before a matrix. That K is
     * C*H*W is checked there. */
    if (num == 2 || num == 0)
        return flatten(conv, ret_state);
    const struct tyto_value *value = &conv->build->values[ret_state->value];
    if (num == 4 && ret_state->layout == TYTO_ONNX_NCHW && shape[1] == value->c &&
        shape[2] == value->h && shape[3] == value->w)
        return TYTO_OK;
    return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                           "of anything but the input; flattening to (N, -1) is supported");
}

/* Squeeze and Unsqueeze. */
static enum tyto_err convert_squeeze(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    int64_t axes[TYTO_ONNX_MAX_DIMS];
    uint32_t num = 0;
    enum tyto_err err = tyto_onnx_input(conv, node, 0, ret_state);
    if (!err && ret_state->layout != TYTO_ONNX_RAW && !tyto_onnx_is_vector(conv, ret_state))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                              "of anything but the input or a vector");
    if (err || ret_state->layout != TYTO_ONNX_RAW)
        return err;
    if (tyto_onnx_in(node, 1) != TYTO_WALK_NONE)
        err = tyto_onnx_ints(&conv->model, node->in[1], TYTO_ONNX_MAX_DIMS, axes, &num);
    else
        num = tyto_onnx_attr_ints(&conv->model, node, "axes", TYTO_ONNX_MAX_DIMS, axes);
    const bool insert = strcmp(node->op, "Unsqueeze") == 0;
    if (!err && (num != 1 || ret_state->num_dims + (insert ? 1 : 0) > TYTO_ONNX_MAX_DIMS))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "of several axes");
    if (err)
        return err;
    const uint32_t num_dims = ret_state->num_dims + (insert ? 1 : 0);
    const int64_t axis = axes[0] < 0 ? axes[0] + num_dims : axes[0];
    if (axis < 1 || axis >= num_dims || (!insert && ret_state->dims[axis] != 1))
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "of axis %lld",
                               (long long)axes[0]);
    int64_t *at = ret_state->dims + axis;
    const size_t behind = (size_t)(num_dims - 1 - axis) * sizeof(*at);
    if (insert) {
        memmove(at + 1, at, behind);
        *at = 1;
    } else {
        memmove(at, at + 1, behind);
    }
    ret_state->num_dims = insert ? num_dims : num_dims - 1;
    return TYTO_OK;
}

static enum tyto_err convert_transpose(struct tyto_onnx_converter *conv,
                                       const struct tyto_onnx_node *node,
                                       struct tyto_onnx_state *ret_state)
{
    static const int64_t to_nchw[] = {0, 3, 1, 2}, to_nhwc[] = {0, 2, 3, 1};
    int64_t perm[4] = {0};
    const enum tyto_err err = settled_input(conv, node, 0, ret_state);
    if (err)
        return err;
    const uint32_t num = tyto_onnx_attr_ints(&conv->model, node, "perm", 4, perm);
    const bool nchw = num == 4 && memcmp(perm, to_nchw, sizeof(perm)) == 0;
    const bool nhwc = num == 4 && memcmp(perm, to_nhwc, sizeof(perm)) == 0;
    if (tyto_onnx_is_vector(conv, ret_state))
        return TYTO_OK;
    if (nchw && ret_state->layout == TYTO_ONNX_NHWC) {
        ret_state->layout = TYTO_ONNX_NCHW;
        return TYTO_OK;
    }
    if (nhwc && ret_state->layout == TYTO_ONNX_NCHW) {
        ret_state->layout = TYTO_ONNX_NHWC;
        return TYTO_OK;
    }
    return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                           "other than between (N,H,W,C) and (N,C,H,W)");
}

static enum tyto_err convert_same(struct tyto_onnx_converter *conv,
                                  const struct tyto_onnx_node *node,
                                  struct tyto_onnx_state *ret_state)
{
    if (strcmp(node->op, "Cast") == 0 && tyto_onnx_attr_int(&conv->model, node, "to", 1) != 1)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "to anything but float");
    return tyto_onnx_input(conv, node, 0, ret_state);
}

static const struct {
    const char *op;
    tyto_onnx_convert convert;
} converters[] = {
    {"Add", convert_binary},
    {"AveragePool", tyto_onnx_convert_pool},
    {"BatchNormalization", convert_batch_norm},
    {"Cast", convert_same},
    {"Clip", convert_clip},
    {"Conv", tyto_onnx_convert_conv},
    {"Div", convert_binary},
    {"Dropout", convert_same},
    {"Flatten", convert_flatten},
    {"Gemm", convert_linear},
    {"GlobalAveragePool", convert_mean},
    {"GlobalMaxPool", tyto_onnx_convert_pool},
    {"HardSwish", convert_act},
    {"Identity", convert_same},
    {"LeakyRelu", convert_act},
    {"MatMul", convert_linear},
    {"Max", convert_max},
    {"MaxPool", tyto_onnx_convert_pool},
    {"Mul", convert_binary},
    {"Pad", tyto_onnx_convert_pad},
    {"ReduceMean", convert_mean},
    {"Relu", convert_act},
    {"Reshape", convert_reshape},
    {"Sigmoid", convert_act},
    {"Softmax", convert_softmax},
    {"Squeeze", convert_squeeze},
    {"Sub", convert_binary},
    {"Tanh", convert_act},
    {"Transpose", convert_transpose},
    {"Unsqueeze", convert_squeeze},
};

tyto_onnx_convert tyto_onnx_find_converter(const char *op)
{
    for (size_t i = 0; i < sizeof(converters) / sizeof(converters[0]); i++)
        if (strcmp(converters[i].op, op) == 0)
            return converters[i].convert;
    return NULL;
}
