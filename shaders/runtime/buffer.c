/* SPDX-License-Identifier: MIT */
/* Buffers, and copies between them and the host through one staging buffer
 * where a buffer is not mapped. */
#include <stdlib.h>
#include <string.h>

#include "shaders/runtime/vk.h"

static const uint64_t staging_bytes = 4ull << 20;

enum tyto_err tyto_vk_submit_wait(struct tyto_gpu *gpu, VkCommandBuffer cmd, VkFence fence,
                                  uint64_t timeout_ns)
{
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &cmd};
    enum tyto_err err = TYTO_OK;

    if (gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    err = tyto_vk_err(gpu, vkQueueSubmit(gpu->queue, 1, &info, fence));
    if (err)
        return err;
    err = tyto_vk_err(gpu, vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, timeout_ns));
    if (err) { /* the work may still be running: nothing may be touched any more */
        gpu->lost = true;
        gpu->hung = err == TYTO_ERR_TIMEOUT;
        return err;
    }
    return tyto_vk_err(gpu, vkResetFences(gpu->device, 1, &fence));
}

static enum tyto_err begin_copies(struct tyto_gpu *gpu)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};

    return tyto_vk_err(gpu, vkBeginCommandBuffer(gpu->copy_cmd, &info));
}

static enum tyto_err end_copies(struct tyto_gpu *gpu)
{
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                     .dstAccessMask =
                                         VK_ACCESS_HOST_READ_BIT | VK_ACCESS_MEMORY_READ_BIT};
    enum tyto_err err = TYTO_OK;

    vkCmdPipelineBarrier(gpu->copy_cmd, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1,
                         &barrier, 0, NULL, 0, NULL);
    err = tyto_vk_err(gpu, vkEndCommandBuffer(gpu->copy_cmd));
    if (err)
        return err;
    return tyto_vk_submit_wait(gpu, gpu->copy_cmd, gpu->copy_fence, gpu->wait_timeout_ns);
}

static enum tyto_err zero(struct tyto_buf *buf)
{
    enum tyto_err err = TYTO_OK;

    if (buf->map) {
        memset(buf->map, 0, buf->size_bytes);
        return TYTO_OK;
    }
    err = begin_copies(buf->gpu);
    if (err)
        return err;
    vkCmdFillBuffer(buf->gpu->copy_cmd, buf->buffer, 0, VK_WHOLE_SIZE, 0);
    return end_copies(buf->gpu);
}

static enum tyto_err make_buf(struct tyto_buf *buf, enum tyto_buf_kind kind)
{
    struct tyto_gpu *gpu = buf->gpu;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = (buf->size_bytes + 15) / 16 * 16, /* whole texels, whole words to fill */
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VkMemoryRequirements reqs;
    enum tyto_err err = tyto_vk_err(gpu, vkCreateBuffer(gpu->device, &info, NULL, &buf->buffer));

    if (err)
        return err;
    buf->size_bytes = info.size;
    vkGetBufferMemoryRequirements(gpu->device, buf->buffer, &reqs);
    err = tyto_arena_alloc(gpu, kind, &reqs, &buf->alloc);
    if (err)
        return err;
    uint64_t align = reqs.alignment ? reqs.alignment : 1;
    uint64_t offset_bytes = (buf->alloc.offset_bytes + align - 1) / align * align;
    err = tyto_vk_err(
        gpu, vkBindBufferMemory(gpu->device, buf->buffer, buf->alloc.block->memory, offset_bytes));
    if (err)
        return err;
    if (buf->alloc.block->map && !(gpu->as_gpu && kind == TYTO_BUF_DEVICE))
        buf->map = buf->alloc.block->map + offset_bytes;
    return zero(buf);
}

enum tyto_err tyto_buf_create(struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint64_t size_bytes,
                              struct tyto_buf **ret_buf)
{
    struct tyto_buf *buf = NULL;
    enum tyto_err err = TYTO_OK;

    if (gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    if (size_bytes == 0 || size_bytes > gpu->info.heap_bytes)
        return TYTO_ERR_SHAPE;
    buf = calloc(1, sizeof(*buf));
    if (!buf)
        return TYTO_ERR_NOMEM;
    buf->gpu = gpu;
    buf->size_bytes = size_bytes;
    err = make_buf(buf, kind);
    if (err) {
        tyto_buf_destroy(&buf);
        return err;
    }
    buf->size_bytes = size_bytes;
    *ret_buf = buf;
    return TYTO_OK;
}

void tyto_buf_destroy(struct tyto_buf **buf_ptr)
{
    struct tyto_buf *buf = buf_ptr ? *buf_ptr : NULL;

    if (!buf)
        return;
    *buf_ptr = NULL;
    if (buf->buffer && !buf->gpu->hung)
        vkDestroyBuffer(buf->gpu->device, buf->buffer, NULL);
    tyto_arena_free(buf->gpu, &buf->alloc);
    free(buf);
}

uint64_t tyto_buf_size_bytes(const struct tyto_buf *buf)
{
    return buf->size_bytes;
}

void *tyto_buf_map(const struct tyto_buf *buf)
{
    return buf->map;
}

static enum tyto_err check_range(const struct tyto_buf *buf, uint64_t offset_bytes,
                                 uint64_t size_bytes)
{
    if (buf->gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    if (offset_bytes > buf->size_bytes || size_bytes > buf->size_bytes - offset_bytes)
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

static enum tyto_err need_staging(struct tyto_gpu *gpu)
{
    if (gpu->staging)
        return TYTO_OK;
    return tyto_buf_create(gpu, TYTO_BUF_READBACK, staging_bytes, &gpu->staging);
}

/* One staged piece of at most staging_bytes; to_buf says which way. */
static enum tyto_err copy_piece(const struct tyto_buf *buf, uint64_t offset_bytes,
                                uint64_t size_bytes, bool to_buf)
{
    struct tyto_gpu *gpu = buf->gpu;
    const VkBufferCopy region = {.srcOffset = to_buf ? 0 : offset_bytes,
                                 .dstOffset = to_buf ? offset_bytes : 0,
                                 .size = size_bytes};
    enum tyto_err err = begin_copies(gpu);

    if (err)
        return err;
    vkCmdCopyBuffer(gpu->copy_cmd, to_buf ? gpu->staging->buffer : buf->buffer,
                    to_buf ? buf->buffer : gpu->staging->buffer, 1, &region);
    return end_copies(gpu);
}

enum tyto_err tyto_buf_write(struct tyto_buf *buf, uint64_t offset_bytes, const void *data,
                             uint64_t size_bytes)
{
    enum tyto_err err = check_range(buf, offset_bytes, size_bytes);

    if (err || size_bytes == 0)
        return err;
    if (buf->map) {
        memcpy(buf->map + offset_bytes, data, size_bytes);
        return TYTO_OK;
    }
    err = need_staging(buf->gpu);
    for (uint64_t done = 0; !err && done < size_bytes;) {
        uint64_t piece = size_bytes - done < staging_bytes ? size_bytes - done : staging_bytes;

        memcpy(buf->gpu->staging->map, (const uint8_t *)data + done, piece);
        err = copy_piece(buf, offset_bytes + done, piece, true);
        done += piece;
    }
    return err;
}

enum tyto_err tyto_buf_read(const struct tyto_buf *buf, uint64_t offset_bytes, void *ret_data,
                            uint64_t size_bytes)
{
    enum tyto_err err = check_range(buf, offset_bytes, size_bytes);

    if (err || size_bytes == 0)
        return err;
    if (buf->map) {
        memcpy(ret_data, buf->map + offset_bytes, size_bytes);
        return TYTO_OK;
    }
    err = need_staging(buf->gpu);
    for (uint64_t done = 0; !err && done < size_bytes;) {
        uint64_t piece = size_bytes - done < staging_bytes ? size_bytes - done : staging_bytes;

        err = copy_piece(buf, offset_bytes + done, piece, false);
        if (!err)
            memcpy((uint8_t *)ret_data + done, buf->gpu->staging->map, piece);
        done += piece;
    }
    return err;
}
