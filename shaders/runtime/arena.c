/* SPDX-License-Identifier: MIT */
/* Device memory: a few big vkAllocateMemory blocks, handed out first fit and
 * joined again when given back. Blocks live as long as the gpu. */
#include <stdlib.h>
#include <string.h>

#include "shaders/runtime/vk.h"

static const uint64_t block_bytes = 64ull << 20;

static uint64_t align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

/* Memory properties by preference, best first; 0 ends a list. */
static const VkMemoryPropertyFlags device_wishes[] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0};
static const VkMemoryPropertyFlags unified_wishes[] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                                           VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                                           VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                                       VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0};
static const VkMemoryPropertyFlags upload_wishes[] = {
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0};
static const VkMemoryPropertyFlags readback_wishes[] = {
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
        VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0};

static const VkMemoryPropertyFlags *wishes_of(const struct tyto_gpu *gpu, enum tyto_buf_kind kind)
{
    if (kind == TYTO_BUF_UPLOAD)
        return upload_wishes;
    if (kind == TYTO_BUF_READBACK)
        return readback_wishes;
    if (gpu->info.kind == TYTO_GPU_KIND_CPU || gpu->info.kind == TYTO_GPU_KIND_INTEGRATED)
        return unified_wishes;
    return device_wishes;
}

static bool find_type(const struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint32_t allowed,
                      uint32_t *ret_idx)
{
    const VkMemoryPropertyFlags unmapped =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT;

    /* Two passes: first a plain-device wish shuns mapped memory (the small BAR window). */
    for (int pass = 0; pass < 2; pass++) {
        for (const VkMemoryPropertyFlags *wish = wishes_of(gpu, kind); *wish; wish++) {
            for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
                VkMemoryPropertyFlags has = gpu->memory.memoryTypes[i].propertyFlags;
                bool plain = *wish == VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;

                if (!(allowed & (1u << i)) || (has & *wish) != *wish)
                    continue;
                if (pass == 0 && plain && (has & unmapped))
                    continue;
                *ret_idx = i;
                return true;
            }
        }
    }
    return false;
}

static enum tyto_err add_block(struct tyto_gpu *gpu, uint32_t type_idx, uint64_t size_bytes,
                               struct tyto_block **ret_block)
{
    const VkMemoryPropertyFlags mapped =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = size_bytes,
                                       .memoryTypeIndex = type_idx};
    struct tyto_block *block = calloc(1, sizeof(*block));
    enum tyto_err err = TYTO_OK;
    void *map = NULL;

    if (!block)
        return TYTO_ERR_NOMEM;
    block->cap_free = 16;
    block->free = calloc(block->cap_free, sizeof(*block->free));
    if (!block->free) {
        free(block);
        return TYTO_ERR_NOMEM;
    }
    err = tyto_vk_err(gpu, vkAllocateMemory(gpu->device, &info, NULL, &block->memory));
    if (!err && (gpu->memory.memoryTypes[type_idx].propertyFlags & mapped) == mapped) {
        err = tyto_vk_err(gpu, vkMapMemory(gpu->device, block->memory, 0, size_bytes, 0, &map));
        if (err)
            vkFreeMemory(gpu->device, block->memory, NULL);
    }
    if (err) {
        free(block->free);
        free(block);
        return err;
    }
    block->map = map;
    block->size_bytes = size_bytes;
    block->type_idx = type_idx;
    block->num_free = 1;
    block->free[0] = (struct tyto_span){0, size_bytes};
    block->next = gpu->blocks;
    gpu->blocks = block;
    *ret_block = block;
    return TYTO_OK;
}

static void remove_span(struct tyto_block *block, uint32_t idx)
{
    memmove(&block->free[idx], &block->free[idx + 1],
            (block->num_free - idx - 1) * sizeof(*block->free));
    block->num_free--;
}

static bool take(struct tyto_block *block, uint64_t size_bytes, uint64_t *ret_offset)
{
    for (uint32_t i = 0; i < block->num_free; i++) {
        struct tyto_span *span = &block->free[i];

        if (span->size_bytes < size_bytes)
            continue;
        *ret_offset = span->offset_bytes;
        span->offset_bytes += size_bytes;
        span->size_bytes -= size_bytes;
        if (span->size_bytes == 0)
            remove_span(block, i);
        return true;
    }
    return false;
}

enum tyto_err tyto_arena_alloc(struct tyto_gpu *gpu, enum tyto_buf_kind kind,
                               const VkMemoryRequirements *reqs, struct tyto_alloc *ret_alloc)
{
    /* Sizes and blocks are multiples of one alignment, so offsets are aligned too. */
    uint64_t align = reqs->alignment > TYTO_VK_ALIGN_BYTES ? reqs->alignment : TYTO_VK_ALIGN_BYTES;
    uint64_t size_bytes = align_up(reqs->size, TYTO_VK_ALIGN_BYTES);
    struct tyto_block *block = NULL;
    uint64_t offset_bytes = 0;
    uint32_t type_idx = 0;

    if (!find_type(gpu, kind, reqs->memoryTypeBits, &type_idx))
        return TYTO_ERR_UNSUPPORTED;
    if (align > TYTO_VK_ALIGN_BYTES) /* rare: over-allocate and keep the slack */
        size_bytes += align;
    for (block = gpu->blocks; block; block = block->next)
        if (block->type_idx == type_idx && take(block, size_bytes, &offset_bytes))
            break;
    if (!block) {
        enum tyto_err err = add_block(
            gpu, type_idx, size_bytes > block_bytes / 2 ? size_bytes : block_bytes, &block);

        if (err)
            return err;
        if (!take(block, size_bytes, &offset_bytes))
            return TYTO_ERR_INTERNAL;
    }
    *ret_alloc = (struct tyto_alloc){block, offset_bytes, size_bytes};
    return TYTO_OK;
}

static bool grow(struct tyto_block *block)
{
    uint32_t cap = block->cap_free * 2;
    struct tyto_span *spans = NULL;

    if (block->num_free < block->cap_free)
        return true;
    spans = realloc(block->free, cap * sizeof(*spans));
    if (!spans)
        return false;
    block->free = spans;
    block->cap_free = cap;
    return true;
}

void tyto_arena_free(struct tyto_gpu *gpu, struct tyto_alloc *alloc)
{
    struct tyto_block *block = alloc->block;
    uint32_t i = 0;

    (void)gpu;
    if (!block)
        return;
    while (i < block->num_free && block->free[i].offset_bytes < alloc->offset_bytes)
        i++;
    bool joins_before = i > 0 && block->free[i - 1].offset_bytes + block->free[i - 1].size_bytes ==
                                     alloc->offset_bytes;
    bool joins_after = i < block->num_free &&
                       alloc->offset_bytes + alloc->size_bytes == block->free[i].offset_bytes;
    if (joins_before) {
        block->free[i - 1].size_bytes += alloc->size_bytes;
        if (joins_after) {
            block->free[i - 1].size_bytes += block->free[i].size_bytes;
            remove_span(block, i);
        }
    } else if (joins_after) {
        block->free[i].offset_bytes = alloc->offset_bytes;
        block->free[i].size_bytes += alloc->size_bytes;
    } else if (grow(block)) { /* else: the range is lost until the gpu is destroyed */
        memmove(&block->free[i + 1], &block->free[i], (block->num_free - i) * sizeof(*block->free));
        block->free[i] = (struct tyto_span){alloc->offset_bytes, alloc->size_bytes};
        block->num_free++;
    }
    *alloc = (struct tyto_alloc){0};
}

void tyto_arena_finish(struct tyto_gpu *gpu)
{
    while (gpu->blocks) {
        struct tyto_block *block = gpu->blocks;

        gpu->blocks = block->next;
        vkFreeMemory(gpu->device, block->memory, NULL);
        free(block->free);
        free(block);
    }
}
