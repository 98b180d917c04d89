/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "daemon/query/internal.h"

void *tyto_query_find_slot(void *slots, size_t num, size_t slot_bytes,
                           bool (*is_it)(const void *slot, const void *key), const void *key,
                           bool *ret_is_new)
{
    uint8_t *all = slots, *oldest = all;
    for (size_t i = 0; i < num; i++) {
        uint8_t *one = all + i * slot_bytes;
        *ret_is_new = !is_it(one, key);
        if (!*ret_is_new)
            return one;
        if (((const struct tyto_query_slot *)(const void *)one)->last_ns <
            ((const struct tyto_query_slot *)(const void *)oldest)->last_ns)
            oldest = one;
    }
    return oldest;
}

double tyto_query_touch_slot(struct tyto_query_slot *slot)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const double s = (double)(now_ns - slot->last_ns) / (double)TYTO_NS_PER_S;
    slot->last_ns = now_ns;
    return s;
}
