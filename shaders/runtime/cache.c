/* SPDX-License-Identifier: MIT */
/* The pipeline cache on disk, one file per driver. Our own checksum stands in
 * front of the driver's data, because not every driver survives a damaged blob. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/hash.h"
#include "files/replace.h"
#include "shaders/runtime/vk.h"

enum { UUID_BYTES = 16, MAX_CACHE_BYTES = 64 << 20 };

static const char magic[8] = "TYTOPLC1";

struct head {
    char magic[8];
    uint8_t driver_uuid[UUID_BYTES];
    uint8_t cache_uuid[UUID_BYTES];
    uint64_t size_bytes;
    uint64_t sum;
};

static bool read_all(int fd, void *data, size_t size_bytes)
{
    size_t done = 0;

    while (done < size_bytes) {
        ssize_t got = read(fd, (uint8_t *)data + done, size_bytes - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* *ret_data is owned by the caller; NULL when the file is of no use. */
static void load(const char *path, const uint8_t *driver_uuid, const uint8_t *cache_uuid,
                 uint8_t **ret_data, size_t *ret_bytes)
{
    struct head head;
    uint8_t *data = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *ret_data = NULL;
    *ret_bytes = 0;
    if (fd < 0)
        return;
    if (read_all(fd, &head, sizeof(head)) && memcmp(head.magic, magic, sizeof(magic)) == 0 &&
        memcmp(head.driver_uuid, driver_uuid, UUID_BYTES) == 0 &&
        memcmp(head.cache_uuid, cache_uuid, UUID_BYTES) == 0 && head.size_bytes > 0 &&
        head.size_bytes <= MAX_CACHE_BYTES) {
        data = malloc(head.size_bytes);
        if (data && read_all(fd, data, head.size_bytes) &&
            tyto_hash(TYTO_HASH_INIT, data, head.size_bytes) == head.sum) {
            *ret_data = data;
            *ret_bytes = head.size_bytes;
            data = NULL;
        }
    }
    free(data);
    (void)close(fd);
}

static char *path_of(const char *dir, const uint8_t *driver_uuid)
{
    char hex[2 * UUID_BYTES + 1] = "";
    char *path = NULL;

    for (int i = 0; i < UUID_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", driver_uuid[i]);
    if (asprintf(&path, "%s/pipelines-%s.bin", dir, hex) < 0)
        return NULL;
    return path;
}

enum tyto_err tyto_cache_init(struct tyto_gpu *gpu, const char *dir, const uint8_t *driver_uuid,
                              const uint8_t *cache_uuid)
{
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    uint8_t *data = NULL;
    size_t size_bytes = 0;
    VkResult result = VK_SUCCESS;

    memcpy(gpu->driver_uuid, driver_uuid, UUID_BYTES);
    memcpy(gpu->cache_uuid, cache_uuid, UUID_BYTES);
    if (dir) {
        (void)!tyto_folder_make(dir, 0755); /* without it, nothing is kept */
        gpu->cache_path = path_of(dir, driver_uuid);
        if (!gpu->cache_path)
            return TYTO_ERR_NOMEM;
        load(gpu->cache_path, driver_uuid, cache_uuid, &data, &size_bytes);
    }
    gpu->cache_sum = data ? tyto_hash(TYTO_HASH_INIT, data, size_bytes) : 0;
    info.initialDataSize = size_bytes;
    info.pInitialData = data;
    result = vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->cache);
    if (result != VK_SUCCESS && data) { /* whole, but not to the driver's taste */
        info.initialDataSize = 0;
        info.pInitialData = NULL;
        result = vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->cache);
    }
    free(data);
    return tyto_vk_err(gpu, result);
}

static void save(const struct tyto_gpu *gpu, const uint8_t *data, size_t size_bytes, uint64_t sum)
{
    struct head head = {.size_bytes = size_bytes, .sum = sum};
    struct tyto_replace *replace = NULL;

    memcpy(head.magic, magic, sizeof(magic));
    memcpy(head.driver_uuid, gpu->driver_uuid, UUID_BYTES);
    memcpy(head.cache_uuid, gpu->cache_uuid, UUID_BYTES);
    if (tyto_replace_begin(gpu->cache_path, 0600, &replace))
        return;
    if (tyto_replace_write(replace, &head, sizeof(head)) ||
        tyto_replace_write(replace, data, size_bytes))
        tyto_replace_abandon(&replace);
    (void)!tyto_replace_commit(&replace); /* without it, pipelines are compiled again */
}

void tyto_cache_finish(struct tyto_gpu *gpu)
{
    size_t size_bytes = 0;
    uint8_t *data = NULL;

    if (!gpu->cache)
        return;
    if (gpu->cache_path && !gpu->lost &&
        vkGetPipelineCacheData(gpu->device, gpu->cache, &size_bytes, NULL) == VK_SUCCESS &&
        size_bytes > 0 && size_bytes <= MAX_CACHE_BYTES)
        data = malloc(size_bytes);
    if (data && vkGetPipelineCacheData(gpu->device, gpu->cache, &size_bytes, data) == VK_SUCCESS) {
        uint64_t sum = tyto_hash(TYTO_HASH_INIT, data, size_bytes);

        if (sum != gpu->cache_sum)
            save(gpu, data, size_bytes, sum);
    }
    free(data);
    vkDestroyPipelineCache(gpu->device, gpu->cache, NULL);
    gpu->cache = VK_NULL_HANDLE;
}
