/* SPDX-License-Identifier: MIT */
/* How often cameras may be connected: a token bucket for all of them together,
 * and a back-off with full jitter for each. Any thread. */
#ifndef TYTO_PIPELINE_SESSION_LIMITER_H
#define TYTO_PIPELINE_SESSION_LIMITER_H

#include <pthread.h>
#include <stdint.h>

struct tyto_limiter {
    pthread_mutex_t lock; /* guards the rest */
    double tokens, per_s, burst;
    uint64_t last_ns;
};

void tyto_limiter_init(struct tyto_limiter *limiter, double per_s, double burst);
/* Another pace, from now on. */
void tyto_limiter_set(struct tyto_limiter *limiter, double per_s, double burst);
void tyto_limiter_finish(struct tyto_limiter *limiter);
/* 0: go ahead, a token is taken. Else how many ns until it is worth asking again. */
uint64_t tyto_limiter_take(struct tyto_limiter *limiter, uint64_t now_ns);

/* The wait before try number num_failures + 1: uniform in [0.5 s, min(60 s, 2^num_failures s)],
 * chance in [0, 2^32). Pure. */
uint64_t tyto_backoff_ns(uint32_t num_failures, uint32_t chance);

#endif
