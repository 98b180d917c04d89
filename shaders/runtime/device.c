/* SPDX-License-Identifier: MIT */
/* Opening and closing a device, with only those optional features that kernels
 * use, and its validation messages. */
#include <stdlib.h>
#include <string.h>

#include "shaders/runtime/vk.h"

static const uint64_t default_wait_ns = 2000000000ull;
/* Kernels on the CPU wait for their turn like any other thread of a busy machine. */
static const uint64_t default_cpu_wait_ns = 30000000000ull;

static VKAPI_ATTR VkBool32 VKAPI_CALL
on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
           const VkDebugUtilsMessengerCallbackDataEXT *message, void *user)
{
    struct tyto_gpu *gpu = user;

    (void)severity;
    (void)types;
    atomic_fetch_add(&gpu->num_messages, 1);
    tyto_log_write(gpu->log, TYTO_LOG_DEBUG, "shaders", "validation: %s", message->pMessage);
    return VK_FALSE;
}
static enum tyto_err create_messenger(struct tyto_gpu *gpu)
{
    const VkDebugUtilsMessengerCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = gpu};
    PFN_vkCreateDebugUtilsMessengerEXT create = (PFN_vkCreateDebugUtilsMessengerEXT)(void (*)(
        void))vkGetInstanceProcAddr(gpu->instance, "vkCreateDebugUtilsMessengerEXT");

    gpu->destroy_messenger = (PFN_vkDestroyDebugUtilsMessengerEXT)(void (*)(
        void))vkGetInstanceProcAddr(gpu->instance, "vkDestroyDebugUtilsMessengerEXT");
    if (!create || !gpu->destroy_messenger)
        return TYTO_ERR_UNSUPPORTED;
    return tyto_vk_err(gpu, create(gpu->instance, &info, NULL, &gpu->messenger));
}
/* --- device --------------------------------------------------------------------- */

static void read_subgroup_sizes(struct tyto_gpu *gpu)
{
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 props = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                         .pNext = &sizes};

    vkGetPhysicalDeviceProperties2(gpu->physical, &props);
    gpu->min_subgroup_size = sizes.minSubgroupSize;
    gpu->max_subgroup_size = sizes.maxSubgroupSize;
    if (!(sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
        gpu->subgroup_size_control = false;
}

static void want_optional(const struct tyto_vk_features *have, struct tyto_vk_features *want)
{
    want->base.features.shaderInt64 = have->base.features.shaderInt64;
    want->storage16.storageBuffer16BitAccess = have->storage16.storageBuffer16BitAccess;
    want->storage8.storageBuffer8BitAccess = have->storage8.storageBuffer8BitAccess;
    want->float16.shaderFloat16 = have->float16.shaderFloat16;
    want->extended_types.shaderSubgroupExtendedTypes =
        have->extended_types.shaderSubgroupExtendedTypes;
    want->float16.shaderInt8 = have->float16.shaderInt8;
    want->subgroup_size.subgroupSizeControl = have->subgroup_size.subgroupSizeControl;
    want->subgroup_size.computeFullSubgroups = have->subgroup_size.computeFullSubgroups;
}

static enum tyto_err create_device(struct tyto_gpu *gpu, bool minimal)
{
    static const float priority = 1.0f;
    static const char *const extensions[] = {VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME};
    struct tyto_vk_features have, want;

    gpu->subgroup_size_control = tyto_vk_has_extension(gpu->physical, extensions[0]);
    tyto_vk_chain_features(&have, gpu->subgroup_size_control);
    tyto_vk_chain_features(&want, gpu->subgroup_size_control);
    vkGetPhysicalDeviceFeatures2(gpu->physical, &have.base);
    if (!minimal)
        want_optional(&have, &want);
    if (!tyto_vk_find_queue_family(gpu->physical, &gpu->queue_family))
        return TYTO_ERR_UNSUPPORTED;
    const VkDeviceQueueCreateInfo queue_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                .queueFamilyIndex = gpu->queue_family,
                                                .queueCount = 1,
                                                .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &want.base,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue_info,
                                     .enabledExtensionCount = gpu->subgroup_size_control ? 1 : 0,
                                     .ppEnabledExtensionNames = extensions};
    enum tyto_err err = tyto_vk_err(gpu, vkCreateDevice(gpu->physical, &info, NULL, &gpu->device));
    if (err)
        return err;
    vkGetDeviceQueue(gpu->device, gpu->queue_family, 0, &gpu->queue);
    if (gpu->subgroup_size_control) {
        gpu->subgroup_size_control = want.subgroup_size.subgroupSizeControl;
        read_subgroup_sizes(gpu);
    }
    return TYTO_OK;
}

static enum tyto_err create_pool(struct tyto_gpu *gpu)
{
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                               .flags =
                                                   VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                               .queueFamilyIndex = gpu->queue_family};
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    enum tyto_err err =
        tyto_vk_err(gpu, vkCreateCommandPool(gpu->device, &pool_info, NULL, &gpu->pool));
    if (err)
        return err;
    const VkCommandBufferAllocateInfo cmd_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    err = tyto_vk_err(gpu, vkAllocateCommandBuffers(gpu->device, &cmd_info, &gpu->copy_cmd));
    if (err)
        return err;
    return tyto_vk_err(gpu, vkCreateFence(gpu->device, &fence_info, NULL, &gpu->copy_fence));
}
static enum tyto_err open_gpu(struct tyto_gpu *gpu, const struct tyto_gpu_params *params)
{
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceProperties2 props = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                         .pNext = &id};
    enum tyto_err err = TYTO_OK;

    gpu->validating = params->validate && tyto_vk_has_validation();
    gpu->profile = params->profile;
    err = tyto_vk_err(gpu, tyto_vk_create_instance(gpu->validating, &gpu->instance));
    if (!err && gpu->validating)
        err = create_messenger(gpu);
    if (!err)
        err = tyto_vk_pick(gpu, params->device);
    if (!err && params->minimal)
        gpu->info.fp16_storage = gpu->info.fp16_math = gpu->info.int64 = gpu->info.coop_matrix =
            false;
    if (!err && params->as_gpu)
        gpu->info.wants_groups = gpu->as_gpu = true;
    if (!err)
        err = create_device(gpu, params->minimal);
    if (!err)
        err = create_pool(gpu);
    if (err)
        return err;
    if (params->timestamps || params->profile)
        gpu->tick_ns = tyto_vk_tick_ns(gpu->physical, gpu->queue_family);
    vkGetPhysicalDeviceProperties2(gpu->physical, &props);
    memcpy(gpu->max_group_count, props.properties.limits.maxComputeWorkGroupCount,
           sizeof(gpu->max_group_count));
    vkGetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
    return tyto_cache_init(gpu, params->cache_dir, id.driverUUID,
                           props.properties.pipelineCacheUUID);
}

enum tyto_err tyto_gpu_create(const struct tyto_gpu_params *params, struct tyto_gpu **ret_gpu)
{
    struct tyto_gpu *gpu = calloc(1, sizeof(*gpu));
    enum tyto_err err = TYTO_OK;

    if (!gpu)
        return TYTO_ERR_NOMEM;
    gpu->log = params->log;
    atomic_init(&gpu->num_messages, 0);
    err = open_gpu(gpu, params);
    if (err) {
        tyto_gpu_destroy(&gpu);
        return err;
    }
    gpu->wait_timeout_ns = params->wait_timeout_ns               ? params->wait_timeout_ns
                           : gpu->info.kind == TYTO_GPU_KIND_CPU ? default_cpu_wait_ns
                                                                 : default_wait_ns;
    tyto_log_write(gpu->log, TYTO_LOG_DEBUG, "shaders", "device %u: %s, %s", gpu->info.idx,
                   gpu->info.name, gpu->info.driver);
    *ret_gpu = gpu;
    return TYTO_OK;
}

void tyto_gpu_destroy(struct tyto_gpu **gpu_ptr)
{
    struct tyto_gpu *gpu = gpu_ptr ? *gpu_ptr : NULL;

    if (!gpu)
        return;
    *gpu_ptr = NULL;
    if (gpu->hung) { /* device and memory stay behind: destroying them under running work */
        free(gpu->cache_path); /* is undefined */
        free(gpu);
        return;
    }
    if (gpu->device) {
        tyto_buf_destroy(&gpu->staging);
        tyto_cache_finish(gpu);
        if (gpu->copy_fence)
            vkDestroyFence(gpu->device, gpu->copy_fence, NULL);
        if (gpu->pool)
            vkDestroyCommandPool(gpu->device, gpu->pool, NULL);
        tyto_arena_finish(gpu);
        vkDestroyDevice(gpu->device, NULL);
    }
    if (gpu->messenger)
        gpu->destroy_messenger(gpu->instance, gpu->messenger, NULL);
    if (gpu->instance)
        vkDestroyInstance(gpu->instance, NULL);
    free(gpu->cache_path);
    free(gpu);
}

const struct tyto_gpu_info *tyto_gpu_get_info(const struct tyto_gpu *gpu)
{
    return &gpu->info;
}

uint64_t tyto_gpu_num_validation_messages(const struct tyto_gpu *gpu)
{
    return atomic_load(&gpu->num_messages);
}

bool tyto_gpu_is_validating(const struct tyto_gpu *gpu)
{
    return gpu->validating;
}
