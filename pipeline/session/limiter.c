/* SPDX-License-Identifier: MIT */
#include "pipeline/session/limiter.h"

#include "base/clock.h"

#define MIN_BACKOFF_NS (TYTO_NS_PER_S / 2)
#define MAX_BACKOFF_NS (60 * TYTO_NS_PER_S)

void tyto_limiter_init(struct tyto_limiter *limiter, double per_s, double burst)
{
    *limiter = (struct tyto_limiter){.tokens = burst, .per_s = per_s, .burst = burst};
    pthread_mutex_init(&limiter->lock, NULL);
}

void tyto_limiter_set(struct tyto_limiter *limiter, double per_s, double burst)
{
    pthread_mutex_lock(&limiter->lock);
    limiter->per_s = per_s;
    limiter->burst = burst;
    pthread_mutex_unlock(&limiter->lock);
}

void tyto_limiter_finish(struct tyto_limiter *limiter)
{
    pthread_mutex_destroy(&limiter->lock);
}

uint64_t tyto_limiter_take(struct tyto_limiter *limiter, uint64_t now_ns)
{
    uint64_t wait_ns = 0;
    pthread_mutex_lock(&limiter->lock);
    if (limiter->last_ns != 0 && now_ns > limiter->last_ns)
        limiter->tokens += (double)(now_ns - limiter->last_ns) / 1e9 * limiter->per_s;
    if (limiter->tokens > limiter->burst)
        limiter->tokens = limiter->burst;
    limiter->last_ns = now_ns;
    if (limiter->tokens >= 1)
        limiter->tokens -= 1;
    else
        wait_ns = (uint64_t)((1 - limiter->tokens) / limiter->per_s * 1e9) + 1;
    pthread_mutex_unlock(&limiter->lock);
    return wait_ns;
}

uint64_t tyto_backoff_ns(uint32_t num_failures, uint32_t chance)
{
    uint64_t top_ns = MAX_BACKOFF_NS;
    if (num_failures < 6)
        top_ns = (1ull << num_failures) * TYTO_NS_PER_S;
    const uint64_t span_ns = top_ns - MIN_BACKOFF_NS;
    return MIN_BACKOFF_NS + (uint64_t)((double)span_ns * ((double)chance / 4294967296.0));
}
