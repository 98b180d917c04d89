/* SPDX-License-Identifier: MIT */
/* TFLite's ops that move values about and compute nothing. */
#include "model/import/tflite/ops.h"

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

enum tyto_err tyto_tflite_convert_pad(struct tyto_tflite_converter *conv,
                                      const struct tyto_tflite_node *node,
                                      struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    int32_t pads[8]; /* (4,2): before and after, for N, H, W, C */
    enum tyto_err err = tyto_tflite_input(conv, node, 0, &in);
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

enum tyto_err tyto_tflite_convert_reshape(struct tyto_tflite_converter *conv,
                                          const struct tyto_tflite_node *node,
                                          struct tyto_tflite_state *ret_state)
{
    struct tyto_tflite_state in = {0};
    const enum tyto_err err = tyto_tflite_unpadded_input(conv, node, 0, &in);
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
enum tyto_err tyto_tflite_convert_same(struct tyto_tflite_converter *conv,
                                       const struct tyto_tflite_node *node,
                                       struct tyto_tflite_state *ret_state)
{
    return tyto_tflite_input(conv, node, 0, ret_state);
}

static enum tyto_err concat_channels(struct tyto_tflite_converter *conv,
                                     const struct tyto_tflite_node *node, struct tyto_layer *layer,
                                     struct tyto_tflite_state *ret_state)
{
    layer->op = TYTO_LAYER_CONCAT;
    for (uint32_t i = 0; i < layer->num_ins; i++) {
        struct tyto_tflite_state in = {0};
        const enum tyto_err err = tyto_tflite_shaped_input(conv, node, i, false, &in);
        if (err)
            return err;
        layer->in_idx[i] = in.value;
    }
    return tyto_tflite_append(conv, layer, 0, ret_state);
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
        const enum tyto_err err = tyto_tflite_input(conv, node, i, &in);
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

enum tyto_err tyto_tflite_convert_concat(struct tyto_tflite_converter *conv,
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
    const enum tyto_err err = tyto_tflite_read_act(conv, node, 1, &layer);
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

enum tyto_err tyto_tflite_convert_resize(struct tyto_tflite_converter *conv,
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
    enum tyto_err err = tyto_tflite_shaped_input(conv, node, 0, false, &in);
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

enum tyto_err tyto_tflite_convert_split(struct tyto_tflite_converter *conv,
                                        const struct tyto_tflite_node *node,
                                        struct tyto_tflite_state *ret_state)
{
    if (tyto_flat_field_i32(&conv->model.flat, node->options, 0, 0) != 1)
        return tyto_build_fail(conv->build, TYTO_ERR_UNSUPPORTED,
                               "only a split into one part is supported");
    return tyto_tflite_input(conv, node, 1, ret_state);
}
