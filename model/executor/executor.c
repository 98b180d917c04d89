/* SPDX-License-Identifier: MIT */
/* Which of the two executors runs a graph, and where its rows lie. */
#include <stdlib.h>

#include "model/executor/executor.h"
#include "model/executor/vulkan.h"
#include "model/executor/xnnpack.h"

struct tyto_executor {
    enum tyto_exec kind;
    uint32_t max_batch;
    struct tyto_executor_vk *vk;   /* VULKAN */
    struct tyto_executor_xnn *xnn; /* CPU, with buffers of its own */
    struct tyto_buf *input;
    uint32_t num_outs;
    struct tyto_buf *outputs[TYTO_GRAPH_MAX_OUTS];
};

static enum tyto_err create_cpu(struct tyto_executor *exec,
                                const struct tyto_executor_params *params)
{
    const struct tyto_graph *graph = params->graph;
    const uint64_t row_bytes = sizeof(float) * (uint64_t)params->max_batch;
    enum tyto_err err =
        tyto_executor_xnn_create(graph, params->max_batch, params->num_threads, &exec->xnn);

    if (!err)
        err = tyto_buf_create(params->gpu, TYTO_BUF_UPLOAD,
                              row_bytes * tyto_value_num_floats(&graph->values[0]), &exec->input);
    for (uint32_t i = 0; i < exec->num_outs && !err; i++) {
        const struct tyto_value *out = &graph->values[tyto_graph_out(graph, i)];
        err = tyto_buf_create(params->gpu, TYTO_BUF_UPLOAD, row_bytes * tyto_value_num_floats(out),
                              &exec->outputs[i]);
    }
    return err;
}

/* TYTO_EXEC_AUTO: a real GPU is faster than this machine's cores, lavapipe is not. */
static enum tyto_exec pick(const struct tyto_executor_params *params)
{
    if (params->exec != TYTO_EXEC_AUTO)
        return params->exec;
    const enum tyto_gpu_kind kind = tyto_gpu_get_info(params->gpu)->kind;
    const bool real = kind == TYTO_GPU_KIND_DISCRETE || kind == TYTO_GPU_KIND_INTEGRATED;
    return real ? TYTO_EXEC_VULKAN : TYTO_EXEC_CPU;
}

enum tyto_err tyto_executor_create(const struct tyto_executor_params *params,
                                   struct tyto_executor **ret_exec)
{
    if (params->max_batch == 0)
        return TYTO_ERR_INVALID;
    struct tyto_executor *exec = calloc(1, sizeof(*exec));
    if (!exec)
        return TYTO_ERR_NOMEM;

    exec->kind = pick(params);
    exec->max_batch = params->max_batch;
    exec->num_outs = tyto_graph_num_outs(params->graph);
    enum tyto_err err = TYTO_OK;
    if (exec->kind == TYTO_EXEC_CPU) {
        err = create_cpu(exec, params);
        if (err == TYTO_ERR_UNSUPPORTED && params->exec == TYTO_EXEC_AUTO) {
            tyto_log_write(params->log, TYTO_LOG_DEBUG, "model",
                           "XNNPACK cannot run this network here: Vulkan does");
            tyto_executor_xnn_destroy(&exec->xnn);
            exec->kind = TYTO_EXEC_VULKAN;
            err = TYTO_OK;
        }
    }
    if (!err && exec->kind == TYTO_EXEC_VULKAN)
        err = tyto_executor_vk_create(params->graph, params->gpu, params->max_batch, &exec->vk);
    if (err) {
        tyto_executor_destroy(&exec);
        return err;
    }
    *ret_exec = exec;
    return TYTO_OK;
}

void tyto_executor_destroy(struct tyto_executor **exec)
{
    if (!exec || !*exec)
        return;
    tyto_executor_vk_destroy(&(*exec)->vk);
    tyto_executor_xnn_destroy(&(*exec)->xnn);
    tyto_buf_destroy(&(*exec)->input);
    for (uint32_t i = 0; i < TYTO_GRAPH_MAX_OUTS; i++)
        tyto_buf_destroy(&(*exec)->outputs[i]);
    free(*exec);
    *exec = NULL;
}

enum tyto_exec tyto_executor_kind(const struct tyto_executor *exec)
{
    return exec->kind;
}

struct tyto_buf *tyto_executor_input(const struct tyto_executor *exec)
{
    return exec->vk ? tyto_executor_vk_input(exec->vk) : exec->input;
}

const struct tyto_buf *tyto_executor_output(const struct tyto_executor *exec)
{
    return tyto_executor_output_at(exec, 0);
}

struct tyto_buf *tyto_executor_output_rows(struct tyto_executor *exec)
{
    return exec->vk ? tyto_executor_vk_output(exec->vk, 0) : exec->outputs[0];
}

const struct tyto_buf *tyto_executor_output_at(const struct tyto_executor *exec, uint32_t idx)
{
    return exec->vk ? tyto_executor_vk_output(exec->vk, idx) : exec->outputs[idx];
}

enum tyto_err tyto_executor_run(struct tyto_executor *exec, uint32_t batch)
{
    if (batch == 0 || batch > exec->max_batch)
        return TYTO_ERR_INVALID;
    if (exec->vk)
        return tyto_executor_vk_run(exec->vk, batch);
    float *outputs[TYTO_GRAPH_MAX_OUTS];
    for (uint32_t i = 0; i < exec->num_outs; i++)
        outputs[i] = tyto_buf_map(exec->outputs[i]);
    return tyto_executor_xnn_run(exec->xnn, tyto_buf_map(exec->input), outputs, batch);
}
