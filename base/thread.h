/* SPDX-License-Identifier: MIT */
/* Waiting for threads, and for memory, never for ever. */
#ifndef TYTO_BASE_THREAD_H
#define TYTO_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Joins a thread that has been asked to end. False when it has not within timeout_ns: it may still
 * use whatever it was given, which is not to be freed then. */
bool tyto_thread_join(pthread_t thread, uint64_t timeout_ns);
/* False when the lock was not to be had within timeout_ns: whoever holds it stands still. */
bool tyto_mutex_lock(pthread_mutex_t *lock, uint64_t timeout_ns);
/* A condition whose waits are timed by the monotonic clock. */
void tyto_cond_init(pthread_cond_t *cond);
/* Waits for cond, of the monotonic clock, until the time until_ns of tyto_clock_mono_ns(); lock is
 * held. False when that time has come. */
bool tyto_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);
/* Memory of zeros, of free(), asked for again and again until timeout_ns are over. NULL: there went
 * on to be none. */
void *tyto_calloc_within(size_t num_bytes, uint64_t timeout_ns);

#endif
