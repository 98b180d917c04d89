/* SPDX-License-Identifier: MIT */
#include "model/executor/vulkan.h"

#include <stdlib.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "model/executor/memory.h"
#include "shaders/conv/conv.h"
#include "shaders/dwconv/dwconv.h"
#include "shaders/elementwise/elementwise.h"
#include "shaders/pool/pool.h"
#include "shaders/resize/resize.h"
#include "shaders/softmax/softmax.h"

/* A GPU is kept busy by some 8 pictures; a software driver by one, whose values
 * then stay in its caches. */
enum { GROUP_GPU = 8, GROUP_CPU = 1, BIND_ALIGN_BYTES = 256 };
static const uint64_t MAX_SLOT_BYTES = 128u << 20;

/* What a layer keeps on the device: at most one of these. */
struct layer_weights {
    struct tyto_gemm_weights *gemm;
    struct tyto_dwconv_weights *dwconv;
    struct tyto_buf *scale; /* SCALE: weight, then bias at scale_bias_bytes */
};

struct tyto_executor_vk {
    const struct tyto_graph *graph; /* borrowed */
    struct tyto_gpu *gpu;           /* borrowed */
    uint32_t max_batch, group, num_groups;
    struct tyto_graph_plan layout;
    struct layer_weights weights[TYTO_GRAPH_MAX_LAYERS];
    struct tyto_buf *slots[TYTO_GRAPH_MAX_VALUES + 1]; /* input's and output's: max_batch rows */
    struct tyto_plan **plans; /* owned (num_groups, group): rows of group g, its first n of them */
    struct tyto_gemm *gemm;
    struct tyto_conv *conv;
    struct tyto_dwconv *dwconv;
    struct tyto_pool *pool;
    struct tyto_resizer *resizer;
    struct tyto_elementwise *elementwise;
    struct tyto_softmax *softmax;
};

/* --- weights ------------------------------------------------------------------ */

static bool fits_half(const float *values, uint64_t num)
{
    for (uint64_t i = 0; i < num; i++)
        if (tyto_half_to_f32(tyto_half_from_f32(values[i])) != values[i])
            return false;
    return true;
}

static uint64_t bias_offset_bytes(uint32_t channels)
{
    const uint64_t bytes = channels * sizeof(float);
    return (bytes + BIND_ALIGN_BYTES - 1) / BIND_ALIGN_BYTES * BIND_ALIGN_BYTES;
}

static enum tyto_err create_scale(struct tyto_gpu *gpu, const struct tyto_layer *layer,
                                  uint32_t channels, struct tyto_buf **ret_buf)
{
    const uint64_t bytes = channels * sizeof(float), bias_at = bias_offset_bytes(channels);
    struct tyto_buf *buf = NULL;
    enum tyto_err err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, bias_at + bytes, &buf);

    if (!err)
        err = tyto_buf_write(buf, 0, layer->weight, bytes);
    if (!err && layer->bias)
        err = tyto_buf_write(buf, bias_at, layer->bias, bytes);
    if (err) {
        tyto_buf_destroy(&buf);
        return err;
    }
    *ret_buf = buf;
    return TYTO_OK;
}

static enum tyto_err create_weights(struct tyto_executor_vk *exec, const struct tyto_layer *layer,
                                    struct layer_weights *weights)
{
    const struct tyto_gpu_info *info = tyto_gpu_get_info(exec->gpu);
    const struct tyto_value *in = &exec->graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &exec->graph->values[layer->out_idx];
    const bool linear = layer->op == TYTO_LAYER_LINEAR;
    const uint32_t k = linear ? in->h * in->w * in->c : layer->kernel_h * layer->kernel_w * in->c;

    switch (layer->op) {
    case TYTO_LAYER_CONV:
    case TYTO_LAYER_LINEAR: {
        /* Half the memory traffic where that costs nothing: encoders often come as halves. */
        const bool half = info->fp16_storage && info->kind != TYTO_GPU_KIND_CPU &&
                          fits_half(layer->weight, (uint64_t)out->c * k);
        return tyto_gemm_weights_create(exec->gpu, half ? TYTO_WEIGHT_F16 : TYTO_WEIGHT_F32,
                                        layer->weight, layer->bias, out->c, k, &weights->gemm);
    }
    case TYTO_LAYER_DWCONV:
        return tyto_dwconv_weights_create(exec->gpu, layer->weight, layer->bias, layer->kernel_h,
                                          layer->kernel_w, in->c, &weights->dwconv);
    case TYTO_LAYER_SCALE:
        return create_scale(exec->gpu, layer, in->c, &weights->scale);
    case TYTO_LAYER_ADD:
    case TYTO_LAYER_MAX_POOL:
    case TYTO_LAYER_AVG_POOL:
    case TYTO_LAYER_MEAN:
    case TYTO_LAYER_ACTIVATION:
    case TYTO_LAYER_SOFTMAX:
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
    case TYTO_LAYER_RESIZE:
        return TYTO_OK;
    case TYTO_LAYER_NUM_OPS:
        break;
    }
    return TYTO_ERR_UNSUPPORTED;
}

/* --- recording ------------------------------------------------------------------ */

/* Where a value's rows of the group being recorded lie. */
struct place {
    struct tyto_buf *buf;
    uint64_t offset_bytes;
};

struct recording {
    struct tyto_executor_vk *exec;
    struct tyto_plan *plan;
    uint32_t first_row, num_rows;
};

/* The input and the outputs have max_batch rows, other values those of one group. */
static bool holds_all_rows(const struct tyto_graph *graph, uint32_t value_idx)
{
    return value_idx == 0 || tyto_graph_is_out(graph, value_idx);
}

static struct place place_of(const struct recording *rec, uint32_t value_idx)
{
    const struct tyto_executor_vk *exec = rec->exec;
    const uint64_t row_bytes = tyto_value_num_floats(&exec->graph->values[value_idx]) * 4;
    const bool whole = holds_all_rows(exec->graph, value_idx);

    return (struct place){
        .buf = exec->slots[exec->layout.slot_of[value_idx]],
        .offset_bytes = whole ? rec->first_row * row_bytes : 0,
    };
}

static struct tyto_bind bind_of(struct place place)
{
    return (struct tyto_bind){.buf = place.buf, .offset_bytes = place.offset_bytes};
}

static enum tyto_err record_conv(const struct recording *rec, const struct tyto_step *step)
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

static enum tyto_err record_linear(const struct recording *rec, const struct tyto_step *step)
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

static enum tyto_err record_dwconv(const struct recording *rec, const struct tyto_step *step)
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

/* Sum, scale, activation, or (in = out, COPY) the activation after a pool. */
static enum tyto_err record_elementwise(const struct recording *rec, const struct tyto_step *step,
                                        enum tyto_elementwise_op op, uint32_t in_idx)
{
    const struct tyto_executor_vk *exec = rec->exec;
    const struct tyto_value *out = &exec->graph->values[step->out_idx];
    const uint64_t num = tyto_value_num_floats(out) * rec->num_rows;
    const struct tyto_elementwise_shape shape = {
        .op = op,
        .num = num > INT32_MAX ? 0 : (uint32_t)num,
        .channels = out->c,
        .act = step->act,
        .act_slope = step->act_slope,
        .has_clamp_min = step->has_clamp_min,
        .clamp_min = step->clamp_min,
    };
    struct tyto_elementwise_binds binds = {.a = bind_of(place_of(rec, in_idx)),
                                           .out = bind_of(place_of(rec, step->out_idx))};
    if (op == TYTO_ELEMENTWISE_OP_ADD)
        binds.b = bind_of(place_of(rec, step->residual_idx));
    if (op == TYTO_ELEMENTWISE_OP_SCALE) {
        binds.b.buf = binds.bias.buf = exec->weights[step->layer_idx].scale;
        binds.b.size_bytes = out->c * sizeof(float);
        binds.bias.offset_bytes = bias_offset_bytes(out->c);
    }
    return tyto_elementwise_record(exec->elementwise, rec->plan, &shape, &binds);
}

static enum tyto_err record_pool(const struct recording *rec, const struct tyto_step *step)
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

static enum tyto_err record_resize(const struct recording *rec, const struct tyto_step *step)
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
static enum tyto_err record_parts(const struct recording *rec, const struct tyto_step *step)
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
        .out_item = holds_all_rows(graph, step->out_idx) ? rec->first_row : 0,
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

static enum tyto_err record_softmax(const struct recording *rec, const struct tyto_step *step)
{
    const struct tyto_value *out = &rec->exec->graph->values[step->out_idx];
    const uint64_t rows = (uint64_t)out->h * out->w * rec->num_rows;
    const struct tyto_bind x = bind_of(place_of(rec, step->in_idx));
    const struct tyto_bind y = bind_of(place_of(rec, step->out_idx));

    if (rows > UINT32_MAX)
        return TYTO_ERR_SHAPE;
    return tyto_softmax_record(rec->exec->softmax, rec->plan, (uint32_t)rows, out->c, &x, &y);
}

static enum tyto_err record_step(const struct recording *rec, const struct tyto_step *step)
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

/* The plan for `num_rows` rows of a group; recorded at first need. */
static enum tyto_err plan_for(struct tyto_executor_vk *exec, uint32_t group_idx, uint32_t num_rows,
                              struct tyto_plan **ret_plan)
{
    struct tyto_plan **kept = &exec->plans[(size_t)group_idx * exec->group + num_rows - 1];
    struct recording rec = {
        .exec = exec,
        .first_row = group_idx * exec->group,
        .num_rows = num_rows,
    };

    if (!*kept) {
        enum tyto_err err = tyto_plan_create(exec->gpu, "encoder", &rec.plan);
        for (uint32_t s = 0; s < exec->layout.num_steps && !err; s++)
            err = record_step(&rec, &exec->layout.steps[s]);
        if (!err)
            err = tyto_plan_finish(rec.plan);
        if (err) {
            tyto_plan_destroy(&rec.plan);
            return err;
        }
        *kept = rec.plan;
    }
    *ret_plan = *kept;
    return TYTO_OK;
}

/* --- life ------------------------------------------------------------------------- */

static enum tyto_err create_ops(struct tyto_executor_vk *exec)
{
    enum tyto_err err = tyto_gemm_create(exec->gpu, &exec->gemm);

    if (!err)
        err = tyto_conv_create(exec->gpu, &exec->conv);
    if (!err)
        err = tyto_dwconv_create(exec->gpu, &exec->dwconv);
    if (!err)
        err = tyto_pool_create(exec->gpu, &exec->pool);
    if (!err)
        err = tyto_resizer_create(exec->gpu, &exec->resizer);
    if (!err)
        err = tyto_elementwise_create(exec->gpu, &exec->elementwise);
    if (!err)
        err = tyto_softmax_create(exec->gpu, &exec->softmax);
    return err;
}

/* Nothing binds the value's rows one group at a time: record_parts makes it, and nobody reads it.
 */
static bool is_bound_whole(const struct tyto_executor_vk *exec, uint32_t value_idx)
{
    bool parts = false;

    for (uint32_t s = 0; s < exec->layout.num_steps; s++) {
        const struct tyto_step *step = &exec->layout.steps[s];
        const struct tyto_layer *layer = &exec->graph->layers[step->layer_idx];
        for (uint32_t i = 0; i < tyto_layer_num_inputs(layer); i++)
            if (layer->in_idx[i] == value_idx)
                return false;
        if (step->residual_idx == value_idx)
            return false;
        if (step->out_idx == value_idx)
            parts = (layer->op == TYTO_LAYER_CONCAT || layer->op == TYTO_LAYER_STACK) &&
                    step->act == TYTO_ACT_NONE && !step->has_clamp_min;
    }
    return parts;
}

/* Bindings must start at multiples of 256 bytes. */
static bool group_aligns(const struct tyto_executor_vk *exec, uint32_t group)
{
    const struct tyto_graph *graph = exec->graph;

    for (uint32_t v = 0; v < graph->num_values; v++)
        if (holds_all_rows(graph, v) && !is_bound_whole(exec, v) &&
            group * tyto_value_num_floats(&graph->values[v]) * 4 % BIND_ALIGN_BYTES != 0)
            return false;
    return true;
}

static uint32_t pick_group(const struct tyto_executor_vk *exec)
{
    const bool cpu = tyto_gpu_get_info(exec->gpu)->kind == TYTO_GPU_KIND_CPU;
    uint64_t largest = 4;
    uint32_t group = cpu ? GROUP_CPU : GROUP_GPU;

    for (uint32_t s = 0; s < exec->layout.num_slots; s++)
        if (exec->layout.slot_floats[s] * 4 > largest)
            largest = exec->layout.slot_floats[s] * 4;
    while (group > 1 && group * largest > MAX_SLOT_BYTES)
        group--;
    while (group < exec->max_batch && !group_aligns(exec, group))
        group++;
    return group < exec->max_batch ? group : exec->max_batch;
}

static enum tyto_err create_slots(struct tyto_executor_vk *exec)
{
    const struct tyto_graph_plan *layout = &exec->layout;
    bool all_rows[TYTO_GRAPH_MAX_VALUES + 1] = {false};
    enum tyto_err err = TYTO_OK;

    for (uint32_t v = 0; v < exec->graph->num_values; v++)
        if (holds_all_rows(exec->graph, v))
            all_rows[layout->slot_of[v]] = true;
    for (uint32_t s = 0; s < layout->num_slots && !err; s++) {
        const uint64_t rows = all_rows[s] ? exec->max_batch : exec->group;
        /* Kernels read whole vec4s: up to three floats past the end. */
        const uint64_t bytes = (layout->slot_floats[s] * rows + 4) * sizeof(float);
        err = tyto_buf_create(exec->gpu, TYTO_BUF_DEVICE, bytes, &exec->slots[s]);
    }
    return err;
}

enum tyto_err tyto_executor_vk_create(const struct tyto_graph *graph, struct tyto_gpu *gpu,
                                      uint32_t max_batch, struct tyto_executor_vk **ret_exec)
{
    if (max_batch == 0 || max_batch > UINT16_MAX)
        return TYTO_ERR_INVALID;
    struct tyto_executor_vk *exec = calloc(1, sizeof(*exec));
    if (!exec)
        return TYTO_ERR_NOMEM;

    exec->graph = graph;
    exec->gpu = gpu;
    exec->max_batch = max_batch;
    tyto_graph_plan_make(graph, &exec->layout);
    exec->group = pick_group(exec);
    exec->num_groups = (max_batch + exec->group - 1) / exec->group;
    exec->plans = calloc((size_t)exec->num_groups * exec->group, sizeof(struct tyto_plan *));
    enum tyto_err err = exec->plans ? create_ops(exec) : TYTO_ERR_NOMEM;
    for (uint32_t l = 0; l < graph->num_layers && !err; l++)
        err = create_weights(exec, &graph->layers[l], &exec->weights[l]);
    if (!err)
        err = create_slots(exec);
    /* The first plan is recorded here, so that a layer no kernel takes fails now. */
    struct tyto_plan *plan = NULL;
    if (!err)
        err = plan_for(exec, 0, 1, &plan);
    if (err) {
        tyto_executor_vk_destroy(&exec);
        return err;
    }
    *ret_exec = exec;
    return TYTO_OK;
}

void tyto_executor_vk_destroy(struct tyto_executor_vk **exec)
{
    struct tyto_executor_vk *self = *exec;
    if (!self)
        return;
    for (size_t i = 0; self->plans && i < (size_t)self->num_groups * self->group; i++)
        tyto_plan_destroy(&self->plans[i]);
    free(self->plans);
    for (uint32_t l = 0; l < TYTO_GRAPH_MAX_LAYERS; l++) {
        tyto_gemm_weights_destroy(&self->weights[l].gemm);
        tyto_dwconv_weights_destroy(&self->weights[l].dwconv);
        tyto_buf_destroy(&self->weights[l].scale);
    }
    for (uint32_t s = 0; s <= TYTO_GRAPH_MAX_VALUES; s++)
        tyto_buf_destroy(&self->slots[s]);
    tyto_softmax_destroy(&self->softmax);
    tyto_elementwise_destroy(&self->elementwise);
    tyto_pool_destroy(&self->pool);
    tyto_resizer_destroy(&self->resizer);
    tyto_dwconv_destroy(&self->dwconv);
    tyto_conv_destroy(&self->conv);
    tyto_gemm_destroy(&self->gemm);
    free(self);
    *exec = NULL;
}

struct tyto_buf *tyto_executor_vk_input(const struct tyto_executor_vk *exec)
{
    return exec->slots[exec->layout.slot_of[0]];
}

const struct tyto_buf *tyto_executor_vk_output(const struct tyto_executor_vk *exec, uint32_t idx)
{
    return exec->slots[exec->layout.slot_of[tyto_graph_out(exec->graph, idx)]];
}

enum tyto_err tyto_executor_vk_run(struct tyto_executor_vk *exec, uint32_t batch)
{
    if (batch == 0 || batch > exec->max_batch)
        return TYTO_ERR_INVALID;
    for (uint32_t first = 0; first < batch; first += exec->group) {
        const uint32_t left = batch - first;
        const uint32_t num_rows = left < exec->group ? left : exec->group;
        struct tyto_plan *plan = NULL;
        enum tyto_err err = plan_for(exec, first / exec->group, num_rows, &plan);
        if (!err)
            err = tyto_plan_run(plan);
        if (err)
            return err;
    }
    return TYTO_OK;
}
