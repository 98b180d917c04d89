/* SPDX-License-Identifier: MIT */
/* A token bucket: what somebody may do fills it at a rate, up to a burst, and each time it is done
 * takes from it. */
#ifndef TYTO_BASE_BUCKET_H
#define TYTO_BASE_BUCKET_H

#include <stdbool.h>

/* s seconds have passed: per_s of tokens for each, never more than burst. */
static inline void tyto_bucket_fill(double *tokens, double s, double per_s, double burst)
{
    *tokens += s * per_s;
    if (*tokens > burst)
        *tokens = burst;
}

/* Takes one token, if there is one. */
static inline bool tyto_bucket_take(double *tokens)
{
    if (*tokens < 1.0)
        return false;
    *tokens -= 1.0;
    return true;
}

#endif
