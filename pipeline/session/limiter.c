/* SPDX-License-Identifier: MIT */
#include "pipeline/session/limiter.h"

#include "base/clock.h"

#define MIN_BACKOFF_NS (TYTO_NS_PER_S / 2)
#define MAX_BACKOFF_NS (60 * TYTO_NS_PER_S)

static uint32_t clamped(uint32_t per_s)
{
    if (per_s == 0)
        return 1;
    return per_s < TYTO_LIMITER_MAX_PER_S ? per_s : TYTO_LIMITER_MAX_PER_S;
}

void tyto_limiter_init(struct tyto_limiter *limiter, uint32_t per_s)
{
    *limiter = (struct tyto_limiter){.per_s = clamped(per_s)};
    pthread_mutex_init(&limiter->lock, NULL);
}

void tyto_limiter_set(struct tyto_limiter *limiter, uint32_t per_s)
{
    pthread_mutex_lock(&limiter->lock);
    limiter->per_s = clamped(per_s);
    pthread_mutex_unlock(&limiter->lock);
}

void tyto_limiter_finish(struct tyto_limiter *limiter)
{
    pthread_mutex_destroy(&limiter->lock);
}

/* A bucket of tokens would let twice as many through in the second after it was full. */
uint64_t tyto_limiter_take(struct tyto_limiter *limiter, uint64_t now_ns)
{
    uint64_t wait_ns = 0;
    pthread_mutex_lock(&limiter->lock);
    const uint64_t num = limiter->num_taken;
    if (num >= limiter->per_s) {
        const uint64_t free_ns =
            limiter->taken_ns[(num - limiter->per_s) % TYTO_LIMITER_MAX_PER_S] + TYTO_NS_PER_S;
        wait_ns = now_ns < free_ns ? free_ns - now_ns : 0;
    }
    if (wait_ns == 0) {
        limiter->taken_ns[num % TYTO_LIMITER_MAX_PER_S] = now_ns;
        limiter->num_taken++;
    }
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
