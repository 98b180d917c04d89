/* SPDX-License-Identifier: MIT */
/* Stands in for xnnpack.c in a build without XNNPACK: every graph is UNSUPPORTED, so that `auto`
 * goes on with Vulkan and `cpu` is refused. */
#include <stddef.h>

#include "model/executor/xnnpack.h"

enum tyto_err tyto_executor_xnn_create(const struct tyto_graph *graph, uint32_t max_batch,
                                       uint32_t num_threads, struct tyto_executor_xnn **ret_exec)
{
    (void)graph;
    (void)max_batch;
    (void)num_threads;
    (void)ret_exec;
    return TYTO_ERR_UNSUPPORTED;
}

void tyto_executor_xnn_destroy(struct tyto_executor_xnn **exec)
{
    if (exec)
        *exec = NULL;
}

enum tyto_err tyto_executor_xnn_run(struct tyto_executor_xnn *exec, const float *input,
                                    float *const *outputs, uint32_t batch)
{
    (void)exec;
    (void)input;
    (void)outputs;
    (void)batch;
    return TYTO_ERR_UNSUPPORTED;
}
