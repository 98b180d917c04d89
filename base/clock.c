/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * TYTO_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t tyto_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t tyto_clock_boot_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

uint64_t tyto_clock_unix_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

uint64_t tyto_clock_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}
