/* SPDX-License-Identifier: MIT */
/* Which kernel runs a step, and what it is told. */
#include "model/executor/vulkan_internal.h"

/* Where a value's rows of the group being recorded lie. */
struct place {
    struct tyto_buf *buf;
    uint64_t offset_bytes;
};

static struct place place_of(const struct tyto_vk_recording *rec, uint32_t value_idx)
{
    const struct tyto_executor_vk *exec = rec->exec;
    const uint64_t row_bytes = tyto_value_num_floats(&exec->graph->values[value_idx]) * 4;
    const bool whole = tyto_vk_holds_all_rows(exec->graph, value_idx);

    return (struct place){
        .buf = exec->slots[exec->layout.slot_of[value_idx]],
        .offset_bytes = whole ? rec->first_row * row_bytes : 0,
    };
}

static struct tyto_bind bind_of(struct place place)
{
    return (struct tyto_bind){.buf = place.buf, .offset_bytes = place.offset_bytes};
}

static enum tyto_err record_conv(const struct tyto_vk_recording *rec,
                                 const struct tyto_exec_step *step)
{
    const struct tyto_graph *graph = rec->exec->graph;
    const struct tyto_layer *layer = &graph->layers[step->layer_idx];
    const struct tyto_value *in = &graph->values[step->in_idx];
    const struct tyto_value *out = &graph->values[step->out_idx];
    const struct place x = place_of(rec, step->in_idx), y = place_of(rec, step->out_idx);
    struct tyto_conv_args args = {
        .shape = {.in_h = in->h,
                  .in_w = in->w,
                  .in_c = in->c,
                  .out_h = out->h,
                  .out_w = out->w,
                  .out_c = out->c,
                  .kernel_h = layer->kernel_h,
                  .kernel_w = layer->kernel_w,
                  .stride_h = layer->stride_h,
                  .stride_w = layer->stride_w,
                  .pad_top = layer->pad_top,
                  .pad_left = layer->pad_left},
        .num_batches = rec->num_rows,
        .x = x.buf,
        .x_offset = x.offset_bytes / sizeof(float),
        .y = y.buf,
        .y_offset = y.offset_bytes / sizeof(float),
        .act = step->act,
        .act_slope = step->act_slope,
        .has_clamp_min = step->has_clamp_min,
        .clamp_min = step->clamp_min,
    };
    if (step->residual_idx != TYTO_NO_VALUE) {
        const struct place residual = place_of(rec, step->residual_idx);
        args.residual = residual.buf;
        args.residual_offset = residual.offset_bytes / sizeof(float);
    }
    return tyto_conv_record(rec->exec->conv, rec->plan, rec->exec->weights[step->layer_idx].gemm,
                            &args);
}

static enum tyto_err record_linear(const struct tyto_vk_recording *rec,
                                   const struct tyto_exec_step *step)
{
    const struct place x = place_of(rec, step->in_idx), y = place_of(rec, step->out_idx);
    struct tyto_gemm_args args = {
        .m = rec->num_rows,
        .x = {.buf = x.buf, .offset = x.offset_bytes / sizeof(float)},
        .y = {.buf = y.buf, .offset = y.offset_bytes / sizeof(float)},
        .act = step->act,
        .act_slope = step->act_slope,
        .has_clamp_min = step->has_clamp_min,
        .clamp_min = step->clamp_min,
    };
    if (step->residual_idx != TYTO_NO_VALUE) {
        const struct place residual = place_of(rec, step->residual_idx);
        args.residual.buf = residual.buf;
        args.residual.offset = residual.offset_bytes / sizeof(float);
    }
    return tyto_gemm_record(rec->exec->gemm, rec->plan, rec->exec->weights[step->layer_idx].gemm,
                            &args);
}

static enum tyto_err record_dwconv(const struct tyto_vk_recording *rec,
                                   const struct tyto_exec_step *step)
{
    const struct tyto_graph *graph = rec->exec->graph;
    const struct tyto_layer *layer = &graph->layers[step->layer_idx];
    const struct tyto_value *in = &graph->values[step->in_idx];
    const struct tyto_value *out = &graph->values[step->out_idx];
    const struct place x = place_of(rec, step->in_idx), y = place_of(rec, step->out_idx);
    const struct tyto_dwconv_args args = {
        .shape = {.channels = in->c,
                  .in_h = in->h,
                  .in_w = in->w,
                  .out_h = out->h,
                  .out_w = out->w,
                  .kernel_h = layer->kernel_h,
                  .kernel_w = layer->kernel_w,
                  .stride_h = layer->stride_h,
                  .stride_w = layer->stride_w,
                  .pad_top = layer->pad_top,
                  .pad_left = layer->pad_left},
        .num_batches = rec->num_rows,
        .x = x.buf,
        .x_offset = x.offset_bytes / sizeof(float),
        .y = y.buf,
        .y_offset = y.offset_bytes / sizeof(float),
        .act = step->act,
        .act_slope = step->act_slope,
        .has_clamp_min = step->has_clamp_min,
        .clamp_min = step->clamp_min,
    };
    return tyto_dwconv_record(rec->exec->dwconv, rec->plan,
                              rec->exec->weights[step->layer_idx].dwconv, &args);
}

/* Sum, product, scale, activation, or (in = out, COPY) the activation after a pool. */
static enum tyto_err record_elementwise(const struct tyto_vk_recording *rec,
                                        const struct tyto_exec_step *step,
                                        enum tyto_elementwise_op op, uint32_t in_idx)
{
    const struct tyto_executor_vk *exec = rec->exec;
    const struct tyto_value *out = &exec->graph->values[step->out_idx];
    const uint64_t num = tyto_value_num_floats(out) * rec->num_rows;
    const struct tyto_elementwise_shape shape = {
        .op = op,
        .num = num > INT32_MAX ? 0 : (uint32_t)num,
        .channels = out->c,
        .item = (uint32_t)tyto_value_num_floats(out),
        .act = step->act,
        .act_slope = step->act_slope,
        .has_clamp_min = step->has_clamp_min,
        .clamp_min = step->clamp_min,
    };
    struct tyto_elementwise_binds binds = {.a = bind_of(place_of(rec, in_idx)),
                                           .out = bind_of(place_of(rec, step->out_idx))};
    if (op == TYTO_ELEMENTWISE_OP_ADD || op == TYTO_ELEMENTWISE_OP_MUL)
        binds.b = bind_of(place_of(rec, step->residual_idx));
    if (op == TYTO_ELEMENTWISE_OP_SCALE) {
        binds.b.buf = binds.bias.buf = exec->weights[step->layer_idx].scale;
        binds.b.size_bytes = out->c * sizeof(float);
        binds.bias.offset_bytes = tyto_vk_bias_offset_bytes(out->c);
    }
    return tyto_elementwise_record(exec->elementwise, rec->plan, &shape, &binds);
}

static enum tyto_err record_pool(const struct tyto_vk_recording *rec,
                                 const struct tyto_exec_step *step)
{
    const struct tyto_graph *graph = rec->exec->graph;
    const struct tyto_layer *layer = &graph->layers[step->layer_idx];
    const struct tyto_value *in = &graph->values[step->in_idx];
    const struct tyto_value *out = &graph->values[step->out_idx];
    const bool mean = layer->op == TYTO_LAYER_MEAN;
    const struct tyto_pool_shape shape = {
        .mode = layer->op == TYTO_LAYER_MAX_POOL ? TYTO_POOL_MODE_MAX : TYTO_POOL_MODE_AVG,
        .batch = rec->num_rows,
        .in_h = in->h,
        .in_w = in->w,
        .channels = in->c,
        .out_h = out->h,
        .out_w = out->w,
        .kernel_h = mean ? in->h : layer->kernel_h,
        .kernel_w = mean ? in->w : layer->kernel_w,
        .stride_h = mean ? 1 : layer->stride_h,
        .stride_w = mean ? 1 : layer->stride_w,
        .pad_top = mean ? 0 : layer->pad_top,
        .pad_left = mean ? 0 : layer->pad_left,
    };
    const struct tyto_bind x = bind_of(place_of(rec, step->in_idx));
    const struct tyto_bind y = bind_of(place_of(rec, step->out_idx));

    return tyto_pool_record(rec->exec->pool, rec->plan, &shape, &x, &y);
}

static enum tyto_err record_resize(const struct tyto_vk_recording *rec,
                                   const struct tyto_exec_step *step)
{
    static const enum tyto_resize_mode modes[TYTO_RESIZE_NUM] = {
        [TYTO_RESIZE_NEAREST] = TYTO_RESIZE_MODE_NEAREST,
        [TYTO_RESIZE_BILINEAR] = TYTO_RESIZE_MODE_BILINEAR,
        [TYTO_RESIZE_CORNERS] = TYTO_RESIZE_MODE_CORNERS,
    };
    const struct tyto_graph *graph = rec->exec->graph;
    const struct tyto_value *in = &graph->values[step->in_idx];
    const struct tyto_value *out = &graph->values[step->out_idx];
    const struct tyto_resize_shape shape = {
        .mode = modes[graph->layers[step->layer_idx].resize],
        .batch = rec->num_rows,
        .in_h = in->h,
        .in_w = in->w,
        .out_h = out->h,
        .out_w = out->w,
        .channels = in->c,
    };
    const struct tyto_bind x = bind_of(place_of(rec, step->in_idx));
    const struct tyto_bind y = bind_of(place_of(rec, step->out_idx));

    return tyto_resizer_record(rec->exec->resizer, rec->plan, &shape, &x, &y);
}

/* CONCAT and STACK: each input is copied, by a pool of one value, between the others. */
static enum tyto_err record_parts(const struct tyto_vk_recording *rec,
                                  const struct tyto_exec_step *step)
{
    const struct tyto_graph *graph = rec->exec->graph;
    const struct tyto_layer *layer = &graph->layers[step->layer_idx];
    const struct tyto_value *out = &graph->values[step->out_idx];
    const bool beside = layer->op == TYTO_LAYER_CONCAT;
    const struct place place = place_of(rec, step->out_idx);
    const struct tyto_bind to = {.buf = place.buf};
    struct tyto_pool_shape shape = {
        .mode = TYTO_POOL_MODE_MAX,
        .batch = rec->num_rows,
        .in_h = beside ? out->h : 1,
        .in_w = beside ? out->w : 1,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .out_pitch = beside ? out->c : (uint32_t)tyto_value_num_floats(out),
        .out_item = tyto_vk_holds_all_rows(graph, step->out_idx) ? rec->first_row : 0,
    };
    enum tyto_err err = TYTO_OK;

    shape.out_h = shape.in_h;
    shape.out_w = shape.in_w;
    for (uint32_t i = 0; i < layer->num_ins && !err; i++) {
        const struct tyto_value *in = &graph->values[layer->in_idx[i]];
        const struct tyto_bind from = bind_of(place_of(rec, layer->in_idx[i]));
        shape.channels = beside ? in->c : (uint32_t)tyto_value_num_floats(in);
        err = tyto_pool_record(rec->exec->pool, rec->plan, &shape, &from, &to);
        shape.out_first += shape.channels;
    }
    return err;
}

static enum tyto_err record_softmax(const struct tyto_vk_recording *rec,
                                    const struct tyto_exec_step *step)
{
    const struct tyto_value *out = &rec->exec->graph->values[step->out_idx];
    const uint64_t rows = (uint64_t)out->h * out->w * rec->num_rows;
    const struct tyto_bind x = bind_of(place_of(rec, step->in_idx));
    const struct tyto_bind y = bind_of(place_of(rec, step->out_idx));

    if (rows > UINT32_MAX)
        return TYTO_ERR_SHAPE;
    return tyto_softmax_record(rec->exec->softmax, rec->plan, (uint32_t)rows, out->c, &x, &y);
}

enum tyto_err tyto_vk_record_step(const struct tyto_vk_recording *rec,
                                  const struct tyto_exec_step *step)
{
    enum tyto_err err = TYTO_ERR_UNSUPPORTED;

    switch (rec->exec->graph->layers[step->layer_idx].op) {
    case TYTO_LAYER_CONV:
        return record_conv(rec, step);
    case TYTO_LAYER_DWCONV:
        return record_dwconv(rec, step);
    case TYTO_LAYER_LINEAR:
        return record_linear(rec, step);
    case TYTO_LAYER_ADD:
        return record_elementwise(rec, step, TYTO_ELEMENTWISE_OP_ADD, step->in_idx);
    case TYTO_LAYER_MUL:
        return record_elementwise(rec, step, TYTO_ELEMENTWISE_OP_MUL, step->in_idx);
    case TYTO_LAYER_SCALE:
        return record_elementwise(rec, step, TYTO_ELEMENTWISE_OP_SCALE, step->in_idx);
    case TYTO_LAYER_ACTIVATION:
        return record_elementwise(rec, step, TYTO_ELEMENTWISE_OP_COPY, step->in_idx);
    case TYTO_LAYER_MAX_POOL:
    case TYTO_LAYER_AVG_POOL:
    case TYTO_LAYER_MEAN:
        err = record_pool(rec, step);
        break;
    case TYTO_LAYER_SOFTMAX:
        err = record_softmax(rec, step);
        break;
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
        err = record_parts(rec, step);
        break;
    case TYTO_LAYER_RESIZE:
        err = record_resize(rec, step);
        break;
    case TYTO_LAYER_NUM_OPS:
        break;
    }
    if (!err && (step->act != TYTO_ACT_NONE || step->has_clamp_min))
        err = record_elementwise(rec, step, TYTO_ELEMENTWISE_OP_COPY, step->out_idx);
    return err;
}
