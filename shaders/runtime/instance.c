/* SPDX-License-Identifier: MIT */
/* Instances, what devices there are, and which one a wish means. The surprising
 * thing: lavapipe is fastest with LP_NUM_THREADS=0 and one instance per worker
 * thread, so that is put into the environment before the driver is loaded. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/runtime/vk.h"

static const uint32_t api_version = VK_API_VERSION_1_2;
static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

enum { MAX_DEVICES = 16 };

static void prepare_environment(void)
{
    /* llvmpipe's own threads cost 30 us a dispatch and scale worse than workers do
     * (0: compute runs on the thread that submits). What a person has set stays. */
    (void)setenv("LP_NUM_THREADS", "0", 0);
}

static void prepare_environment_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, prepare_environment);
}

/* --- what a device is ----------------------------------------------------------- */

bool tyto_vk_has_extension(VkPhysicalDevice physical, const char *name)
{
    VkExtensionProperties *list = NULL;
    uint32_t num = 0;
    bool found = false;

    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &num, NULL) != VK_SUCCESS || !num)
        return false;
    list = calloc(num, sizeof(*list));
    if (!list)
        return false;
    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &num, list) >= VK_SUCCESS)
        for (uint32_t i = 0; i < num && !found; i++)
            found = strcmp(list[i].extensionName, name) == 0;
    free(list);
    return found;
}

static enum tyto_gpu_kind kind_of(VkPhysicalDeviceType type)
{
    if (type == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return TYTO_GPU_KIND_CPU;
    if (type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU)
        return TYTO_GPU_KIND_INTEGRATED;
    if (type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU)
        return TYTO_GPU_KIND_DISCRETE;
    return TYTO_GPU_KIND_OTHER;
}

bool tyto_vk_find_queue_family(VkPhysicalDevice physical, uint32_t *ret_family)
{
    VkQueueFamilyProperties families[32];
    uint32_t num = 32;

    vkGetPhysicalDeviceQueueFamilyProperties(physical, &num, families);
    for (uint32_t i = 0; i < num; i++) {
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            *ret_family = i;
            return true;
        }
    }
    return false;
}

double tyto_vk_tick_ns(VkPhysicalDevice physical, uint32_t family)
{
    VkQueueFamilyProperties families[32];
    VkPhysicalDeviceProperties props;
    uint32_t num = 32;

    vkGetPhysicalDeviceProperties(physical, &props);
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &num, families);
    if (kind_of(props.deviceType) == TYTO_GPU_KIND_CPU || family >= num ||
        families[family].timestampValidBits < 64)
        return 0; /* fewer bits may wrap: such a device is timed from the host */
    return (double)props.limits.timestampPeriod;
}

static bool has_texel_formats(VkPhysicalDevice physical)
{
    for (int kind = 0; kind < TYTO_VK_NUM_BIND_KINDS; kind++) {
        VkFormat format = tyto_vk_format((enum tyto_bind_kind)kind);
        VkFormatProperties props;

        if (format == VK_FORMAT_UNDEFINED)
            continue;
        vkGetPhysicalDeviceFormatProperties(physical, format, &props);
        if (!(props.bufferFeatures & VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT))
            return false;
    }
    return true;
}

void tyto_vk_chain_features(struct tyto_vk_features *feats, bool subgroup_size)
{
    memset(feats, 0, sizeof(*feats));
    feats->base.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    feats->base.pNext = &feats->storage16;
    feats->storage16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
    feats->storage16.pNext = &feats->storage8;
    feats->storage8.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES;
    feats->storage8.pNext = &feats->float16;
    feats->float16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
    feats->float16.pNext = &feats->extended_types;
    feats->extended_types.sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES;
    feats->extended_types.pNext = subgroup_size ? &feats->subgroup_size : NULL;
    feats->subgroup_size.sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
}

static void fill_limits(const VkPhysicalDeviceProperties *props, struct tyto_gpu_info *ret_info)
{
    const VkPhysicalDeviceLimits *limits = &props->limits;

    (void)snprintf(ret_info->name, sizeof(ret_info->name), "%s", props->deviceName);
    ret_info->kind = kind_of(props->deviceType);
    ret_info->api_version = props->apiVersion;
    ret_info->wants_groups = ret_info->kind != TYTO_GPU_KIND_CPU;
    ret_info->max_group_lanes = limits->maxComputeWorkGroupInvocations;
    ret_info->max_group_count_x = limits->maxComputeWorkGroupCount[0];
    ret_info->shared_bytes = limits->maxComputeSharedMemorySize;
    ret_info->max_push_bytes = limits->maxPushConstantsSize;
    ret_info->max_storage_bytes = limits->maxStorageBufferRange;
    ret_info->max_texel_elements = limits->maxTexelBufferElements;
}

static void fill_info(VkPhysicalDevice physical, uint32_t idx, struct tyto_gpu_info *ret_info)
{
    static const VkSubgroupFeatureFlags need_ops =
        VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT |
        VK_SUBGROUP_FEATURE_BALLOT_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, .pNext = &subgroup};
    VkPhysicalDeviceProperties2 props = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                         .pNext = &driver};
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t family = 0;

    memset(ret_info, 0, sizeof(*ret_info));
    vkGetPhysicalDeviceProperties(physical, &props.properties);
    ret_info->idx = idx;
    fill_limits(&props.properties, ret_info);
    if (props.properties.apiVersion < api_version)
        return;

    vkGetPhysicalDeviceProperties2(physical, &props);
    (void)snprintf(ret_info->driver, sizeof(ret_info->driver), "%.100s %.120s", driver.driverName,
                   driver.driverInfo);
    ret_info->subgroup_size = subgroup.subgroupSize;
    vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &memory.memoryHeaps[i];

        if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap->size > ret_info->heap_bytes)
            ret_info->heap_bytes = heap->size;
    }

    struct tyto_vk_features feats;
    tyto_vk_chain_features(&feats, false);
    vkGetPhysicalDeviceFeatures2(physical, &feats.base);
    ret_info->int64 =
        feats.base.features.shaderInt64 && feats.extended_types.shaderSubgroupExtendedTypes;
    ret_info->fp16_storage = feats.storage16.storageBuffer16BitAccess;
    ret_info->fp16_math = feats.float16.shaderFloat16;
    ret_info->coop_matrix = tyto_vk_has_extension(physical, "VK_KHR_cooperative_matrix") ||
                            tyto_vk_has_extension(physical, "VK_NV_cooperative_matrix");
    ret_info->usable =
        tyto_vk_find_queue_family(physical, &family) && has_texel_formats(physical) &&
        (subgroup.supportedOperations & need_ops) == need_ops &&
        (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
        props.properties.limits.minStorageBufferOffsetAlignment <= TYTO_VK_ALIGN_BYTES &&
        props.properties.limits.minTexelBufferOffsetAlignment <= TYTO_VK_ALIGN_BYTES;
}

/* --- instance ------------------------------------------------------------------- */

bool tyto_vk_has_validation(void)
{
    VkLayerProperties list[64];
    uint32_t num = 64;

    if (vkEnumerateInstanceLayerProperties(&num, list) < VK_SUCCESS)
        return false;
    for (uint32_t i = 0; i < num; i++)
        if (strcmp(list[i].layerName, validation_layer) == 0)
            return true;
    return false;
}
VkResult tyto_vk_create_instance(bool validate, VkInstance *ret_instance)
{
    static const char *const layers[] = {validation_layer};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "tyto",
                                   .apiVersion = api_version};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &app,
                                       .enabledLayerCount = validate ? 1 : 0,
                                       .ppEnabledLayerNames = layers,
                                       .enabledExtensionCount = validate ? 1 : 0,
                                       .ppEnabledExtensionNames = extensions};

    prepare_environment_once();
    return vkCreateInstance(&info, NULL, ret_instance);
}

static enum tyto_err enumerate(VkInstance instance, VkPhysicalDevice *ret_list, uint32_t *ret_num)
{
    uint32_t num = MAX_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(instance, &num, ret_list);

    if (result < VK_SUCCESS) /* VK_INCOMPLETE: the first 16 will do */
        return tyto_vk_err(NULL, result);
    *ret_num = num;
    return TYTO_OK;
}

enum tyto_err tyto_gpu_list(struct tyto_gpu_info *ret_infos, uint32_t cap, uint32_t *ret_num)
{
    VkPhysicalDevice list[MAX_DEVICES];
    VkInstance instance = VK_NULL_HANDLE;
    uint32_t num = 0;
    enum tyto_err err = tyto_vk_err(NULL, tyto_vk_create_instance(false, &instance));

    if (err == TYTO_ERR_NO_DEVICE) { /* no driver at all: an empty list */
        *ret_num = 0;
        return TYTO_OK;
    }
    if (err)
        return err;
    err = enumerate(instance, list, &num);
    if (!err) {
        for (uint32_t i = 0; i < num && i < cap; i++)
            fill_info(list[i], i, &ret_infos[i]);
        *ret_num = num;
    } else if (err == TYTO_ERR_NO_DEVICE) {
        *ret_num = 0;
        err = TYTO_OK;
    }
    vkDestroyInstance(instance, NULL);
    return err;
}
/* --- choice --------------------------------------------------------------------- */

static int score(const struct tyto_gpu_info *info)
{
    switch (info->kind) {
    case TYTO_GPU_KIND_DISCRETE:
        return 4;
    case TYTO_GPU_KIND_INTEGRATED:
        return 3;
    case TYTO_GPU_KIND_OTHER:
        return 2;
    case TYTO_GPU_KIND_CPU:
        return 1;
    }
    return 0;
}

static enum tyto_err choose(const char *wish, const struct tyto_gpu_info *infos, uint32_t num,
                            uint32_t *ret_idx)
{
    bool want_gpu = wish && strcmp(wish, "gpu") == 0;
    bool want_cpu = wish && strcmp(wish, "cpu") == 0;
    int best = 0;

    if (wish && !want_gpu && !want_cpu && strcmp(wish, "auto") != 0) {
        char *end = NULL;
        unsigned long idx = strtoul(wish, &end, 10);

        if (wish[0] < '0' || wish[0] > '9' || *end != '\0')
            return TYTO_ERR_INVALID;
        if (idx >= num)
            return TYTO_ERR_NO_DEVICE;
        *ret_idx = (uint32_t)idx;
        return infos[idx].usable ? TYTO_OK : TYTO_ERR_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < num; i++) {
        bool is_cpu = infos[i].kind == TYTO_GPU_KIND_CPU;

        if (!infos[i].usable || (want_gpu && is_cpu) || (want_cpu && !is_cpu))
            continue;
        if (score(&infos[i]) > best) {
            best = score(&infos[i]);
            *ret_idx = i;
        }
    }
    return best ? TYTO_OK : TYTO_ERR_NO_DEVICE;
}
enum tyto_err tyto_vk_pick(struct tyto_gpu *gpu, const char *wish)
{
    VkPhysicalDevice list[MAX_DEVICES];
    struct tyto_gpu_info infos[MAX_DEVICES];
    uint32_t num = 0, idx = 0;
    enum tyto_err err = enumerate(gpu->instance, list, &num);

    if (err)
        return err;
    for (uint32_t i = 0; i < num; i++)
        fill_info(list[i], i, &infos[i]);
    err = choose(wish, infos, num, &idx);
    if (err)
        return err;
    gpu->physical = list[idx];
    gpu->info = infos[idx];
    return TYTO_OK;
}
