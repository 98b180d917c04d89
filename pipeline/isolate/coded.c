/* SPDX-License-Identifier: MIT */
#include "pipeline/isolate/coded.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/isolate/wire.h"

enum { MAX_ITEMS = 1024 };

/* Some seconds of the best cameras. What finds no room, because the parent does not read, is lost.
 */
#define MAX_BYTES (32u << 20)

struct item {
    struct tyto_coded coded;
    enum tyto_stream stream;
};

static void free_item(struct item *item)
{
    if (item)
        tyto_coded_free(&item->coded);
    free(item);
}

static void on_coded(struct tyto_tap *tap, enum tyto_stream stream, struct tyto_coded *coded)
{
    struct tyto_coded_queue *queue = (struct tyto_coded_queue *)tap;
    struct item *item = malloc(sizeof(*item));
    const bool has_room = atomic_load(&queue->num_bytes) + coded->num_bytes <= MAX_BYTES &&
                          coded->num_bytes <= TYTO_WIRE_MAX_CODED_BYTES;
    if (!item || !has_room) {
        free(item);
        tyto_coded_free(coded);
        return;
    }
    *item = (struct item){.coded = *coded, .stream = stream};
    atomic_fetch_add(&queue->num_bytes, coded->num_bytes);
    if (tyto_ring_push(queue->ring, item) != TYTO_OK) {
        atomic_fetch_sub(&queue->num_bytes, coded->num_bytes);
        free_item(item);
    }
}

static void ignore_connected(struct tyto_tap *tap, bool is_connected)
{
    (void)tap;
    (void)is_connected;
}

static void ignore_shift(struct tyto_tap *tap, int64_t shift_ns)
{
    (void)tap;
    (void)shift_ns;
}

static void ignore_count(struct tyto_tap *tap)
{
    (void)tap;
}

enum tyto_err tyto_coded_queue_init(struct tyto_coded_queue *queue, int64_t av_offset_ns)
{
    *queue = (struct tyto_coded_queue){.tap = {.av_offset_ns = av_offset_ns,
                                               .on_coded = on_coded,
                                               .on_connected = ignore_connected,
                                               .on_shift = ignore_shift,
                                               .ref = ignore_count,
                                               .unref = ignore_count}};
    return tyto_ring_create(MAX_ITEMS, &queue->ring);
}

static enum tyto_err send_item(struct tyto_coded_queue *queue, int fd, const struct item *item)
{
    char *caps;
    const uint8_t *data;
    void *map;
    enum tyto_err err =
        tyto_coded_map(&item->coded, &queue->codings[item->stream], &caps, &data, &map);
    if (err)
        return err;
    const struct tyto_wire_coded fixed = {
        .stream = item->stream,
        .caps_bytes = caps ? (uint32_t)strlen(caps) + 1 : 0,
        .data_bytes = item->coded.num_bytes,
        .pts_ns = item->coded.pts_ns,
        .dts_ns = item->coded.dts_ns,
        .duration_ns = item->coded.duration_ns,
        .is_key = item->coded.is_key,
    };
    const struct iovec bodies[] = {{caps, fixed.caps_bytes},
                                   {(void *)(uintptr_t)data, fixed.data_bytes}};
    if (fixed.caps_bytes <= TYTO_WIRE_MAX_CAPS_BYTES)
        err = tyto_wire_send(fd, TYTO_WIRE_CODED, &fixed, bodies, 2);
    tyto_coded_unmap(&item->coded, map);
    free(caps);
    return err;
}

enum tyto_err tyto_coded_queue_send(struct tyto_coded_queue *queue, int fd)
{
    enum tyto_err err = TYTO_OK;
    void *popped;
    while (!err && tyto_ring_pop(queue->ring, &popped) == TYTO_OK) {
        struct item *item = popped;
        err = send_item(queue, fd, item);
        atomic_fetch_sub(&queue->num_bytes, item->coded.num_bytes);
        free_item(item);
    }
    return err;
}
