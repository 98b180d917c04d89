/* SPDX-License-Identifier: MIT */
/* How long something took, as counts between fixed bounds: what a monitor makes quantiles of. Plain
 * values, whose owner guards them. */
#ifndef TYTO_BASE_HISTOGRAM_H
#define TYTO_BASE_HISTOGRAM_H

#include <stdint.h>

enum { TYTO_HISTOGRAM_NUM_BOUNDS = 14 };

/* Upper bounds, counted in; rising. */
static const uint32_t tyto_histogram_bounds_ms[TYTO_HISTOGRAM_NUM_BOUNDS] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000};

struct tyto_histogram {
    uint64_t counts[TYTO_HISTOGRAM_NUM_BOUNDS + 1]; /* up to each bound, and over the last */
    uint64_t sum_ns;
};

static inline void tyto_histogram_add(struct tyto_histogram *histogram, uint64_t took_ns)
{
    uint32_t idx = 0;
    while (idx < TYTO_HISTOGRAM_NUM_BOUNDS && took_ns > tyto_histogram_bounds_ms[idx] * 1000000ull)
        idx++;
    histogram->counts[idx]++;
    histogram->sum_ns += took_ns;
}

#endif
