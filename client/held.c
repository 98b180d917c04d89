/* SPDX-License-Identifier: MIT */
#include "client/held.h"

#include <stdlib.h>
#include <string.h>

void tyto_held_clear(struct tyto_held *self)
{
    while (self->num > 0)
        tyto_held_drop(self);
}

bool tyto_held_put(struct tyto_held *self, const uint8_t log_id[TYTO_UUID_BYTES], uint64_t seq,
                   const uint8_t *bytes, size_t num_bytes)
{
    uint8_t *copy = self->num < TYTO_FEED_MAX_HELD ? malloc(num_bytes + 1) : NULL;
    if (!copy)
        return false;
    struct tyto_held_one *one = &self->all[(self->first + self->num++) % TYTO_FEED_MAX_HELD];
    memcpy(copy, bytes, num_bytes);
    memcpy(one->log_id, log_id, TYTO_UUID_BYTES);
    one->seq = seq;
    one->num_bytes = num_bytes;
    one->bytes = copy;
    return true;
}

const struct tyto_held_one *tyto_held_first(const struct tyto_held *self)
{
    return self->num > 0 ? &self->all[self->first] : NULL;
}

void tyto_held_drop(struct tyto_held *self)
{
    free(self->all[self->first].bytes);
    self->all[self->first].bytes = NULL;
    self->first = (self->first + 1) % TYTO_FEED_MAX_HELD;
    self->num--;
}
