/* SPDX-License-Identifier: MIT */
#include "daemon/config/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/config/config.h"
#include "daemon/config/schema.h"

static bool read_number(const char *text, const char *end, uint32_t *ret_number)
{
    char *after = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    const unsigned long number = strtoul(text, &after, 10);
    *ret_number = number <= TYTO_SHARD_MAX ? (uint32_t)number : TYTO_SHARD_MAX + 1;
    return after == end;
}

enum tyto_err tyto_shard_parse(const char *text, uint32_t *ret_idx, uint32_t *ret_num,
                               struct tyto_fault *ret_fault)
{
    uint32_t idx = 0, num = 1;
    const char *slash = strchr(text, '/');
    const bool is_good =
        !text[0] || (slash && read_number(text, slash, &idx) &&
                     read_number(slash + 1, slash + strlen(slash), &num) && num <= TYTO_SHARD_MAX);
    if (!is_good || idx >= num)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be I/N, of N shards (1 to %d) the one numbered I, "
                              "counted from 0: 0/3, 1/3, 2/3",
                              text, TYTO_SHARD_MAX);
    if (ret_idx)
        *ret_idx = idx;
    if (ret_num)
        *ret_num = num;
    return TYTO_OK;
}

/* Ids that differ in their last character differ in few bits of the hash: all of them are stirred
 * (the finishing steps of SplitMix64). */
static uint64_t stir(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/* Jump consistent hash (Lamping and Veach, 2014): a camera jumps from shard to shard as their
 * number grows, and where the next jump would lead is a random number of its own. In whole numbers,
 * so that no machine rounds otherwise. */
uint32_t tyto_shard_of(const char *id, uint32_t num)
{
    uint64_t bits = stir(tyto_hash(TYTO_HASH_INIT, id, strlen(id)));
    uint64_t shard = 0, next = 0;
    while (next < num) {
        shard = next;
        bits = bits * UINT64_C(2862933555777941757) + 1;
        next = ((shard + 1) << 31) / ((bits >> 33) + 1);
    }
    return (uint32_t)shard;
}

void tyto_config_take_shard(struct tyto_config *config)
{
    uint32_t idx = 0, num = 1, kept = 0;
    /* The option's row has checked it. */
    if (tyto_shard_parse(config->shard, &idx, &num, NULL) != TYTO_OK || num == 1)
        return;
    for (uint32_t i = 0; i < config->num_cameras; i++) {
        if (tyto_shard_of(config->cameras[i].id, num) == idx)
            config->cameras[kept++] = config->cameras[i];
        else
            tyto_config_camera_finish(&config->cameras[i]);
    }
    config->num_elsewhere = config->num_cameras - kept;
    config->num_cameras = kept;
}
