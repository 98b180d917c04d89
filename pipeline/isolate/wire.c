/* SPDX-License-Identifier: MIT */
#include "pipeline/isolate/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_PIECES = 6 };

#define FIXED_BYTES(name, type, max_body) [TYTO_WIRE_##name] = sizeof(type),
#define BODY_BYTES(name, type, max_body) [TYTO_WIRE_##name] = (max_body),
static const uint32_t fixed_bytes[] = {TYTO_WIRE_LIST(FIXED_BYTES)};
static const uint32_t max_body_bytes[] = {TYTO_WIRE_LIST(BODY_BYTES)};

/* --- writing ---------------------------------------------------------------------------------- */

static enum tyto_err err_of(int reason)
{
    return reason == EPIPE || reason == ECONNRESET ? TYTO_ERR_CLOSED : TYTO_ERR_IO;
}

/* num_bytes have gone. */
static void skip(struct iovec **pieces, size_t *num_pieces, size_t num_bytes)
{
    while (*num_pieces > 0 && num_bytes >= (*pieces)->iov_len) {
        num_bytes -= (*pieces)->iov_len;
        ++*pieces;
        --*num_pieces;
    }
    if (*num_pieces > 0) {
        (*pieces)->iov_base = (uint8_t *)(*pieces)->iov_base + num_bytes;
        (*pieces)->iov_len -= num_bytes;
    }
}

enum tyto_err tyto_wire_send(int fd, enum tyto_wire_kind kind, const void *fixed,
                             const struct iovec *bodies, uint32_t num_bodies)
{
    struct tyto_wire_head head = {.kind = kind, .num_bytes = fixed_bytes[kind]};
    struct iovec all[MAX_PIECES] = {{&head, sizeof(head)},
                                    {(void *)(uintptr_t)fixed, fixed_bytes[kind]}};
    if (num_bodies > MAX_PIECES - 2)
        return TYTO_ERR_INVALID;
    for (uint32_t i = 0; i < num_bodies; i++) {
        all[2 + i] = bodies[i];
        head.num_bytes += (uint32_t)bodies[i].iov_len;
    }
    struct iovec *pieces = all;
    size_t num_pieces = 2 + num_bodies;
    while (num_pieces > 0) {
        const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = num_pieces};
        const ssize_t num = sendmsg(fd, &message, MSG_NOSIGNAL);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (num >= 0)
            skip(&pieces, &num_pieces, (size_t)num);
        else if (errno == EAGAIN)
            (void)poll(&room, 1, -1); /* wakes when the other end is gone, too */
        else if (errno != EINTR)
            return err_of(errno);
    }
    return TYTO_OK;
}

enum tyto_err tyto_wire_try_send(int fd, enum tyto_wire_kind kind, const void *fixed)
{
    struct tyto_wire_head head = {.kind = kind, .num_bytes = fixed_bytes[kind]};
    struct iovec pieces[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)fixed, fixed_bytes[kind]}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    /* Of a Unix socket so few bytes go at once: they are one piece of the kernel's memory. */
    const ssize_t num = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (num < 0)
        return errno == EAGAIN || errno == EINTR ? TYTO_ERR_FULL : err_of(errno);
    return (size_t)num == sizeof(head) + fixed_bytes[kind] ? TYTO_OK : TYTO_ERR_IO;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_for(enum tyto_wire_side side, uint32_t kind)
{
    const bool is_to = kind == TYTO_WIRE_START || kind == TYTO_WIRE_WISHES;
    return kind > TYTO_WIRE_NONE && kind < TYTO_WIRE_NUM_KINDS &&
           is_to == (side == TYTO_WIRE_TO_PROCESS);
}

uint64_t tyto_wire_room(enum tyto_stream stream)
{
    return stream == TYTO_STREAM_VIDEO ? TYTO_SOURCE_RING_PICTURES : TYTO_SOURCE_RING_SOUNDS;
}

bool tyto_wire_planes(uint32_t format, uint32_t width, uint32_t height, uint32_t ret_row_bytes[3],
                      uint32_t ret_rows[3])
{
    if (width == 0 || height == 0 || width > TYTO_FRAME_MAX_SIDE || height > TYTO_FRAME_MAX_SIDE ||
        format > TYTO_PIXEL_RGB)
        return false;
    const uint32_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    const bool is_rgb = format == TYTO_PIXEL_RGB, is_i420 = format == TYTO_PIXEL_I420;
    const uint32_t row_bytes[3] = {is_rgb ? 3 * width : width,
                                   is_rgb ? 0 : (is_i420 ? half_width : 2 * half_width),
                                   is_i420 ? half_width : 0};
    const uint32_t rows[3] = {height, is_rgb ? 0 : half_height, is_i420 ? half_height : 0};
    memcpy(ret_row_bytes, row_bytes, sizeof(row_bytes));
    memcpy(ret_rows, rows, sizeof(rows));
    return true;
}

/* What the fixed part says its body has; false: it says what cannot be. */
static bool body_of_media(const struct tyto_wire_media *media, uint64_t *ret_bytes)
{
    uint32_t row_bytes[3], rows[3];
    *ret_bytes = 0;
    if (media->stream >= TYTO_NUM_STREAMS || media->kind > TYTO_MEDIA_END)
        return false;
    if (media->kind == TYTO_MEDIA_SOUND) {
        *ret_bytes = (uint64_t)media->num_samples * sizeof(float);
        return media->stream == TYTO_STREAM_AUDIO && media->num_samples > 0 &&
               media->num_samples <= TYTO_WIRE_MAX_SAMPLES;
    }
    if (media->kind != TYTO_MEDIA_PICTURE)
        return true;
    if (media->stream != TYTO_STREAM_VIDEO ||
        !tyto_wire_planes(media->format, media->width, media->height, row_bytes, rows))
        return false;
    for (int i = 0; i < 3; i++) {
        const uint32_t stride = media->strides_bytes[i];
        if (rows[i] > 0 &&
            (stride < row_bytes[i] || stride > row_bytes[i] + TYTO_WIRE_MAX_PADDING ||
             media->plane_bytes[i] != (rows[i] - 1) * stride + row_bytes[i]))
            return false;
        if (rows[i] == 0 && media->plane_bytes[i] != 0)
            return false;
        *ret_bytes += media->plane_bytes[i];
    }
    return true;
}

/* Whether head and fixed part go together: a body is not made room for otherwise. */
static bool is_sound(const struct tyto_wire_reader *reader)
{
    const struct tyto_wire_coded *coded = &reader->fixed.coded;
    const uint32_t body_bytes = reader->head.num_bytes - fixed_bytes[reader->head.kind];
    uint64_t said_bytes = body_bytes;
    if (reader->head.kind == TYTO_WIRE_MEDIA && !body_of_media(&reader->fixed.media, &said_bytes))
        return false;
    if (reader->head.kind == TYTO_WIRE_CODED) {
        said_bytes = (uint64_t)coded->caps_bytes + coded->data_bytes;
        if (coded->stream >= TYTO_NUM_STREAMS || coded->caps_bytes > TYTO_WIRE_MAX_CAPS_BYTES ||
            coded->data_bytes > TYTO_WIRE_MAX_CODED_BYTES)
            return false;
    }
    return said_bytes == body_bytes;
}

static bool is_head_sound(const struct tyto_wire_reader *reader, enum tyto_wire_side side)
{
    const uint32_t kind = reader->head.kind;
    if (!is_for(side, kind) || reader->head.num_bytes < fixed_bytes[kind])
        return false;
    return reader->head.num_bytes - fixed_bytes[kind] <= max_body_bytes[kind];
}

/* Where the next bytes go, and how many of them. */
static void next_place(struct tyto_wire_reader *reader, uint8_t **ret_place, size_t *ret_bytes)
{
    const uint64_t head_end = sizeof(reader->head);
    if (reader->num_read < head_end) {
        *ret_place = (uint8_t *)&reader->head + reader->num_read;
        *ret_bytes = (size_t)(head_end - reader->num_read);
        return;
    }
    const uint64_t fixed_end = head_end + fixed_bytes[reader->head.kind];
    const bool is_fixed = reader->num_read < fixed_end;
    const uint64_t end = is_fixed ? fixed_end : fixed_end + reader->num_body_bytes;
    uint8_t *begin = is_fixed ? (uint8_t *)&reader->fixed : reader->body;
    *ret_place = begin + (reader->num_read - (is_fixed ? head_end : fixed_end));
    *ret_bytes = (size_t)(end - reader->num_read);
}

/* A part is whole: what comes next is looked at before. OK: the message is. EMPTY: it goes on. */
static enum tyto_err look(struct tyto_wire_reader *reader, enum tyto_wire_side side)
{
    const uint64_t head_end = sizeof(reader->head);
    if (reader->num_read == head_end)
        return is_head_sound(reader, side) ? TYTO_ERR_EMPTY : TYTO_ERR_FORMAT;
    const uint64_t fixed_end = head_end + fixed_bytes[reader->head.kind];
    if (reader->num_read > fixed_end)
        return TYTO_OK;
    if (!is_sound(reader))
        return TYTO_ERR_FORMAT;
    reader->num_body_bytes = reader->head.num_bytes - fixed_bytes[reader->head.kind];
    if (reader->num_body_bytes == 0)
        return TYTO_OK;
    reader->body = malloc(reader->num_body_bytes);
    return reader->body ? TYTO_ERR_EMPTY : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_wire_read(int fd, enum tyto_wire_side side, struct tyto_wire_reader *reader)
{
    for (;;) {
        uint8_t *place;
        size_t num_bytes;
        next_place(reader, &place, &num_bytes);
        const ssize_t num = recv(fd, place, num_bytes, MSG_DONTWAIT);
        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            return errno == EAGAIN ? TYTO_ERR_EMPTY : err_of(errno);
        if (num == 0)
            return TYTO_ERR_CLOSED;
        reader->num_read += (uint64_t)num;
        if ((size_t)num < num_bytes)
            continue;
        const enum tyto_err err = look(reader, side);
        if (err != TYTO_ERR_EMPTY)
            return err;
    }
}

void tyto_wire_next(struct tyto_wire_reader *reader)
{
    free(reader->body);
    reader->body = NULL;
    reader->num_read = 0;
    reader->num_body_bytes = 0;
}
