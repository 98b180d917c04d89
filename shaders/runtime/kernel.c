/* SPDX-License-Identifier: MIT */
/* A kernel: one compute pipeline and the layout of its bindings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/runtime/vk.h"

static enum tyto_err create_layouts(struct tyto_gpu *gpu, struct tyto_kernel *kernel)
{
    VkDescriptorSetLayoutBinding bindings[TYTO_KERNEL_MAX_BINDS];
    const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                      .size = kernel->push_bytes};
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < kernel->num_binds; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = kernel->binds[i] == TYTO_BIND_STORAGE
                                  ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                  : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    const VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = kernel->num_binds,
        .pBindings = bindings};
    err = tyto_vk_err(
        gpu, vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &kernel->set_layout));
    if (err)
        return err;
    const VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &kernel->set_layout,
        .pushConstantRangeCount = kernel->push_bytes ? 1 : 0,
        .pPushConstantRanges = &push};
    return tyto_vk_err(gpu,
                       vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &kernel->layout));
}

static enum tyto_err create_pipeline(struct tyto_gpu *gpu, struct tyto_kernel *kernel,
                                     const struct tyto_kernel_params *params)
{
    VkSpecializationMapEntry entries[TYTO_KERNEL_MAX_SPEC];
    const VkShaderModuleCreateInfo module_info = {.sType =
                                                      VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                                  .codeSize = params->spirv_bytes,
                                                  .pCode = params->spirv};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT size_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = params->subgroup_size};
    VkShaderModule module = VK_NULL_HANDLE;
    enum tyto_err err =
        tyto_vk_err(gpu, vkCreateShaderModule(gpu->device, &module_info, NULL, &module));

    if (err)
        return err;
    for (uint32_t i = 0; i < params->num_spec; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
    const VkSpecializationInfo spec = {.mapEntryCount = params->num_spec,
                                       .pMapEntries = entries,
                                       .dataSize = params->num_spec * 4,
                                       .pData = params->spec};
    const bool sized = params->subgroup_size && gpu->subgroup_size_control;
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = sized ? &size_info : NULL,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = params->num_spec ? &spec : NULL},
        .layout = kernel->layout};
    err = tyto_vk_err(
        gpu, vkCreateComputePipelines(gpu->device, gpu->cache, 1, &info, NULL, &kernel->pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
    return err;
}

static enum tyto_err check_params(const struct tyto_gpu *gpu,
                                  const struct tyto_kernel_params *params)
{
    if (gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    if (!params->spirv || params->spirv_bytes < 20 || params->spirv_bytes % 4)
        return TYTO_ERR_INVALID;
    if (params->num_binds > TYTO_KERNEL_MAX_BINDS || params->num_spec > TYTO_KERNEL_MAX_SPEC ||
        params->push_bytes > gpu->info.max_push_bytes || params->push_bytes % 4)
        return TYTO_ERR_SHAPE;
    for (uint32_t i = 0; i < params->num_binds; i++)
        if ((uint32_t)params->binds[i] >= TYTO_VK_NUM_BIND_KINDS)
            return TYTO_ERR_INVALID;
    if (params->subgroup_size && params->subgroup_size != gpu->info.subgroup_size &&
        (!gpu->subgroup_size_control || params->subgroup_size < gpu->min_subgroup_size ||
         params->subgroup_size > gpu->max_subgroup_size))
        return TYTO_ERR_UNSUPPORTED;
    return TYTO_OK;
}

enum tyto_err tyto_kernel_create(struct tyto_gpu *gpu, const struct tyto_kernel_params *params,
                                 struct tyto_kernel **ret_kernel)
{
    struct tyto_kernel *kernel = NULL;
    enum tyto_err err = check_params(gpu, params);

    if (err)
        return err;
    kernel = calloc(1, sizeof(*kernel));
    if (!kernel)
        return TYTO_ERR_NOMEM;
    kernel->gpu = gpu;
    kernel->num_binds = params->num_binds;
    kernel->push_bytes = params->push_bytes;
    for (uint32_t i = 0; i < params->num_binds; i++)
        kernel->binds[i] = params->binds[i];
    (void)snprintf(kernel->name, sizeof(kernel->name), "%s", params->name ? params->name : "?");
    err = create_layouts(gpu, kernel);
    if (!err)
        err = create_pipeline(gpu, kernel, params);
    if (err) {
        tyto_kernel_destroy(&kernel);
        return err;
    }
    *ret_kernel = kernel;
    return TYTO_OK;
}

void tyto_kernel_destroy(struct tyto_kernel **kernel_ptr)
{
    struct tyto_kernel *kernel = kernel_ptr ? *kernel_ptr : NULL;

    if (!kernel)
        return;
    *kernel_ptr = NULL;
    if (kernel->gpu->hung) {
        free(kernel);
        return;
    }
    if (kernel->pipeline)
        vkDestroyPipeline(kernel->gpu->device, kernel->pipeline, NULL);
    if (kernel->layout)
        vkDestroyPipelineLayout(kernel->gpu->device, kernel->layout, NULL);
    if (kernel->set_layout)
        vkDestroyDescriptorSetLayout(kernel->gpu->device, kernel->set_layout, NULL);
    free(kernel);
}
