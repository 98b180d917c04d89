/* SPDX-License-Identifier: MIT */
/* Messages that have come before it is their turn: a bounded queue of packed envelopes. Of client/
 * alone. */
#ifndef TYTO_CLIENT_HELD_H
#define TYTO_CLIENT_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/feed.h"

struct tyto_held_one {
    uint8_t log_id[TYTO_UUID_BYTES];
    uint64_t seq;
    size_t num_bytes;
    uint8_t *bytes; /* owned by the queue */
};

/* All zeroes: empty. */
struct tyto_held {
    struct tyto_held_one all[TYTO_FEED_MAX_HELD];
    uint32_t first, num;
};

void tyto_held_clear(struct tyto_held *self);
/* Copies it. False: full, or out of memory. */
bool tyto_held_put(struct tyto_held *self, const uint8_t log_id[TYTO_UUID_BYTES], uint64_t seq,
                   const uint8_t *bytes, size_t num_bytes);
/* The one that has waited longest; NULL: none. Until drop. */
const struct tyto_held_one *tyto_held_first(const struct tyto_held *self);
void tyto_held_drop(struct tyto_held *self);

#endif
