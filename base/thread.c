/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <stdlib.h>

#include "base/clock.h"

enum { NAP_MS = 2 };

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / TYTO_NS_PER_S),
                             .tv_nsec = (long)(ns % TYTO_NS_PER_S)};
}

static void nap(void)
{
    const struct timespec time = {0, NAP_MS * (long)TYTO_NS_PER_MS};
    nanosleep(&time, NULL);
}

/* Looked at again and again: waits with a time take the clock that people set, or are unknown to
 * tools that look for races. */
bool tyto_thread_join(pthread_t thread, uint64_t timeout_ns)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + timeout_ns;
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        if (tyto_clock_mono_ns() >= until_ns)
            return false;
        nap();
    }
    return true;
}

bool tyto_mutex_lock(pthread_mutex_t *lock, uint64_t timeout_ns)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + timeout_ns;
    while (pthread_mutex_trylock(lock) != 0) {
        if (tyto_clock_mono_ns() >= until_ns)
            return false;
        nap();
    }
    return true;
}

void tyto_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool tyto_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
    const struct timespec until = timespec_of(until_ns);
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}

void *tyto_calloc_within(size_t num_bytes, uint64_t timeout_ns)
{
    void *memory = calloc(1, num_bytes);
    const uint64_t until_ns = memory ? 0 : tyto_clock_mono_ns() + timeout_ns;
    while (!memory && tyto_clock_mono_ns() < until_ns) {
        nap();
        memory = calloc(1, num_bytes);
    }
    return memory;
}
