/* SPDX-License-Identifier: MIT */
/* Threads that do one task together, again and again: number 0 is the caller's own. */
#ifndef TYTO_TRAINER_STEP_WORKER_POOL_H
#define TYTO_TRAINER_STEP_WORKER_POOL_H

#include <stdint.h>

#include "base/err.h"

struct tyto_worker_pool;

enum { TYTO_WORKER_POOL_MAX = 64 };

/* num: 1..TYTO_WORKER_POOL_MAX, with the caller; it returns after its threads are up. */
TYTO_MUST_CHECK
enum tyto_err tyto_worker_pool_create(uint32_t num, struct tyto_worker_pool **ret_worker_pool);
void tyto_worker_pool_destroy(struct tyto_worker_pool **worker_pool);
/* Calls task(user, idx) for each idx < num, each idx always on the same thread, and returns when
 * all have: the error of the first by idx that failed. */
TYTO_MUST_CHECK
enum tyto_err tyto_worker_pool_run(struct tyto_worker_pool *worker_pool,
                                   enum tyto_err (*task)(void *user, uint32_t idx), void *user);

#endif
