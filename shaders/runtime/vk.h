/* SPDX-License-Identifier: MIT */
/* Private to shaders/runtime: the structures behind gpu.h. The one header of
 * the project that includes Vulkan; no other room may include it. */
#ifndef TYTO_SHADERS_RUNTIME_VK_H
#define TYTO_SHADERS_RUNTIME_VK_H

#include <stdatomic.h>
#include <vulkan/vulkan.h>

#include "shaders/runtime/gpu.h"

enum {
    TYTO_VK_ALIGN_BYTES = 256, /* every allocation and every bound offset */
    TYTO_VK_NUM_BIND_KINDS = TYTO_BIND_TEXEL_RGBA8UI + 1,
};

/* A free range of an arena block; a block's ranges are sorted and never touch. */
struct tyto_span {
    uint64_t offset_bytes, size_bytes;
};

/* One vkAllocateMemory, mapped for good where it is host visible. */
struct tyto_block {
    struct tyto_block *next;
    VkDeviceMemory memory;
    uint8_t *map; /* NULL when not host visible */
    uint64_t size_bytes;
    uint32_t type_idx;
    uint32_t num_free, cap_free;
    struct tyto_span *free;
};

struct tyto_alloc {
    struct tyto_block *block;
    uint64_t offset_bytes, size_bytes;
};

struct tyto_gpu {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    uint32_t queue_family;
    VkDebugUtilsMessengerEXT messenger;
    PFN_vkDestroyDebugUtilsMessengerEXT destroy_messenger;
    VkPhysicalDeviceMemoryProperties memory;
    struct tyto_gpu_info info;
    uint32_t max_group_count[3];
    uint32_t min_subgroup_size, max_subgroup_size;
    bool subgroup_size_control;
    bool validating;
    bool profile;
    bool as_gpu;    /* a software driver whose device memory is hidden, as a real GPU's is */
    double tick_ns; /* of the device's clock; 0: no timestamps are taken */
    bool lost;
    bool hung; /* a wait ran out: the work may still run, so nothing is destroyed any more */
    atomic_uint_fast64_t num_messages;
    uint64_t wait_timeout_ns;
    const struct tyto_log *log;
    struct tyto_block *blocks;
    VkCommandPool pool;
    VkCommandBuffer copy_cmd; /* staging copies */
    VkFence copy_fence;
    struct tyto_buf *staging; /* UPLOAD and READBACK in one, made at first need */
    VkPipelineCache cache;
    char *cache_path; /* NULL: not kept */
    uint64_t cache_sum;
    uint8_t driver_uuid[VK_UUID_SIZE], cache_uuid[VK_UUID_SIZE];
};

struct tyto_buf {
    struct tyto_gpu *gpu;
    VkBuffer buffer;
    struct tyto_alloc alloc;
    uint64_t size_bytes;
    uint8_t *map;
};

struct tyto_kernel {
    struct tyto_gpu *gpu;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    enum tyto_bind_kind binds[TYTO_KERNEL_MAX_BINDS];
    uint32_t num_binds, push_bytes;
    char name[64];
};

/* Every feature structure that is asked about or turned on. */
struct tyto_vk_features {
    VkPhysicalDeviceFeatures2 base;
    VkPhysicalDevice16BitStorageFeatures storage16;
    VkPhysicalDevice8BitStorageFeatures storage8;
    VkPhysicalDeviceShaderFloat16Int8Features float16;
    VkPhysicalDeviceShaderSubgroupExtendedTypesFeatures extended_types;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size;
};

/* --- instance.c --- */
VkResult tyto_vk_create_instance(bool validate, VkInstance *ret_instance);
bool tyto_vk_has_validation(void); /* whether the layer is installed */
bool tyto_vk_has_extension(VkPhysicalDevice physical, const char *name);
bool tyto_vk_find_queue_family(VkPhysicalDevice physical, uint32_t *ret_family);
/* Nanoseconds a tick of the queue family's timestamps; 0 where it takes none worth having. */
double tyto_vk_tick_ns(VkPhysicalDevice physical, uint32_t family);
/* Links the structures of *feats, all features off. */
void tyto_vk_chain_features(struct tyto_vk_features *feats, bool subgroup_size);
/* Sets physical and info of the gpu, whose instance exists, by tyto_gpu_params.device. */
TYTO_MUST_CHECK
enum tyto_err tyto_vk_pick(struct tyto_gpu *gpu, const char *wish);

/* The one place where a VkResult becomes a tyto_err; marks the gpu as lost. */
enum tyto_err tyto_vk_err(struct tyto_gpu *gpu, VkResult result);
VkFormat tyto_vk_format(enum tyto_bind_kind kind); /* UNDEFINED for storage */
uint32_t tyto_vk_texel_bytes(enum tyto_bind_kind kind);

/* Submits cmd and waits for it, at most timeout_ns; then the gpu counts as lost. */
TYTO_MUST_CHECK
enum tyto_err tyto_vk_submit_wait(struct tyto_gpu *gpu, VkCommandBuffer cmd, VkFence fence,
                                  uint64_t timeout_ns);

TYTO_MUST_CHECK
enum tyto_err tyto_arena_alloc(struct tyto_gpu *gpu, enum tyto_buf_kind kind,
                               const VkMemoryRequirements *reqs, struct tyto_alloc *ret_alloc);
void tyto_arena_free(struct tyto_gpu *gpu, struct tyto_alloc *alloc);
void tyto_arena_finish(struct tyto_gpu *gpu);

/* The pipeline cache on disk. A file that is missing, cut, foreign or damaged
 * counts as empty; save replaces it atomically and ignores a full disk. */
TYTO_MUST_CHECK
enum tyto_err tyto_cache_init(struct tyto_gpu *gpu, const char *dir, const uint8_t *driver_uuid,
                              const uint8_t *cache_uuid);
void tyto_cache_finish(struct tyto_gpu *gpu);

#endif
