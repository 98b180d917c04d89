/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct tyto_ring {
    pthread_mutex_t lock; /* guards everything below */
    void **items;
    uint32_t capacity;
    uint32_t first_idx;
    uint32_t num_items;
    uint64_t num_dropped;
    bool closed;
    int event_fd; /* counts 1 while num_items > 0 or closed, else 0 */
};

static void raise_event(struct tyto_ring *ring)
{
    const uint64_t one = 1;
    /* Non-blocking: EAGAIN means that the fd is readable already. */
    (void)!write(ring->event_fd, &one, sizeof(one));
}

static void clear_event(struct tyto_ring *ring)
{
    uint64_t count;
    (void)!read(ring->event_fd, &count, sizeof(count));
}

enum tyto_err tyto_ring_create(uint32_t capacity, struct tyto_ring **ret_ring)
{
    if (capacity == 0)
        return TYTO_ERR_INVALID;
    struct tyto_ring *ring = calloc(1, sizeof(*ring));
    if (!ring)
        return TYTO_ERR_NOMEM;
    ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ring->items = calloc(capacity, sizeof(*ring->items));
    if (ring->event_fd < 0 || !ring->items) {
        const enum tyto_err err = ring->items ? TYTO_ERR_IO : TYTO_ERR_NOMEM;
        if (ring->event_fd >= 0)
            close(ring->event_fd);
        free(ring->items);
        free(ring);
        return err;
    }
    ring->capacity = capacity;
    pthread_mutex_init(&ring->lock, NULL);
    *ret_ring = ring;
    return TYTO_OK;
}

void tyto_ring_destroy(struct tyto_ring **ring)
{
    if (!ring || !*ring)
        return;
    close((*ring)->event_fd);
    pthread_mutex_destroy(&(*ring)->lock);
    free((*ring)->items);
    free(*ring);
    *ring = NULL;
}

static void append(struct tyto_ring *ring, void *item)
{
    ring->items[(ring->first_idx + ring->num_items) % ring->capacity] = item;
    if (ring->num_items++ == 0)
        raise_event(ring);
}

static void *take_first(struct tyto_ring *ring)
{
    void *item = ring->items[ring->first_idx];
    ring->first_idx = (ring->first_idx + 1) % ring->capacity;
    ring->num_items--;
    return item;
}

enum tyto_err tyto_ring_push(struct tyto_ring *ring, void *item)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&ring->lock);
    if (ring->closed)
        err = TYTO_ERR_CLOSED;
    else if (ring->num_items == ring->capacity)
        err = TYTO_ERR_FULL;
    else
        append(ring, item);
    pthread_mutex_unlock(&ring->lock);
    return err;
}

enum tyto_err tyto_ring_push_drop_oldest(struct tyto_ring *ring, void *item, void **ret_dropped)
{
    enum tyto_err err = TYTO_OK;
    void *dropped = NULL;
    pthread_mutex_lock(&ring->lock);
    if (ring->closed) {
        err = TYTO_ERR_CLOSED;
    } else {
        if (ring->num_items == ring->capacity) {
            dropped = take_first(ring);
            ring->num_dropped++;
        }
        append(ring, item);
    }
    pthread_mutex_unlock(&ring->lock);
    if (!err)
        *ret_dropped = dropped;
    return err;
}

enum tyto_err tyto_ring_pop(struct tyto_ring *ring, void **ret_item)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&ring->lock);
    if (ring->num_items > 0) {
        *ret_item = take_first(ring);
        if (ring->num_items == 0 && !ring->closed)
            clear_event(ring);
    } else {
        err = ring->closed ? TYTO_ERR_CLOSED : TYTO_ERR_EMPTY;
    }
    pthread_mutex_unlock(&ring->lock);
    return err;
}

enum tyto_err tyto_ring_wait(struct tyto_ring *ring, int timeout_ms)
{
    struct pollfd fd = {.fd = ring->event_fd, .events = POLLIN};
    const int num_ready = poll(&fd, 1, timeout_ms);
    if (num_ready > 0)
        return TYTO_OK;
    return num_ready == 0 || errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
}

void tyto_ring_close(struct tyto_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->closed = true;
    raise_event(ring);
    pthread_mutex_unlock(&ring->lock);
}

int tyto_ring_fd(const struct tyto_ring *ring)
{
    return ring->event_fd;
}

uint32_t tyto_ring_num_items(struct tyto_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    const uint32_t num_items = ring->num_items;
    pthread_mutex_unlock(&ring->lock);
    return num_items;
}

bool tyto_ring_is_full(struct tyto_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    const bool is_full = ring->num_items == ring->capacity;
    pthread_mutex_unlock(&ring->lock);
    return is_full;
}

uint64_t tyto_ring_num_dropped(struct tyto_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    const uint64_t num_dropped = ring->num_dropped;
    pthread_mutex_unlock(&ring->lock);
    return num_dropped;
}
