/* SPDX-License-Identifier: MIT */
#include "trainer/data/features/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct tyto_features_queue {
    pthread_mutex_t mutex;
    pthread_cond_t came, went;
    bool closed;
    uint32_t first, num, capacity;
    struct tyto_features_item items[];
};

enum tyto_err tyto_features_queue_create(uint32_t capacity, struct tyto_features_queue **ret_queue)
{
    struct tyto_features_queue *queue =
        calloc(1, sizeof(*queue) + capacity * sizeof(queue->items[0]));
    if (!queue)
        return TYTO_ERR_NOMEM;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->came, &attr);
    pthread_cond_init(&queue->went, &attr);
    pthread_condattr_destroy(&attr);
    queue->capacity = capacity;
    *ret_queue = queue;
    return TYTO_OK;
}

void tyto_features_item_finish(struct tyto_features_item *item)
{
    tyto_source_segment_finish(&item->segment);
    free(item->fault);
    item->fault = NULL;
}

void tyto_features_queue_destroy(struct tyto_features_queue **queue)
{
    if (!queue || !*queue)
        return;
    struct tyto_features_queue *q = *queue;
    for (uint32_t i = 0; i < q->num; i++)
        tyto_features_item_finish(&q->items[(q->first + i) % q->capacity]);
    pthread_cond_destroy(&q->came);
    pthread_cond_destroy(&q->went);
    pthread_mutex_destroy(&q->mutex);
    free(q);
    *queue = NULL;
}

enum tyto_err tyto_features_queue_push(struct tyto_features_queue *queue,
                                       const struct tyto_features_item *item)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->closed && queue->num == queue->capacity)
        pthread_cond_wait(&queue->went, &queue->mutex);
    const bool closed = queue->closed;
    if (!closed) {
        queue->items[(queue->first + queue->num++) % queue->capacity] = *item;
        pthread_cond_signal(&queue->came);
    }
    pthread_mutex_unlock(&queue->mutex);
    return closed ? TYTO_ERR_CLOSED : TYTO_OK;
}

enum tyto_err tyto_features_queue_pop(struct tyto_features_queue *queue, uint32_t wait_ms,
                                      struct tyto_features_item *ret_item)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int error = 0;
    pthread_mutex_lock(&queue->mutex);
    while (queue->num == 0 && error == 0)
        error = pthread_cond_timedwait(&queue->came, &queue->mutex, &until);
    const bool any = queue->num > 0;
    if (any) {
        *ret_item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->num--;
        pthread_cond_signal(&queue->went);
    }
    pthread_mutex_unlock(&queue->mutex);
    return any ? TYTO_OK : TYTO_ERR_EMPTY;
}

void tyto_features_queue_close(struct tyto_features_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->went);
    pthread_mutex_unlock(&queue->mutex);
}

bool tyto_features_queue_is_closed(struct tyto_features_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    const bool closed = queue->closed;
    pthread_mutex_unlock(&queue->mutex);
    return closed;
}
