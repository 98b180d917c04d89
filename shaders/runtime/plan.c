/* SPDX-License-Identifier: MIT */
/* A plan: one command buffer with the descriptor sets and buffer views that it
 * uses, recorded once, submitted as often as wanted. Every limit of the device is
 * checked while recording. The surprising thing: lavapipe compiles a kernel at
 * its first dispatch, so the first run of a plan is given more time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shaders/runtime/vk.h"

enum { SETS_PER_POOL = 32 };

static const uint64_t first_run_wait_ns = 60000000000ull;

struct view {
    VkBuffer buffer;
    VkFormat format;
    uint64_t offset_bytes, range_bytes;
    VkBufferView view;
};

struct set_pool {
    struct set_pool *next;
    VkDescriptorPool pool;
    uint32_t num_used;
};

/* A command on its own, for profiles. */
struct part {
    VkCommandBuffer cmd;
    struct tyto_plan_part told;
};

struct tyto_plan {
    struct tyto_gpu *gpu;
    VkCommandBuffer cmd; /* with a profile: the part that is recorded now */
    struct part *parts;
    uint32_t num_parts, cap_parts;
    VkFence fence;
    VkQueryPool stamps; /* begin and end; null without timestamps */
    uint64_t device_ns;
    struct set_pool *pools;
    struct view *views;
    uint32_t num_views, cap_views;
    uint32_t num_commands;
    bool concurrent, finished, was_run;
    char name[64];
};

static enum tyto_err begin_cmd(struct tyto_plan *plan)
{
    struct tyto_gpu *gpu = plan->gpu;
    const VkCommandBufferAllocateInfo info = {.sType =
                                                  VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = gpu->pool,
                                              .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                              .commandBufferCount = 1};
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    enum tyto_err err = tyto_vk_err(gpu, vkAllocateCommandBuffers(gpu->device, &info, &plan->cmd));

    if (!err)
        err = tyto_vk_err(gpu, vkBeginCommandBuffer(plan->cmd, &begin));
    if (!err && plan->stamps) {
        vkCmdResetQueryPool(plan->cmd, plan->stamps, 0, 2);
        vkCmdWriteTimestamp(plan->cmd, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, plan->stamps, 0);
    }
    return err;
}

static enum tyto_err end_cmd(struct tyto_plan *plan)
{
    if (plan->stamps)
        vkCmdWriteTimestamp(plan->cmd, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, plan->stamps, 1);
    return tyto_vk_err(plan->gpu, vkEndCommandBuffer(plan->cmd));
}

static enum tyto_err create_stamps(struct tyto_plan *plan)
{
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = 2};

    if (plan->gpu->tick_ns <= 0)
        return TYTO_OK;
    return tyto_vk_err(plan->gpu, vkCreateQueryPool(plan->gpu->device, &info, NULL, &plan->stamps));
}

/* What a command that has been waited for took by the device's clock; 0: it does not say. */
static uint64_t read_stamps(const struct tyto_plan *plan)
{
    uint64_t ticks[2] = {0};

    if (!plan->stamps ||
        vkGetQueryPoolResults(plan->gpu->device, plan->stamps, 0, 2, sizeof(ticks), ticks,
                              sizeof(*ticks), VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
        return 0;
    return (uint64_t)((double)(ticks[1] - ticks[0]) * plan->gpu->tick_ns);
}

enum tyto_err tyto_plan_create(struct tyto_gpu *gpu, const char *name, struct tyto_plan **ret_plan)
{
    struct tyto_plan *plan = NULL;
    enum tyto_err err = TYTO_OK;
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};

    if (gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    plan = calloc(1, sizeof(*plan));
    if (!plan)
        return TYTO_ERR_NOMEM;
    plan->gpu = gpu;
    (void)snprintf(plan->name, sizeof(plan->name), "%s", name ? name : "?");
    err = create_stamps(plan);
    if (!err)
        err = begin_cmd(plan);
    if (!err)
        err = tyto_vk_err(gpu, vkCreateFence(gpu->device, &fence_info, NULL, &plan->fence));
    if (err) {
        tyto_plan_destroy(&plan);
        return err;
    }
    *ret_plan = plan;
    return TYTO_OK;
}

void tyto_plan_destroy(struct tyto_plan **plan_ptr)
{
    struct tyto_plan *plan = plan_ptr ? *plan_ptr : NULL;

    if (!plan)
        return;
    *plan_ptr = NULL;
    VkDevice device = plan->gpu->device;
    bool hung = plan->gpu->hung;
    while (plan->pools) {
        struct set_pool *pool = plan->pools;

        plan->pools = pool->next;
        if (!hung)
            vkDestroyDescriptorPool(device, pool->pool, NULL);
        free(pool);
    }
    for (uint32_t i = 0; i < plan->num_views && !hung; i++)
        vkDestroyBufferView(device, plan->views[i].view, NULL);
    free(plan->views);
    if (plan->fence && !hung)
        vkDestroyFence(device, plan->fence, NULL);
    if (plan->stamps && !hung)
        vkDestroyQueryPool(device, plan->stamps, NULL);
    for (uint32_t i = 0; i < plan->num_parts && !hung; i++)
        if (plan->parts[i].cmd != plan->cmd)
            vkFreeCommandBuffers(device, plan->gpu->pool, 1, &plan->parts[i].cmd);
    free(plan->parts);
    if (plan->cmd && !hung)
        vkFreeCommandBuffers(device, plan->gpu->pool, 1, &plan->cmd);
    free(plan);
}

/* --- bindings ------------------------------------------------------------------- */

static enum tyto_err check_bind(const struct tyto_plan *plan, enum tyto_bind_kind kind,
                                const struct tyto_bind *bind, uint64_t *ret_range)
{
    const struct tyto_gpu_info *info = &plan->gpu->info;
    uint64_t size_bytes = 0, range = bind->size_bytes, texel = tyto_vk_texel_bytes(kind);

    if (!bind->buf || bind->buf->gpu != plan->gpu)
        return TYTO_ERR_INVALID;
    /* The buffer itself is rounded up to 16 bytes; so may a range at its end be. */
    size_bytes = (bind->buf->size_bytes + 15) / 16 * 16;
    if (bind->offset_bytes >= size_bytes || bind->offset_bytes % TYTO_VK_ALIGN_BYTES)
        return TYTO_ERR_SHAPE;
    if (range == 0)
        range = size_bytes - bind->offset_bytes;
    if (range > size_bytes - bind->offset_bytes)
        return TYTO_ERR_SHAPE;
    if (kind == TYTO_BIND_STORAGE) {
        if (range > info->max_storage_bytes)
            return TYTO_ERR_SHAPE;
    } else {
        range = (range + texel - 1) / texel * texel; /* stays inside: 16-byte granules */
        if (range > size_bytes - bind->offset_bytes)
            return TYTO_ERR_SHAPE;
        if (range / texel > info->max_texel_elements)
            return TYTO_ERR_SHAPE;
    }
    *ret_range = range;
    return TYTO_OK;
}

static enum tyto_err get_view(struct tyto_plan *plan, const struct view *want, VkBufferView *ret)
{
    for (uint32_t i = 0; i < plan->num_views; i++) {
        const struct view *view = &plan->views[i];

        if (view->buffer == want->buffer && view->format == want->format &&
            view->offset_bytes == want->offset_bytes && view->range_bytes == want->range_bytes) {
            *ret = view->view;
            return TYTO_OK;
        }
    }
    if (plan->num_views == plan->cap_views) {
        uint32_t cap = plan->cap_views ? plan->cap_views * 2 : 16;
        struct view *views = realloc(plan->views, cap * sizeof(*views));

        if (!views)
            return TYTO_ERR_NOMEM;
        plan->views = views;
        plan->cap_views = cap;
    }
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = want->buffer,
                                         .format = want->format,
                                         .offset = want->offset_bytes,
                                         .range = want->range_bytes};
    struct view made = *want;
    enum tyto_err err =
        tyto_vk_err(plan->gpu, vkCreateBufferView(plan->gpu->device, &info, NULL, &made.view));

    if (err)
        return err;
    plan->views[plan->num_views++] = made;
    *ret = made.view;
    return TYTO_OK;
}

static enum tyto_err get_set(struct tyto_plan *plan, VkDescriptorSetLayout layout,
                             VkDescriptorSet *ret_set)
{
    static const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS_PER_POOL * TYTO_KERNEL_MAX_BINDS},
        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, SETS_PER_POOL * TYTO_KERNEL_MAX_BINDS}};
    struct set_pool *pool = plan->pools;

    if (!pool || pool->num_used == SETS_PER_POOL) {
        const VkDescriptorPoolCreateInfo info = {.sType =
                                                     VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                                 .maxSets = SETS_PER_POOL,
                                                 .poolSizeCount = 2,
                                                 .pPoolSizes = sizes};
        enum tyto_err err = TYTO_OK;

        pool = calloc(1, sizeof(*pool));
        if (!pool)
            return TYTO_ERR_NOMEM;
        err = tyto_vk_err(plan->gpu,
                          vkCreateDescriptorPool(plan->gpu->device, &info, NULL, &pool->pool));
        if (err) {
            free(pool);
            return err;
        }
        pool->next = plan->pools;
        plan->pools = pool;
    }
    const VkDescriptorSetAllocateInfo alloc = {.sType =
                                                   VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                               .descriptorPool = pool->pool,
                                               .descriptorSetCount = 1,
                                               .pSetLayouts = &layout};
    pool->num_used++;
    return tyto_vk_err(plan->gpu, vkAllocateDescriptorSets(plan->gpu->device, &alloc, ret_set));
}

static enum tyto_err write_set(struct tyto_plan *plan, const struct tyto_kernel *kernel,
                               const struct tyto_bind *binds, VkDescriptorSet *ret_set)
{
    VkWriteDescriptorSet writes[TYTO_KERNEL_MAX_BINDS];
    VkDescriptorBufferInfo infos[TYTO_KERNEL_MAX_BINDS];
    VkBufferView views[TYTO_KERNEL_MAX_BINDS];
    uint64_t ranges[TYTO_KERNEL_MAX_BINDS];
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < kernel->num_binds && !err; i++)
        err = check_bind(plan, kernel->binds[i], &binds[i], &ranges[i]);
    if (!err)
        err = get_set(plan, kernel->set_layout, ret_set);
    for (uint32_t i = 0; i < kernel->num_binds && !err; i++) {
        bool storage = kernel->binds[i] == TYTO_BIND_STORAGE;
        const struct view want = {.buffer = binds[i].buf->buffer,
                                  .format = tyto_vk_format(kernel->binds[i]),
                                  .offset_bytes = binds[i].offset_bytes,
                                  .range_bytes = ranges[i]};

        infos[i] = (VkDescriptorBufferInfo){binds[i].buf->buffer, binds[i].offset_bytes, ranges[i]};
        if (!storage)
            err = get_view(plan, &want, &views[i]);
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = *ret_set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType =
                                               storage ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                                       : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
                                           .pBufferInfo = storage ? &infos[i] : NULL,
                                           .pTexelBufferView = storage ? NULL : &views[i]};
    }
    if (!err)
        vkUpdateDescriptorSets(plan->gpu->device, kernel->num_binds, writes, 0, NULL);
    return err;
}

/* --- recording ------------------------------------------------------------------ */

static void barrier(struct tyto_plan *plan)
{
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};

    if (plan->num_commands++ > 0 && !plan->concurrent)
        vkCmdPipelineBarrier(plan->cmd, stages, stages, 0, 1, &memory, 0, NULL, 0, NULL);
    plan->concurrent = false;
}

/* With a profile, what is recorded from here on is a part of its own. */
static enum tyto_err begin_part(struct tyto_plan *plan, const char *name, uint32_t gx, uint32_t gy,
                                uint32_t gz)
{
    enum tyto_err err = TYTO_OK;

    if (!plan->gpu->profile)
        return TYTO_OK;
    if (plan->num_parts == plan->cap_parts) {
        const uint32_t cap = plan->cap_parts ? plan->cap_parts * 2 : 64;
        struct part *parts = realloc(plan->parts, cap * sizeof(*parts));

        if (!parts)
            return TYTO_ERR_NOMEM;
        plan->parts = parts;
        plan->cap_parts = cap;
    }
    if (plan->num_parts > 0) {
        err = end_cmd(plan);
        if (!err)
            err = begin_cmd(plan);
    }
    if (!err)
        plan->parts[plan->num_parts++] = (struct part){plan->cmd, {name, {gx, gy, gz}, UINT64_MAX}};
    return err;
}

static enum tyto_err check_open(const struct tyto_plan *plan)
{
    if (plan->gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    return plan->finished ? TYTO_ERR_INVALID : TYTO_OK;
}

enum tyto_err tyto_plan_dispatch(struct tyto_plan *plan, const struct tyto_kernel *kernel,
                                 const struct tyto_bind *binds, const void *push, uint32_t gx,
                                 uint32_t gy, uint32_t gz)
{
    const uint32_t *max = plan->gpu->max_group_count;
    VkDescriptorSet set = VK_NULL_HANDLE;
    enum tyto_err err = check_open(plan);

    if (err)
        return err;
    if (gx == 0 || gy == 0 || gz == 0 || gx > max[0] || gy > max[1] || gz > max[2])
        return TYTO_ERR_SHAPE;
    if (kernel->push_bytes && !push)
        return TYTO_ERR_INVALID;
    err = write_set(plan, kernel, binds, &set);
    if (!err)
        err = begin_part(plan, kernel->name, gx, gy, gz);
    if (err)
        return err;
    barrier(plan);
    vkCmdBindPipeline(plan->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
    vkCmdBindDescriptorSets(plan->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1, &set,
                            0, NULL);
    if (kernel->push_bytes)
        vkCmdPushConstants(plan->cmd, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                           kernel->push_bytes, push);
    vkCmdDispatch(plan->cmd, gx, gy, gz);
    return TYTO_OK;
}

enum tyto_err tyto_plan_copy(struct tyto_plan *plan, const struct tyto_buf *src,
                             uint64_t src_offset_bytes, struct tyto_buf *dst,
                             uint64_t dst_offset_bytes, uint64_t size_bytes)
{
    const VkBufferCopy region = {src_offset_bytes, dst_offset_bytes, size_bytes};
    enum tyto_err err = check_open(plan);

    if (err)
        return err;
    if (size_bytes == 0 || src_offset_bytes > src->size_bytes ||
        size_bytes > src->size_bytes - src_offset_bytes || dst_offset_bytes > dst->size_bytes ||
        size_bytes > dst->size_bytes - dst_offset_bytes)
        return TYTO_ERR_SHAPE;
    if (src == dst && src_offset_bytes < dst_offset_bytes + size_bytes &&
        dst_offset_bytes < src_offset_bytes + size_bytes)
        return TYTO_ERR_SHAPE; /* overlapping copies are undefined */
    err = begin_part(plan, "copy", 0, 0, 0);
    if (err)
        return err;
    barrier(plan);
    vkCmdCopyBuffer(plan->cmd, src->buffer, dst->buffer, 1, &region);
    return TYTO_OK;
}

void tyto_plan_concurrent(struct tyto_plan *plan)
{
    plan->concurrent = true;
}

enum tyto_err tyto_plan_finish(struct tyto_plan *plan)
{
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask =
            VK_ACCESS_HOST_READ_BIT | VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    enum tyto_err err = check_open(plan);

    if (err)
        return err;
    vkCmdPipelineBarrier(plan->cmd,
                         VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1,
                         &memory, 0, NULL, 0, NULL);
    err = end_cmd(plan);
    if (!err)
        plan->finished = true;
    return err;
}

static uint64_t part_clock_ns(const struct tyto_gpu *gpu)
{
    struct timespec now = {0};

    (void)clock_gettime(
        gpu->info.kind == TYTO_GPU_KIND_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static enum tyto_err run_parts(struct tyto_plan *plan, uint64_t wait_ns)
{
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < plan->num_parts && !err; i++) {
        struct part *part = &plan->parts[i];
        const uint64_t begin_ns = part_clock_ns(plan->gpu);

        err = tyto_vk_submit_wait(plan->gpu, part->cmd, plan->fence, wait_ns);
        uint64_t took_ns = part_clock_ns(plan->gpu) - begin_ns;

        if (!err && plan->stamps)
            took_ns = read_stamps(plan);

        if (took_ns < part->told.best_ns)
            part->told.best_ns = took_ns;
    }
    return err;
}

bool tyto_plan_part(const struct tyto_plan *plan, uint32_t idx, struct tyto_plan_part *ret_part)
{
    if (idx >= plan->num_parts)
        return false;
    *ret_part = plan->parts[idx].told;
    return true;
}

enum tyto_err tyto_plan_run(struct tyto_plan *plan)
{
    uint64_t wait_ns = plan->gpu->wait_timeout_ns;
    enum tyto_err err = TYTO_OK;

    if (plan->gpu->lost)
        return TYTO_ERR_DEVICE_LOST;
    if (!plan->finished)
        return TYTO_ERR_INVALID;
    if (!plan->was_run && wait_ns < first_run_wait_ns)
        wait_ns = first_run_wait_ns;
    err = plan->num_parts > 0 ? run_parts(plan, wait_ns)
                              : tyto_vk_submit_wait(plan->gpu, plan->cmd, plan->fence, wait_ns);
    if (err)
        tyto_log_write(plan->gpu->log, TYTO_LOG_DEBUG, "shaders", "plan %s: %s", plan->name,
                       tyto_err_text(err));
    else if (plan->num_parts == 0)
        plan->device_ns = read_stamps(plan);
    plan->was_run = true;
    return err;
}

uint64_t tyto_plan_device_ns(const struct tyto_plan *plan)
{
    return plan->device_ns;
}
