/* SPDX-License-Identifier: MIT */
/* A VkResult as tyto's errors: the one place that knows what a driver's answer means. */
#include "shaders/runtime/vk.h"

enum tyto_err tyto_vk_err(struct tyto_gpu *gpu, VkResult result)
{
    switch ((int)result) {
    case VK_SUCCESS:
        return TYTO_OK;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_TOO_MANY_OBJECTS:
        return TYTO_ERR_NOMEM;
    case VK_ERROR_DEVICE_LOST:
        if (gpu)
            gpu->lost = true;
        return TYTO_ERR_DEVICE_LOST;
    case VK_TIMEOUT:
    case VK_NOT_READY:
        return TYTO_ERR_TIMEOUT;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
    case VK_ERROR_INITIALIZATION_FAILED:
        return TYTO_ERR_NO_DEVICE;
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT:
    case VK_ERROR_FORMAT_NOT_SUPPORTED:
        return TYTO_ERR_UNSUPPORTED;
    default:
        return TYTO_ERR_INTERNAL;
    }
}
