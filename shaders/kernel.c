/* SPDX-License-Identifier: MIT */
#include "shaders/kernel.h"

enum tyto_err tyto_lane_kernel_create(struct tyto_gpu *gpu,
                                      const struct tyto_lane_kernel_params *params,
                                      struct tyto_kernel **ret_kernel)
{
    const uint32_t lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    const uint32_t spec[2] = {lanes, params->tile};
    const struct tyto_kernel_params kernel = {
        .name = params->name,
        .spirv = params->spirv,
        .spirv_bytes = params->spirv_bytes,
        .binds = params->binds,
        .num_binds = params->num_binds,
        .push_bytes = params->push_bytes,
        .spec = spec,
        .num_spec = params->tile > 0 ? 2 : 1,
        .subgroup_size = lanes,
    };

    return tyto_kernel_create(gpu, &kernel, ret_kernel);
}

enum tyto_err tyto_kernel_op_init(struct tyto_gpu *gpu,
                                  const struct tyto_lane_kernel_params *params,
                                  struct tyto_kernel_op *ret_op)
{
    ret_op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    ret_op->max_groups_x = tyto_gpu_get_info(gpu)->max_group_count_x;
    return tyto_lane_kernel_create(gpu, params, &ret_op->kernel);
}

void tyto_kernel_op_finish(struct tyto_kernel_op *op)
{
    tyto_kernel_destroy(&op->kernel);
}

bool tyto_bind_fits(const struct tyto_bind *bind, uint64_t n0, uint64_t n1, uint64_t n2)
{
    uint64_t size_bytes = 0;

    if (!bind->buf || n0 == 0 || n1 == 0 || n2 == 0)
        return false;
    if (n0 > UINT32_MAX || n1 > UINT32_MAX / n0 || n2 > UINT32_MAX / (n0 * n1))
        return false;
    size_bytes = tyto_buf_size_bytes(bind->buf);
    if (bind->offset_bytes > size_bytes)
        return false;
    size_bytes -= bind->offset_bytes;
    if (bind->size_bytes > size_bytes)
        return false;
    if (bind->size_bytes > 0)
        size_bytes = bind->size_bytes;
    return n0 * n1 * n2 * 4 <= size_bytes;
}

uint32_t tyto_num_groups(uint32_t n, uint32_t lanes)
{
    return n / lanes + (n % lanes > 0 ? 1 : 0);
}
