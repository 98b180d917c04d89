/* SPDX-License-Identifier: MIT */
/* A bounded queue of pointers between threads. Any number of threads may push;
 * one pops. A mutex guards the slots (held for a few loads and stores only); an
 * eventfd, readable while anything waits, lets a poll loop sleep on the ring. */
#ifndef TYTO_BASE_RING_H
#define TYTO_BASE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_ring;

/* TYTO_ERR_INVALID when capacity is 0, NOMEM, IO when no eventfd can be had. */
TYTO_MUST_CHECK
enum tyto_err tyto_ring_create(uint32_t capacity, struct tyto_ring **ret_ring);
/* Items still inside are not freed: pop them first. */
void tyto_ring_destroy(struct tyto_ring **ring);

/* item is *taken* on success; TYTO_ERR_FULL when the ring is full, CLOSED after close. */
TYTO_MUST_CHECK
enum tyto_err tyto_ring_push(struct tyto_ring *ring, void *item);
/* Like push, but a full ring gives its oldest item back in *ret_dropped (owned
 * by the caller, NULL when nothing was dropped) and counts one drop. */
TYTO_MUST_CHECK
enum tyto_err tyto_ring_push_drop_oldest(struct tyto_ring *ring, void *item, void **ret_dropped);
/* TYTO_ERR_EMPTY when nothing waits; CLOSED when closed and empty. Never blocks. */
TYTO_MUST_CHECK
enum tyto_err tyto_ring_pop(struct tyto_ring *ring, void **ret_item);
/* Waits up to timeout_ms (-1: for ever) until an item can be popped or the ring
 * is closed. TYTO_ERR_TIMEOUT otherwise. */
TYTO_MUST_CHECK
enum tyto_err tyto_ring_wait(struct tyto_ring *ring, int timeout_ms);
/* No more pushes; the popper drains what is left, then sees CLOSED. */
void tyto_ring_close(struct tyto_ring *ring);

int tyto_ring_fd(const struct tyto_ring *ring); /* for poll(); borrowed */
uint32_t tyto_ring_num_items(struct tyto_ring *ring);
bool tyto_ring_is_full(struct tyto_ring *ring);
uint64_t tyto_ring_num_dropped(struct tyto_ring *ring);

#endif
