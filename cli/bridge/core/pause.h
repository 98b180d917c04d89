/* SPDX-License-Identifier: MIT */
/* How long a bridge waits before it tries again. */
#ifndef TYTO_CLI_BRIDGE_CORE_PAUSE_H
#define TYTO_CLI_BRIDGE_CORE_PAUSE_H

#include <stdint.h>

/* first_ms, doubled for each try that failed before the last one, and last_ms at most. */
static inline uint64_t tyto_bridge_pause_ms(uint32_t first_ms, uint32_t last_ms,
                                            uint32_t num_before)
{
    const uint64_t ms = (uint64_t)first_ms << (num_before < 32 ? num_before : 32);
    return ms < last_ms ? ms : last_ms;
}

#endif
