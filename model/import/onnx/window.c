/* SPDX-License-Identifier: MIT */
/* ONNX's Conv, pools and Pad. */
#include <string.h>

#include "model/import/onnx/internal.h"

enum { MAX_SIZE = 1024 }; /* of kernels, strides, dilations, pads */

/* Attributes of two whole numbers, (h,w), each in [1, MAX_SIZE]. */
static enum tyto_err read_pair(struct tyto_onnx_converter *conv, const struct tyto_onnx_node *node,
                               const char *name, uint32_t *ret_h, uint32_t *ret_w)
{
    int64_t values[2] = {1, 1};
    const uint32_t num = tyto_onnx_attr_ints(&conv->model, node, name, 2, values);
    if ((num != 0 && num != 2) || values[0] < 1 || values[1] < 1 || values[0] > MAX_SIZE ||
        values[1] > MAX_SIZE)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "%s has %u numbers, or one out of range; 2 are supported", name,
                               num);
    *ret_h = (uint32_t)values[0];
    *ret_w = (uint32_t)values[1];
    return TYTO_OK;
}

/* pads (top,left,bottom,right) or auto_pad, after kernel and stride are known. */
static enum tyto_err read_pads(struct tyto_onnx_converter *conv, const struct tyto_onnx_node *node,
                               const struct tyto_onnx_state *in, struct tyto_layer *layer)
{
    const struct tyto_onnx *model = &conv->model;
    const struct tyto_value *value = &conv->build->values[in->value];
    int64_t pads[4] = {0};
    const uint32_t num = tyto_onnx_attr_ints(model, node, "pads", 4, pads);
    const bool lower = tyto_onnx_attr_is(model, node, "auto_pad", "SAME_LOWER");
    if (lower || tyto_onnx_attr_is(model, node, "auto_pad", "SAME_UPPER")) {
        uint32_t *before_h = lower ? &layer->pad_bottom : &layer->pad_top;
        uint32_t *after_h = lower ? &layer->pad_top : &layer->pad_bottom;
        uint32_t *before_w = lower ? &layer->pad_right : &layer->pad_left;
        uint32_t *after_w = lower ? &layer->pad_left : &layer->pad_right;
        tyto_build_same_pads(value->h + in->pads.top + in->pads.bottom, layer->kernel_h,
                             layer->stride_h, before_h, after_h);
        tyto_build_same_pads(value->w + in->pads.left + in->pads.right, layer->kernel_w,
                             layer->stride_w, before_w, after_w);
    } else {
        for (int i = 0; i < 4; i++)
            if (pads[i] < 0 || pads[i] > MAX_SIZE || (num != 0 && num != 4))
                return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                       "pads has %u numbers, or one out of range; 4 are supported",
                                       num);
        layer->pad_top = (uint32_t)pads[0];
        layer->pad_left = (uint32_t)pads[1];
        layer->pad_bottom = (uint32_t)pads[2];
        layer->pad_right = (uint32_t)pads[3];
    }
    layer->pad_top += in->pads.top;
    layer->pad_left += in->pads.left;
    layer->pad_bottom += in->pads.bottom;
    layer->pad_right += in->pads.right;
    return TYTO_OK;
}

static enum tyto_err append(struct tyto_onnx_converter *conv, const struct tyto_layer *layer,
                            uint32_t out_c, struct tyto_onnx_state *ret_state)
{
    *ret_state = (struct tyto_onnx_state){.layout = TYTO_ONNX_NCHW};
    return tyto_build_layer(conv->build, layer, out_c, &ret_state->value);
}

/* --- Conv -------------------------------------------------------------------------------- */

struct kernel {
    uint64_t out_c, group_c, h, w; /* (O, C/groups, KH, KW) */
    uint64_t groups, in_c;
};

static enum tyto_err read_kernel(struct tyto_onnx_converter *conv,
                                 const struct tyto_onnx_node *node, uint32_t in_c,
                                 struct kernel *ret)
{
    const struct tyto_onnx *model = &conv->model;
    const uint32_t tensor = tyto_onnx_in(node, 1);
    const int64_t groups = tyto_onnx_attr_int(model, node, "group", 1);
    if (!tyto_onnx_is_const(model, tensor) || model->tensors[tensor].num_dims != 4)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "weights have to be a constant of 4 dimensions");
    const int64_t *d = model->tensors[tensor].dims;
    *ret = (struct kernel){.out_c = (uint64_t)d[0],
                           .group_c = (uint64_t)d[1],
                           .h = (uint64_t)d[2],
                           .w = (uint64_t)d[3],
                           .groups = groups < 1 ? 0 : (uint64_t)groups,
                           .in_c = in_c};
    if (d[0] < 1 || d[0] > TYTO_GRAPH_MAX_DIM || d[1] < 1 || d[2] < 1 || d[3] < 1 ||
        d[2] > MAX_SIZE || d[3] > MAX_SIZE || !ret->groups || ret->groups > in_c ||
        in_c % ret->groups || ret->out_c % ret->groups || in_c / ret->groups != ret->group_c)
        return tyto_build_fail(conv->build, TYTO_ERR_SHAPE,
                               "weights (%lld,%lld,%lld,%lld) with %lld groups do not fit %u input "
                               "channels",
                               (long long)d[0], (long long)d[1], (long long)d[2], (long long)d[3],
                               (long long)groups, in_c);
    return TYTO_OK;
}

/* (O,I/g,KH,KW) to (KH,KW,C) for depthwise, else to (O,KH,KW,I) with zeros between groups. */
static void reorder(const struct kernel *k, bool depthwise, const float *from, float *to)
{
    const uint64_t out_per_group = k->out_c / k->groups;
    for (uint64_t o = 0; o < k->out_c; o++)
        for (uint64_t i = 0; i < k->group_c; i++)
            for (uint64_t y = 0; y < k->h; y++)
                for (uint64_t x = 0; x < k->w; x++) {
                    const uint64_t in_c = o / out_per_group * k->group_c + i;
                    const uint64_t at = depthwise ? (y * k->w + x) * k->out_c + o
                                                  : ((o * k->h + y) * k->w + x) * k->in_c + in_c;
                    to[at] = *from++;
                }
}

enum tyto_err tyto_onnx_convert_conv(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    struct tyto_build *build = conv->build;
    struct tyto_onnx_state in;
    struct kernel kernel = {0};
    uint32_t dilation_h = 1, dilation_w = 1;
    enum tyto_err err = tyto_onnx_spatial_input(conv, node, 0, &in);
    if (!err)
        err = read_kernel(conv, node, build->values[in.value].c, &kernel);
    if (err)
        return err;
    const bool depthwise =
        kernel.groups > 1 && kernel.groups == kernel.in_c && kernel.out_c == kernel.in_c;
    const uint64_t row = depthwise ? 1 : kernel.in_c;
    float *from = NULL, *bias = NULL;
    err = tyto_onnx_floats(&conv->model, node->in[1],
                           kernel.out_c * kernel.group_c * kernel.h * kernel.w, &from);
    if (!err && tyto_onnx_in(node, 2) != TYTO_WALK_NONE)
        err = tyto_onnx_floats(&conv->model, node->in[2], kernel.out_c, &bias);
    if (!err)
        err = read_pair(conv, node, "dilations", &dilation_h, &dilation_w);
    if (err)
        return err;
    float *weight = tyto_build_floats(build, kernel.out_c * kernel.h * kernel.w * row);
    if (!weight)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    reorder(&kernel, depthwise, from, weight);
    struct tyto_layer layer = {.op = depthwise ? TYTO_LAYER_DWCONV : TYTO_LAYER_CONV,
                               .in_idx = {in.value},
                               .kernel_h = (uint32_t)kernel.h,
                               .kernel_w = (uint32_t)kernel.w,
                               .weight = weight,
                               .bias = bias};
    err = read_pair(conv, node, "strides", &layer.stride_h, &layer.stride_w);
    if (!err)
        err = tyto_build_dilate(build, &layer, depthwise ? 1 : kernel.out_c,
                                depthwise ? kernel.out_c : kernel.in_c, dilation_h, dilation_w);
    if (!err)
        err = read_pads(conv, node, &in, &layer);
    return err ? err : append(conv, &layer, (uint32_t)kernel.out_c, ret_state);
}

/* --- pools ------------------------------------------------------------------------------- */

/* A pool that our graph has no word for as a depthwise convolution with equal weights: an
 * average that counts padding, or one tap with a stride. */
static enum tyto_err as_depthwise(struct tyto_onnx_converter *conv, uint32_t c,
                                  struct tyto_layer *layer)
{
    const uint64_t taps = (uint64_t)layer->kernel_h * layer->kernel_w;
    float *weight = tyto_build_floats(conv->build, taps * c);
    if (!weight)
        return tyto_build_fail(conv->build, TYTO_ERR_NOMEM, "too many weights");
    for (uint64_t i = 0; i < taps * c; i++)
        weight[i] = 1.0f / (float)taps;
    layer->op = TYTO_LAYER_DWCONV;
    layer->weight = weight;
    return TYTO_OK;
}

/* ceil_mode rounds the output size up: as if there were more padding behind. */
static uint32_t ceil_pad(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t before,
                         uint32_t after)
{
    const uint64_t padded = (uint64_t)in + before + after;
    if (padded < kernel || (padded - kernel) % stride == 0)
        return after;
    const uint64_t last = ((padded - kernel) / stride + 1) * stride;
    if (last >= (uint64_t)in + before)
        return after; /* a window that would begin in the padding behind is left out */
    return after + (uint32_t)(stride - (padded - kernel) % stride);
}

enum tyto_err tyto_onnx_convert_pool(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state)
{
    const struct tyto_onnx *model = &conv->model;
    struct tyto_onnx_state in;
    const bool average = strcmp(node->op, "AveragePool") == 0;
    enum tyto_err err = average ? TYTO_OK : tyto_onnx_input(conv, node, 0, &in);
    if (!err)
        err = tyto_onnx_spatial_input(conv, node, 0, &in);
    if (err)
        return err;
    const struct tyto_value value = conv->build->values[in.value];
    struct tyto_layer layer = {.op = average ? TYTO_LAYER_AVG_POOL : TYTO_LAYER_MAX_POOL,
                               .in_idx = {in.value}};
    if (strcmp(node->op, "GlobalMaxPool") == 0) {
        layer.kernel_h = value.h;
        layer.kernel_w = value.w;
        layer.stride_h = layer.stride_w = 1;
        return append(conv, &layer, 0, ret_state);
    }
    uint32_t dilation_h = 1, dilation_w = 1;
    err = read_pair(conv, node, "kernel_shape", &layer.kernel_h, &layer.kernel_w);
    if (!err)
        err = read_pair(conv, node, "strides", &layer.stride_h, &layer.stride_w);
    if (!err)
        err = read_pair(conv, node, "dilations", &dilation_h, &dilation_w);
    if (!err && (dilation_h != 1 || dilation_w != 1))
        err = tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED, "a dilated pool");
    if (!err)
        err = read_pads(conv, node, &in, &layer);
    if (err)
        return err;
    const bool has_pads = layer.pad_top || layer.pad_left || layer.pad_bottom || layer.pad_right;
    const bool separate = in.pads.top || in.pads.left || in.pads.bottom || in.pads.right;
    const bool counted = tyto_onnx_attr_int(model, node, "count_include_pad", 0);
    /* Zeros of a Pad before it count, those of its own as it says. */
    const bool own =
        has_pads && (layer.pad_top != in.pads.top || layer.pad_left != in.pads.left ||
                     layer.pad_bottom != in.pads.bottom || layer.pad_right != in.pads.right);
    const bool count_pads = average && has_pads && (counted || separate);
    if (separate && own && !counted)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "padding of its own that is not counted, after a Pad that is");
    if (tyto_onnx_attr_int(model, node, "ceil_mode", 0)) {
        if (count_pads)
            return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                                   "ceil_mode and count_include_pad together");
        layer.pad_bottom =
            ceil_pad(value.h, layer.kernel_h, layer.stride_h, layer.pad_top, layer.pad_bottom);
        layer.pad_right =
            ceil_pad(value.w, layer.kernel_w, layer.stride_w, layer.pad_left, layer.pad_right);
    }
    const bool one_tap = layer.kernel_h == 1 && layer.kernel_w == 1;
    if (count_pads || (one_tap && (layer.stride_h > 1 || layer.stride_w > 1)))
        err = as_depthwise(conv, value.c, &layer);
    return err ? err : append(conv, &layer, 0, ret_state);
}

enum tyto_err tyto_onnx_convert_pad(struct tyto_onnx_converter *conv,
                                    const struct tyto_onnx_node *node,
                                    struct tyto_onnx_state *ret_state)
{
    const struct tyto_onnx *model = &conv->model;
    struct tyto_onnx_state in;
    int64_t pads[8] = {0}; /* begins of N,C,H,W, then ends */
    uint32_t num = 0;
    float value = tyto_onnx_attr_float(model, node, "value", 0);
    enum tyto_err err = tyto_onnx_input(conv, node, 0, &in);
    if (!err)
        err = tyto_onnx_spatial_input(conv, node, 0, &in);
    if (!err && tyto_onnx_in(node, 1) != TYTO_WALK_NONE)
        err = tyto_onnx_ints(model, node->in[1], 8, pads, &num);
    else if (!err)
        num = tyto_onnx_attr_ints(model, node, "pads", 8, pads);
    if (!err && tyto_onnx_in(node, 2) != TYTO_WALK_NONE)
        err = tyto_onnx_scalar(model, node->in[2], &value);
    if (err)
        return err;
    bool ok = num == 8 && value == 0 &&
              (!tyto_onnx_attr_present(model, node, "mode") ||
               tyto_onnx_attr_is(model, node, "mode", "constant"));
    for (int i = 0; i < 8; i++)
        ok = ok && pads[i] >= 0 && pads[i] <= MAX_SIZE && (i % 4 >= 2 || pads[i] == 0);
    if (!ok)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "only zeros around height and width are supported");
    in.pads = (struct tyto_build_pads){.top = (uint32_t)pads[2],
                                       .left = (uint32_t)pads[3],
                                       .bottom = (uint32_t)pads[6],
                                       .right = (uint32_t)pads[7]};
    *ret_state = in;
    return TYTO_OK;
}
