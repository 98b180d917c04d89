/* SPDX-License-Identifier: MIT */
/* What a binding's elements are to Vulkan. */
#include "shaders/runtime/vk.h"

VkFormat tyto_vk_format(enum tyto_bind_kind kind)
{
    switch (kind) {
    case TYTO_BIND_STORAGE:
        return VK_FORMAT_UNDEFINED;
    case TYTO_BIND_TEXEL_RGBA32F:
        return VK_FORMAT_R32G32B32A32_SFLOAT;
    case TYTO_BIND_TEXEL_R32F:
        return VK_FORMAT_R32_SFLOAT;
    case TYTO_BIND_TEXEL_RGBA16F:
        return VK_FORMAT_R16G16B16A16_SFLOAT;
    case TYTO_BIND_TEXEL_R8UI:
        return VK_FORMAT_R8_UINT;
    case TYTO_BIND_TEXEL_RGBA8UI:
        return VK_FORMAT_R8G8B8A8_UINT;
    }
    return VK_FORMAT_UNDEFINED;
}

uint32_t tyto_vk_texel_bytes(enum tyto_bind_kind kind)
{
    switch (kind) {
    case TYTO_BIND_TEXEL_RGBA32F:
        return 16;
    case TYTO_BIND_TEXEL_RGBA16F:
        return 8;
    case TYTO_BIND_TEXEL_R32F:
    case TYTO_BIND_TEXEL_RGBA8UI:
        return 4;
    case TYTO_BIND_TEXEL_R8UI:
    case TYTO_BIND_STORAGE:
        return 1;
    }
    return 1;
}
