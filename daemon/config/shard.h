/* SPDX-License-Identifier: MIT */
/* One configuration for many hosts: each takes the cameras that fall to it by their ids. */
#ifndef TYTO_DAEMON_CONFIG_SHARD_H
#define TYTO_DAEMON_CONFIG_SHARD_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

struct tyto_config;

enum { TYTO_SHARD_MAX = 4096 };

/* "I/N" with 0 <= I < N <= TYTO_SHARD_MAX; "" is 0/1. INVALID with the whole complaint. Both may be
 * NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_shard_parse(const char *text, uint32_t *ret_idx, uint32_t *ret_num,
                               struct tyto_fault *ret_fault);
/* To which of num shards a camera falls: by its id alone, the same on every machine and in every
 * version. With one shard more, each camera stays or falls to the new one, some 1 / (num + 1) of
 * them. */
uint32_t tyto_shard_of(const char *id, uint32_t num);
/* Leaves the cameras of config->shard and forgets the others, how many is in
 * config->num_elsewhere. */
void tyto_config_take_shard(struct tyto_config *config);

#endif
