/* SPDX-License-Identifier: MIT */
/* Segments on their way from the threads that decode to the one that encodes. Internal to
 * features. A mutex guards everything inside; it is held for a few loads and stores. */
#ifndef TYTO_TRAINER_DATA_FEATURES_QUEUE_H
#define TYTO_TRAINER_DATA_FEATURES_QUEUE_H

#include "trainer/media/read.h"

enum tyto_features_news {
    TYTO_FEATURES_SEGMENT, /* one more of the recording */
    TYTO_FEATURES_CACHED,  /* the recording was in the cache already */
    TYTO_FEATURES_END,     /* that was all of it */
    TYTO_FEATURES_BAD,     /* the recording cannot be read: err and fault */
};

struct tyto_features_item {
    enum tyto_features_news news;
    uint32_t recording_idx;
    struct tyto_source_segment segment;
    enum tyto_err err;
    struct tyto_fault *fault; /* owned */
};

struct tyto_features_queue;

TYTO_MUST_CHECK
enum tyto_err tyto_features_queue_create(uint32_t capacity, struct tyto_features_queue **ret_queue);
/* Whatever is inside is freed. No other thread uses the queue any more. */
void tyto_features_queue_destroy(struct tyto_features_queue **queue);
/* item is *taken* on success. Waits while the queue is full. CLOSED after close. */
TYTO_MUST_CHECK
enum tyto_err tyto_features_queue_push(struct tyto_features_queue *queue,
                                       const struct tyto_features_item *item);
/* Waits at most wait_ms. EMPTY when nothing came. */
TYTO_MUST_CHECK
enum tyto_err tyto_features_queue_pop(struct tyto_features_queue *queue, uint32_t wait_ms,
                                      struct tyto_features_item *ret_item);
/* Whoever pushes is turned away from now on. */
void tyto_features_queue_close(struct tyto_features_queue *queue);
bool tyto_features_queue_is_closed(struct tyto_features_queue *queue);
void tyto_features_item_finish(struct tyto_features_item *item);

#endif
