/* SPDX-License-Identifier: MIT */
/* XNNPACK's operators are created once and set up for one batch size; a run with
 * another batch sets them up again, which costs microseconds and no memory. A
 * large batch runs in chunks, so that activations stay in the cache.
 *
 * XNNPACK may read a few bytes past the end of its inputs: input is copied to
 * memory of our own, and the arena of activations has room behind. */
#include "model/executor/xnnpack.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

#include "model/executor/conv_avx2.h"
#include "model/executor/memory.h"
#include "model/executor/plain.h"

enum {
    MAX_STEPS = 3 * TYTO_GRAPH_MAX_LAYERS,
    ALIGN_FLOATS = 16,
    CHUNK_BYTES = 1 << 20, /* of the largest value in a chunk: half an L2 cache */
};

/* Steps that are no XNNPACK operator of their own are done by plain loops, convolutions where
 * that is faster by model/executor/conv_avx2.h. */
enum step_kind {
    STEP_CONV,
    STEP_LINEAR,
    STEP_ADD,
    STEP_MUL,
    STEP_MAX_POOL,
    STEP_AVG_POOL,
    STEP_MEAN,
    STEP_SOFTMAX,
    STEP_CLAMP,
    STEP_LEAKY_RELU,
    STEP_SIGMOID,
    STEP_HARD_SWISH,
    STEP_CONV_AVX2,
    STEP_COPY,
    STEP_TANH,
    STEP_PLAIN_LEAKY_RELU,
    STEP_PARTS,
    STEP_RESIZE,
};

struct step {
    enum step_kind kind;
    xnn_operator_t op;
    struct tyto_conv_avx2 *conv; /* CONV_AVX2, instead of op */
    struct tyto_value in_shape;
    uint64_t out_elems; /* of one item */
    float slope;
    const float *in[TYTO_LAYER_MAX_INS];
    float *out;
    /* PARTS: at each of num_places, widths[i] floats of input i after those of the one before. */
    uint32_t num_ins;
    uint64_t num_places, widths[TYTO_LAYER_MAX_INS];
    struct tyto_value out_shape; /* RESIZE */
    enum tyto_resize resize;
};

struct tyto_executor_xnn {
    uint32_t max_batch, chunk;
    uint32_t set_up; /* items the operators are set up for; 0: none */
    uint32_t num_outs;
    uint64_t in_elems, out_elems[TYTO_GRAPH_MAX_OUTS];
    float *arena;
    float *input;
    const float *outputs[TYTO_GRAPH_MAX_OUTS];
    pthreadpool_t pool;
    uint32_t num_steps;
    struct step steps[MAX_STEPS];
};

/* --- operators -------------------------------------------------------------------------- */

static enum tyto_err from_xnn(enum xnn_status status)
{
    switch (status) {
    case xnn_status_success:
        return TYTO_OK;
    case xnn_status_out_of_memory:
        return TYTO_ERR_NOMEM;
    case xnn_status_invalid_parameter:
    case xnn_status_unsupported_parameter:
    case xnn_status_unsupported_hardware:
        return TYTO_ERR_UNSUPPORTED;
    case xnn_status_uninitialized:
    case xnn_status_invalid_state:
        return TYTO_ERR_INTERNAL;
    }
    return TYTO_ERR_INTERNAL;
}

static struct step *add_step(struct tyto_executor_xnn *exec, enum step_kind kind)
{
    struct step *step = &exec->steps[exec->num_steps++];
    step->kind = kind;
    return step;
}

/* What is left to do after the layer's own operator clamped to [lo, hi]. */
struct result_plan {
    float lo, hi;
    bool leaky_relu, clamp;
    enum step_kind act; /* a step of its own; STEP_COPY: none */
};

static struct result_plan plan_result(const struct tyto_layer *layer)
{
    struct result_plan plan = {.lo = -INFINITY, .hi = INFINITY, .act = STEP_COPY};
    const float clamp = layer->has_clamp_min ? layer->clamp_min : -INFINITY;
    switch (layer->act) {
    case TYTO_ACT_RELU:
    case TYTO_ACT_RELU6:
        plan.lo = fmaxf(0.0f, clamp);
        plan.hi = layer->act == TYTO_ACT_RELU6 ? 6.0f : INFINITY;
        break;
    case TYTO_ACT_LEAKY_RELU:
        plan.leaky_relu = true;
        /* For a positive slope max(leaky(x), c) = leaky(max(x, leaky^-1(c))): one pass less. */
        if (layer->act_slope > 0.0f)
            plan.lo = clamp < 0.0f ? clamp / layer->act_slope : clamp;
        else
            plan.clamp = layer->has_clamp_min;
        break;
    case TYTO_ACT_SIGMOID:
    case TYTO_ACT_TANH:
    case TYTO_ACT_HARD_SWISH:
        plan.act = layer->act == TYTO_ACT_SIGMOID ? STEP_SIGMOID
                   : layer->act == TYTO_ACT_TANH  ? STEP_TANH
                                                  : STEP_HARD_SWISH;
        plan.clamp = layer->has_clamp_min;
        break;
    case TYTO_ACT_NONE:
    case TYTO_ACT_NUM:
        plan.lo = clamp;
        break;
    }
    return plan;
}

static enum xnn_status create_conv(const struct tyto_graph *graph, const struct tyto_layer *layer,
                                   const struct result_plan *plan, struct step *step)
{
    const uint32_t in_c = graph->values[layer->in_idx[0]].c;
    const uint32_t out_c = graph->values[layer->out_idx].c;
    const bool depthwise = layer->op == TYTO_LAYER_DWCONV;
    return xnn_create_convolution2d_nhwc_f32(
        layer->pad_top, layer->pad_right, layer->pad_bottom, layer->pad_left, layer->kernel_h,
        layer->kernel_w, layer->stride_h, layer->stride_w, 1, 1, depthwise ? in_c : 1,
        depthwise ? 1 : in_c, depthwise ? 1 : out_c, in_c, out_c, layer->weight, layer->bias,
        plan->lo, plan->hi, depthwise ? XNN_FLAG_DEPTHWISE_CONVOLUTION : 0, &step->op);
}

/* SCALE is a depthwise convolution with one tap. */
static enum xnn_status create_scale(const struct tyto_layer *layer, const struct result_plan *plan,
                                    struct step *step)
{
    const uint32_t c = step->in_shape.c;
    return xnn_create_convolution2d_nhwc_f32(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, c, 1, 1, c, c,
                                             layer->weight, layer->bias, plan->lo, plan->hi,
                                             XNN_FLAG_DEPTHWISE_CONVOLUTION, &step->op);
}

static enum xnn_status create_pool(const struct tyto_layer *layer, const struct result_plan *plan,
                                   struct step *step)
{
    const uint32_t c = step->in_shape.c;
    if (step->kind == STEP_MAX_POOL)
        return xnn_create_max_pooling2d_nhwc_f32(
            layer->pad_top, layer->pad_right, layer->pad_bottom, layer->pad_left, layer->kernel_h,
            layer->kernel_w, layer->stride_h, layer->stride_w, 1, 1, c, c, c, plan->lo, plan->hi, 0,
            &step->op);
    return xnn_create_average_pooling2d_nhwc_f32(
        layer->pad_top, layer->pad_right, layer->pad_bottom, layer->pad_left, layer->kernel_h,
        layer->kernel_w, layer->stride_h, layer->stride_w, c, c, c, plan->lo, plan->hi, 0,
        &step->op);
}

static enum xnn_status create_first(const struct tyto_graph *graph, const struct tyto_layer *layer,
                                    const struct result_plan *plan, struct step *step)
{
    const uint32_t c = step->in_shape.c;
    const size_t flat = (size_t)tyto_value_num_floats(&step->in_shape);
    const size_t out_c = graph->values[layer->out_idx].c;
    switch (step->kind) {
    case STEP_CONV:
        return layer->op == TYTO_LAYER_SCALE ? create_scale(layer, plan, step)
                                             : create_conv(graph, layer, plan, step);
    case STEP_LINEAR:
        return xnn_create_fully_connected_nc_f32(flat, out_c, flat, out_c, layer->weight,
                                                 layer->bias, plan->lo, plan->hi, 0, &step->op);
    case STEP_ADD:
        return xnn_create_add_nd_f32(plan->lo, plan->hi, 0, &step->op);
    case STEP_MUL:
        return xnn_create_multiply_nd_f32(plan->lo, plan->hi, 0, &step->op);
    case STEP_MAX_POOL:
    case STEP_AVG_POOL:
        return create_pool(layer, plan, step);
    case STEP_MEAN:
        return xnn_create_global_average_pooling_nwc_f32(c, c, c, plan->lo, plan->hi, 0, &step->op);
    case STEP_SOFTMAX:
        return xnn_create_softmax_nc_f32(c, c, c, 0, &step->op);
    case STEP_CLAMP:
        return xnn_create_clamp_nc_f32(c, c, c, plan->lo, plan->hi, 0, &step->op);
    case STEP_LEAKY_RELU:
        return xnn_create_leaky_relu_nc_f32(c, c, c, step->slope, 0, &step->op);
    case STEP_SIGMOID:
        return xnn_create_sigmoid_nc_f32(c, c, c, 0, &step->op);
    case STEP_HARD_SWISH:
        return xnn_create_hardswish_nc_f32(c, c, c, 0, &step->op);
    case STEP_CONV_AVX2:
    case STEP_COPY:
    case STEP_TANH:
    case STEP_PLAIN_LEAKY_RELU:
    case STEP_PARTS:
    case STEP_RESIZE:
        break;
    }
    return xnn_status_success;
}

static enum step_kind first_kind(const struct tyto_graph *graph, const struct tyto_layer *layer,
                                 const struct result_plan *plan)
{
    const bool bounded = plan->lo > -INFINITY || plan->hi < INFINITY;
    const bool one_tap = layer->kernel_h == 1 && layer->kernel_w == 1;
    switch (layer->op) {
    case TYTO_LAYER_CONV:
        return tyto_conv_avx2_suits(graph, layer) ? STEP_CONV_AVX2 : STEP_CONV;
    case TYTO_LAYER_DWCONV:
    case TYTO_LAYER_SCALE:
        return STEP_CONV;
    case TYTO_LAYER_LINEAR:
        return STEP_LINEAR;
    case TYTO_LAYER_ADD:
        return STEP_ADD;
    case TYTO_LAYER_MUL:
        return STEP_MUL;
    case TYTO_LAYER_AVG_POOL:
    case TYTO_LAYER_MAX_POOL:
        /* XNNPACK refuses one-tap pools; the maximum over the same tap twice is itself. */
        if (one_tap && layer->stride_h == 1 && layer->stride_w == 1)
            return bounded ? STEP_CLAMP : STEP_COPY;
        return layer->op == TYTO_LAYER_MAX_POOL ? STEP_MAX_POOL : STEP_AVG_POOL;
    case TYTO_LAYER_MEAN:
        return STEP_MEAN;
    case TYTO_LAYER_SOFTMAX:
        return STEP_SOFTMAX;
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
        return STEP_PARTS;
    case TYTO_LAYER_RESIZE:
        return STEP_RESIZE;
    case TYTO_LAYER_ACTIVATION:
    case TYTO_LAYER_NUM_OPS:
        break;
    }
    return bounded ? STEP_CLAMP : STEP_COPY;
}

/* One more step on the layer's result, in place. */
static enum tyto_err add_post(struct tyto_executor_xnn *exec, const struct tyto_graph *graph,
                              const struct tyto_layer *layer, const struct result_plan *plan,
                              enum step_kind kind, float *out)
{
    struct step *step = add_step(exec, kind);
    step->in_shape = graph->values[layer->out_idx];
    step->out_elems = tyto_value_num_floats(&step->in_shape);
    step->slope = layer->act_slope;
    step->in[0] = out;
    step->out = out;
    return from_xnn(create_first(graph, layer, plan, step));
}

static void set_inputs(const struct tyto_executor_xnn *exec, const struct tyto_graph *graph,
                       const struct tyto_layer *layer, const struct tyto_block_plan *memory,
                       struct step *step)
{
    step->in_shape = graph->values[layer->in_idx[0]];
    step->out_shape = graph->values[layer->out_idx];
    step->out_elems = tyto_value_num_floats(&step->out_shape);
    step->resize = layer->resize;
    step->num_ins = tyto_layer_num_inputs(layer);
    step->num_places =
        layer->op == TYTO_LAYER_CONCAT ? (uint64_t)step->out_shape.h * step->out_shape.w : 1;
    for (uint32_t i = 0; i < step->num_ins; i++) {
        step->in[i] = exec->arena + memory->offsets[layer->in_idx[i]];
        step->widths[i] =
            tyto_value_num_floats(&graph->values[layer->in_idx[i]]) / step->num_places;
    }
}

/* Their steps take no bounds: those are a pass of their own. */
static bool takes_no_bounds(enum tyto_layer_op op)
{
    return op == TYTO_LAYER_SOFTMAX || op == TYTO_LAYER_CONCAT || op == TYTO_LAYER_STACK ||
           op == TYTO_LAYER_RESIZE;
}

static enum tyto_err add_layer(struct tyto_executor_xnn *exec, const struct tyto_graph *graph,
                               const struct tyto_layer *layer, const struct tyto_block_plan *memory)
{
    struct result_plan plan = plan_result(layer);
    if (takes_no_bounds(layer->op) && (plan.lo > -INFINITY || plan.hi < INFINITY)) {
        plan.clamp = true;
        if (plan.leaky_relu) /* behind it, as the layer says */
            plan.lo = layer->clamp_min;
    }
    float *out = exec->arena + memory->offsets[layer->out_idx];
    struct step *step = add_step(exec, first_kind(graph, layer, &plan));
    set_inputs(exec, graph, layer, memory, step);
    step->out = out;
    enum tyto_err err = step->kind == STEP_CONV_AVX2
                            ? tyto_conv_avx2_create(graph, layer, plan.lo, plan.hi, &step->conv)
                            : from_xnn(create_first(graph, layer, &plan, step));
    const bool xnn_slope = layer->act_slope >= 0x1p-20f && layer->act_slope <= 1.0f;
    if (!err && plan.leaky_relu)
        err = add_post(exec, graph, layer, &plan,
                       xnn_slope ? STEP_LEAKY_RELU : STEP_PLAIN_LEAKY_RELU, out);
    if (!err && plan.act != STEP_COPY)
        err = add_post(exec, graph, layer, &plan, plan.act, out);
    if (layer->has_clamp_min && plan.lo == -INFINITY)
        plan.lo = layer->clamp_min;
    if (!err && plan.clamp)
        err = add_post(exec, graph, layer, &plan, STEP_CLAMP, out);
    return err;
}

static enum xnn_status set_up_step(struct step *step, size_t batch, pthreadpool_t pool)
{
    const size_t h = step->in_shape.h, w = step->in_shape.w;
    const size_t places = batch * h * w;
    const size_t shape[1] = {(size_t)step->out_elems * batch};
    const size_t by_channel[3] = {batch, h * w, step->in_shape.c};
    const size_t factors[3] = {batch, 1, step->in_shape.c};
    const float *in = step->in[0];
    switch (step->kind) {
    case STEP_CONV:
        return xnn_setup_convolution2d_nhwc_f32(step->op, batch, h, w, in, step->out, pool);
    case STEP_LINEAR:
        return xnn_setup_fully_connected_nc_f32(step->op, batch, in, step->out, pool);
    case STEP_ADD:
        return xnn_setup_add_nd_f32(step->op, 1, shape, 1, shape, in, step->in[1], step->out, pool);
    case STEP_MUL:
        return xnn_setup_multiply_nd_f32(step->op, 3, by_channel, 3, factors, in, step->in[1],
                                         step->out, pool);
    case STEP_MAX_POOL:
        return xnn_setup_max_pooling2d_nhwc_f32(step->op, batch, h, w, in, step->out, pool);
    case STEP_AVG_POOL:
        return xnn_setup_average_pooling2d_nhwc_f32(step->op, batch, h, w, in, step->out, pool);
    case STEP_MEAN:
        return xnn_setup_global_average_pooling_nwc_f32(step->op, batch, h * w, in, step->out,
                                                        pool);
    case STEP_SOFTMAX:
        return xnn_setup_softmax_nc_f32(step->op, places, in, step->out, pool);
    case STEP_CLAMP:
        return xnn_setup_clamp_nc_f32(step->op, places, in, step->out, pool);
    case STEP_LEAKY_RELU:
        return xnn_setup_leaky_relu_nc_f32(step->op, places, in, step->out, pool);
    case STEP_SIGMOID:
        return xnn_setup_sigmoid_nc_f32(step->op, places, in, step->out, pool);
    case STEP_HARD_SWISH:
        return xnn_setup_hardswish_nc_f32(step->op, places, in, step->out, pool);
    case STEP_CONV_AVX2:
    case STEP_COPY:
    case STEP_TANH:
    case STEP_PLAIN_LEAKY_RELU:
    case STEP_PARTS:
    case STEP_RESIZE:
        break;
    }
    return xnn_status_success;
}

struct conv_job {
    const struct step *step;
    uint32_t batch;
};

static void run_conv_part(void *user, size_t part_idx)
{
    const struct conv_job *job = user;
    tyto_conv_avx2_run_part(job->step->conv, job->step->in[0], job->step->out, job->batch,
                            (uint32_t)part_idx);
}

static void run_conv(const struct step *step, uint32_t batch, pthreadpool_t pool)
{
    struct conv_job job = {.step = step, .batch = batch};
    pthreadpool_parallelize_1d(pool, run_conv_part, &job,
                               tyto_conv_avx2_num_parts(step->conv, batch), 0);
}

static void run_parts(const struct step *step, size_t batch)
{
    const size_t num_rows = (size_t)step->num_places * batch;
    const size_t pitch = (size_t)(step->out_elems / step->num_places);
    float *out = step->out;
    for (uint32_t i = 0; i < step->num_ins; i++) {
        tyto_plain_copy_rows(step->in[i], (size_t)step->widths[i], out, pitch, num_rows);
        out += step->widths[i];
    }
}

static void run_plain(const struct step *step, size_t batch)
{
    const size_t num = (size_t)step->out_elems * batch;
    if (step->kind == STEP_PARTS)
        run_parts(step, batch);
    else if (step->kind == STEP_RESIZE)
        tyto_plain_resize(step->resize, &step->in_shape, &step->out_shape, step->in[0], step->out,
                          batch);
    else if (step->kind == STEP_COPY)
        memcpy(step->out, step->in[0], num * sizeof(float));
    else if (step->kind == STEP_TANH)
        for (size_t i = 0; i < num; i++)
            step->out[i] = tanhf(step->out[i]);
    else
        for (size_t i = 0; i < num; i++)
            step->out[i] = step->out[i] >= 0.0f ? step->out[i] : step->out[i] * step->slope;
}

static enum tyto_err set_up(struct tyto_executor_xnn *exec, uint32_t batch)
{
    if (exec->set_up == batch)
        return TYTO_OK;
    exec->set_up = 0;
    for (uint32_t i = 0; i < exec->num_steps; i++) {
        const enum tyto_err err = from_xnn(set_up_step(&exec->steps[i], batch, exec->pool));
        if (err)
            return err;
    }
    exec->set_up = batch;
    return TYTO_OK;
}

/* --- public ------------------------------------------------------------------------------ */

static enum tyto_err create_steps(struct tyto_executor_xnn *exec, const struct tyto_graph *graph,
                                  uint32_t num_threads)
{
    struct tyto_block_plan *memory = malloc(sizeof(*memory));
    if (!memory)
        return TYTO_ERR_NOMEM;
    tyto_block_plan_make(graph, exec->chunk, ALIGN_FLOATS, memory);
    const uint64_t arena_bytes =
        (memory->num_floats + ALIGN_FLOATS) * sizeof(float) + XNN_EXTRA_BYTES;
    exec->arena = aligned_alloc(64, (size_t)((arena_bytes + 63) / 64 * 64));
    enum tyto_err err = exec->arena ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err) {
        memset(exec->arena, 0, (size_t)arena_bytes);
        exec->input = exec->arena + memory->offsets[0];
        for (uint32_t i = 0; i < exec->num_outs; i++)
            exec->outputs[i] = exec->arena + memory->offsets[tyto_graph_out(graph, i)];
    }
    if (!err && num_threads != 1) {
        exec->pool = pthreadpool_create(num_threads);
        err = exec->pool ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    for (uint32_t i = 0; !err && i < graph->num_layers; i++)
        err = add_layer(exec, graph, &graph->layers[i], memory);
    free(memory);
    return err;
}

enum tyto_err tyto_executor_xnn_create(const struct tyto_graph *graph, uint32_t max_batch,
                                       uint32_t num_threads, struct tyto_executor_xnn **ret_exec)
{
    if (max_batch < 1)
        return TYTO_ERR_INVALID;
    enum tyto_err err = from_xnn(xnn_initialize(NULL));
    if (err)
        return err;
    struct tyto_executor_xnn *exec = calloc(1, sizeof(*exec));
    if (!exec)
        return TYTO_ERR_NOMEM;
    uint64_t largest = 1;
    for (uint32_t i = 0; i < graph->num_values; i++)
        if (tyto_value_num_floats(&graph->values[i]) > largest)
            largest = tyto_value_num_floats(&graph->values[i]);
    const uint64_t chunk = CHUNK_BYTES / (largest * sizeof(float));
    exec->max_batch = max_batch;
    exec->chunk = chunk < 1 ? 1 : chunk > max_batch ? max_batch : (uint32_t)chunk;
    exec->in_elems = tyto_value_num_floats(&graph->values[0]);
    exec->num_outs = tyto_graph_num_outs(graph);
    for (uint32_t i = 0; i < exec->num_outs; i++)
        exec->out_elems[i] = tyto_value_num_floats(&graph->values[tyto_graph_out(graph, i)]);
    err = create_steps(exec, graph, num_threads);
    if (!err)
        err = set_up(exec, exec->chunk); /* allocates what later set-ups reuse */
    if (err) {
        tyto_executor_xnn_destroy(&exec);
        return err;
    }
    *ret_exec = exec;
    return TYTO_OK;
}

void tyto_executor_xnn_destroy(struct tyto_executor_xnn **exec)
{
    struct tyto_executor_xnn *old = *exec;
    if (!old)
        return;
    *exec = NULL;
    for (uint32_t i = 0; i < old->num_steps; i++) {
        if (old->steps[i].op)
            xnn_delete_operator(old->steps[i].op);
        tyto_conv_avx2_destroy(&old->steps[i].conv);
    }
    if (old->pool)
        pthreadpool_destroy(old->pool);
    free(old->arena);
    free(old);
}

static enum tyto_err run_chunk(struct tyto_executor_xnn *exec, uint32_t batch)
{
    enum tyto_err err = set_up(exec, batch);
    for (uint32_t i = 0; !err && i < exec->num_steps; i++) {
        const struct step *step = &exec->steps[i];
        if (step->op)
            err = from_xnn(xnn_run_operator(step->op, exec->pool));
        else if (step->conv)
            run_conv(step, batch, exec->pool);
        else
            run_plain(step, batch);
    }
    return err;
}

enum tyto_err tyto_executor_xnn_run(struct tyto_executor_xnn *exec, const float *input,
                                    float *const *outputs, uint32_t batch)
{
    if (batch < 1 || batch > exec->max_batch)
        return TYTO_ERR_INVALID;
    for (uint32_t done = 0; done < batch; done += exec->chunk) {
        const uint32_t num = batch - done < exec->chunk ? batch - done : exec->chunk;
        memcpy(exec->input, input + done * exec->in_elems,
               (size_t)(num * exec->in_elems) * sizeof(float));
        const enum tyto_err err = run_chunk(exec, num);
        if (err)
            return err;
        for (uint32_t i = 0; i < exec->num_outs; i++)
            memcpy(outputs[i] + done * exec->out_elems[i], exec->outputs[i],
                   (size_t)(num * exec->out_elems[i]) * sizeof(float));
    }
    return TYTO_OK;
}
