/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include "base/clock.h"

struct timespec tyto_timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / TYTO_NS_PER_S),
                             .tv_nsec = (long)(ns % TYTO_NS_PER_S)};
}

bool tyto_thread_join(pthread_t thread, uint64_t timeout_ns)
{
    const struct timespec until = tyto_timespec_of(tyto_clock_mono_ns() + timeout_ns);
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
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
    const struct timespec until = tyto_timespec_of(until_ns);
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}
