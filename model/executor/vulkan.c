/* SPDX-License-Identifier: MIT */
#include "model/executor/vulkan_internal.h"

#include <stdlib.h>

#include "base/half.h"
#include "files/safetensors.h"

/* A GPU is kept busy by some 8 pictures; a software driver by one, whose values
 * then stay in its caches. */
enum { GROUP_GPU = 8, GROUP_CPU = 1 };
static const uint64_t MAX_SLOT_BYTES = 128u << 20;

/* --- weights ------------------------------------------------------------------ */

static bool fits_half(const float *values, uint64_t num)
{
    for (uint64_t i = 0; i < num; i++)
        if (tyto_half_to_f32(tyto_half_from_f32(values[i])) != values[i])
            return false;
    return true;
}

static enum tyto_err create_scale(struct tyto_gpu *gpu, const struct tyto_layer *layer,
                                  uint32_t channels, struct tyto_buf **ret_buf)
{
    const uint64_t bytes = channels * sizeof(float), bias_at = tyto_vk_bias_offset_bytes(channels);
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
                                    struct tyto_vk_layer_weights *weights)
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
    case TYTO_LAYER_MUL:
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

/* --- plans ----------------------------------------------------------------------- */

/* The plan for `num_rows` rows of a group; recorded at first need. */
static enum tyto_err plan_for(struct tyto_executor_vk *exec, uint32_t group_idx, uint32_t num_rows,
                              struct tyto_plan **ret_plan)
{
    struct tyto_plan **kept = &exec->plans[(size_t)group_idx * exec->group + num_rows - 1];
    struct tyto_vk_recording rec = {
        .exec = exec,
        .first_row = group_idx * exec->group,
        .num_rows = num_rows,
    };

    if (!*kept) {
        enum tyto_err err = tyto_plan_create(exec->gpu, "encoder", &rec.plan);
        for (uint32_t s = 0; s < exec->layout.num_steps && !err; s++)
            err = tyto_vk_record_step(&rec, &exec->layout.steps[s]);
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
        const struct tyto_exec_step *step = &exec->layout.steps[s];
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
        if (tyto_vk_holds_all_rows(graph, v) && !is_bound_whole(exec, v) &&
            group * tyto_value_num_floats(&graph->values[v]) * 4 % TYTO_VK_BIND_ALIGN_BYTES != 0)
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
        if (tyto_vk_holds_all_rows(exec->graph, v))
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

struct tyto_buf *tyto_executor_vk_output(const struct tyto_executor_vk *exec, uint32_t idx)
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
