/* SPDX-License-Identifier: MIT */
#include "pipeline/record/preroll.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256, MAX_CAPACITY = 1 << 16 };

void tyto_preroll_init(struct tyto_preroll *preroll, int64_t hold_ns, uint64_t max_bytes)
{
    *preroll = (struct tyto_preroll){.hold_ns = hold_ns, .max_bytes = max_bytes};
}

static struct tyto_preroll_item *item_at(const struct tyto_preroll_queue *queue, uint64_t number)
{
    return &queue->items[number % queue->capacity];
}

static uint64_t end_of(const struct tyto_preroll_queue *queue)
{
    return queue->first + queue->num;
}

static void drop_first(struct tyto_preroll *preroll, struct tyto_preroll_queue *queue)
{
    struct tyto_preroll_item *item = item_at(queue, queue->first);
    preroll->num_bytes -= item->coded.num_bytes;
    tyto_coded_unref(&item->coded);
    queue->first++;
    queue->num--;
}

void tyto_preroll_finish(struct tyto_preroll *preroll)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        while (preroll->queues[i].num > 0)
            drop_first(preroll, &preroll->queues[i]);
        free(preroll->queues[i].items);
        preroll->queues[i].items = NULL;
        preroll->queues[i].capacity = 0;
    }
}

static enum tyto_err grow(struct tyto_preroll_queue *queue)
{
    const uint32_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    if (capacity > MAX_CAPACITY)
        return TYTO_ERR_FULL;
    struct tyto_preroll_item *items = malloc(capacity * sizeof(*items));
    if (!items)
        return TYTO_ERR_NOMEM;
    for (uint64_t n = queue->first; n < end_of(queue); n++)
        items[n % capacity] = *item_at(queue, n);
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    return TYTO_OK;
}

/* Number of the first keyframe after the oldest picture; end: there is none. */
static uint64_t second_key(const struct tyto_preroll_queue *queue)
{
    uint64_t n = queue->first + 1;
    while (n < end_of(queue) && !item_at(queue, n)->coded.is_key)
        n++;
    return n < end_of(queue) ? n : end_of(queue);
}

/* The oldest pictures up to the next keyframe, and the sound that belongs to them. */
static void drop_group(struct tyto_preroll *preroll, uint64_t until)
{
    struct tyto_preroll_queue *video = &preroll->queues[TYTO_STREAM_VIDEO];
    struct tyto_preroll_queue *audio = &preroll->queues[TYTO_STREAM_AUDIO];
    while (video->num > 0 && video->first < until)
        drop_first(preroll, video);
    if (video->num == 0)
        return;
    const int64_t begin_ns = item_at(video, video->first)->coded.pts_ns;
    while (audio->num > 0 && item_at(audio, audio->first)->coded.pts_ns < begin_ns)
        drop_first(preroll, audio);
}

static bool drop_what_is_old(struct tyto_preroll *preroll, int64_t keep_ns)
{
    struct tyto_preroll_queue *video = &preroll->queues[TYTO_STREAM_VIDEO];
    struct tyto_preroll_queue *audio = &preroll->queues[TYTO_STREAM_AUDIO];
    if (video->num > 0) {
        const uint64_t next = second_key(video);
        /* Where pictures have stopped coming none is held back. */
        const uint64_t end = end_of(video);
        const uint64_t test = next == end ? end - 1 : next;
        if (item_at(video, test)->coded.pts_ns > keep_ns)
            return false;
        drop_group(preroll, next);
        return true;
    }
    if (audio->num == 0 || item_at(audio, audio->first)->coded.pts_ns >= keep_ns)
        return false;
    drop_first(preroll, audio);
    return true;
}

static void drop_for_bytes(struct tyto_preroll *preroll)
{
    struct tyto_preroll_queue *video = &preroll->queues[TYTO_STREAM_VIDEO];
    preroll->num_evicted_early++;
    if (video->num > 0)
        drop_group(preroll, second_key(video));
    else
        drop_first(preroll, &preroll->queues[TYTO_STREAM_AUDIO]);
}

/* A picture may come in several pieces of the same time: then the first speaks for all. */
static void join_picture(struct tyto_preroll_queue *queue, struct tyto_coded *coded)
{
    if (!coded->is_key)
        return;
    for (uint64_t n = end_of(queue); n > queue->first; n--) {
        if (item_at(queue, n - 1)->coded.pts_ns != coded->pts_ns)
            break;
        item_at(queue, n - 1)->coded.is_key = true;
        if (n < end_of(queue))
            item_at(queue, n)->coded.is_key = false;
        coded->is_key = false;
    }
}

enum tyto_err tyto_preroll_put(struct tyto_preroll *preroll, enum tyto_stream stream,
                               struct tyto_coded *coded)
{
    struct tyto_preroll_queue *queue = &preroll->queues[stream];
    if (queue->num > 0 && !tyto_coded_is_alike(&item_at(queue, end_of(queue) - 1)->coded, coded))
        tyto_preroll_cut(preroll);
    /* Pictures before the first keyframe cannot be shown. */
    const bool is_useless = stream == TYTO_STREAM_VIDEO && queue->num == 0 && !coded->is_key;
    enum tyto_err err = TYTO_OK;
    if (!is_useless && queue->num == queue->capacity)
        err = grow(queue);
    if (is_useless || err) {
        tyto_coded_unref(coded);
        return err;
    }
    join_picture(queue, coded);
    queue->num++;
    *item_at(queue, end_of(queue) - 1) =
        (struct tyto_preroll_item){.coded = *coded, .epoch = preroll->epoch};
    preroll->num_bytes += coded->num_bytes;
    const int64_t keep_ns = coded->pts_ns - preroll->hold_ns;
    while (drop_what_is_old(preroll, keep_ns))
        ;
    while (preroll->num_bytes > preroll->max_bytes)
        drop_for_bytes(preroll);
    return TYTO_OK;
}

void tyto_preroll_cut(struct tyto_preroll *preroll)
{
    preroll->epoch++;
}

const struct tyto_preroll_item *tyto_preroll_get(const struct tyto_preroll *preroll,
                                                 enum tyto_stream stream, uint64_t number)
{
    const struct tyto_preroll_queue *queue = &preroll->queues[stream];
    return number >= queue->first && number < end_of(queue) ? item_at(queue, number) : NULL;
}

uint64_t tyto_preroll_end(const struct tyto_preroll *preroll, enum tyto_stream stream)
{
    return end_of(&preroll->queues[stream]);
}

bool tyto_preroll_find(const struct tyto_preroll *preroll, uint32_t min_epoch, int64_t begin_ns,
                       int64_t *ret_zero_ns, uint32_t *ret_epoch,
                       uint64_t ret_numbers[TYTO_NUM_STREAMS])
{
    const struct tyto_preroll_queue *video = &preroll->queues[TYTO_STREAM_VIDEO];
    const struct tyto_preroll_queue *audio = &preroll->queues[TYTO_STREAM_AUDIO];
    const struct tyto_preroll_item *first = NULL;
    uint64_t key = end_of(video);
    for (uint64_t n = video->first; n < end_of(video); n++) {
        const struct tyto_preroll_item *item = item_at(video, n);
        if (!item->coded.is_key || item->epoch < min_epoch ||
            (first && item->coded.pts_ns > begin_ns))
            continue;
        first = item;
        key = n;
    }
    uint64_t sound = audio->first;
    while (sound < end_of(audio)) {
        const struct tyto_preroll_item *item = item_at(audio, sound);
        if (first ? item->epoch == first->epoch && item->coded.pts_ns >= first->coded.pts_ns
                  : item->epoch >= min_epoch && item->coded.pts_ns >= begin_ns)
            break;
        sound++;
    }
    if (!first && sound < end_of(audio) && video->num == 0)
        first = item_at(audio, sound);
    if (!first)
        return false;
    *ret_zero_ns = first->coded.pts_ns;
    *ret_epoch = first->epoch;
    ret_numbers[TYTO_STREAM_VIDEO] = key;
    ret_numbers[TYTO_STREAM_AUDIO] = sound;
    return true;
}

int64_t tyto_preroll_newest_of_ns(const struct tyto_preroll *preroll, enum tyto_stream stream)
{
    const struct tyto_preroll_queue *queue = &preroll->queues[stream];
    return queue->num > 0 ? item_at(queue, end_of(queue) - 1)->coded.pts_ns : INT64_MIN;
}

int64_t tyto_preroll_newest_ns(const struct tyto_preroll *preroll)
{
    const int64_t audio_ns = tyto_preroll_newest_of_ns(preroll, TYTO_STREAM_AUDIO);
    const int64_t video_ns = tyto_preroll_newest_of_ns(preroll, TYTO_STREAM_VIDEO);
    return audio_ns > video_ns ? audio_ns : video_ns;
}
