/* SPDX-License-Identifier: MIT */
/* How often cameras may be connected: so many times within any second for all of them together, and
 * a back-off with full jitter for each. Any thread. */
#ifndef TYTO_PIPELINE_SESSION_LIMITER_H
#define TYTO_PIPELINE_SESSION_LIMITER_H

#include <pthread.h>
#include <stdint.h>

enum { TYTO_LIMITER_MAX_PER_S = 128 };

struct tyto_limiter {
    pthread_mutex_t lock; /* guards the rest */
    uint32_t per_s;
    uint64_t num_taken;
    uint64_t taken_ns[TYTO_LIMITER_MAX_PER_S]; /* the i-th at i mod MAX_PER_S */
};

/* per_s: 1 to TYTO_LIMITER_MAX_PER_S, more are as many as that. */
void tyto_limiter_init(struct tyto_limiter *limiter, uint32_t per_s);
/* Another pace, from now on. */
void tyto_limiter_set(struct tyto_limiter *limiter, uint32_t per_s);
void tyto_limiter_finish(struct tyto_limiter *limiter);
/* 0: go ahead, that is counted. Else how many ns until it is worth asking again. */
uint64_t tyto_limiter_take(struct tyto_limiter *limiter, uint64_t now_ns);

/* The wait before try number num_failures + 1: uniform in [0.5 s, min(60 s, 2^num_failures s)],
 * chance in [0, 2^32). Pure. */
uint64_t tyto_backoff_ns(uint32_t num_failures, uint32_t chance);

#endif
