/* SPDX-License-Identifier: MIT */
/* The file: "tyto open 1\n", the log's id, then for each event the length (2 bytes, little-endian)
 * and an Envelope without its place map and segments. Not synced to the disk: it is meant for a
 * process that was killed, not for a machine without power. */
#include "daemon/publish/open_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/folder.h"

enum { PATH_BYTES = 1024, HEAD_BYTES = 12 };

static const char head[HEAD_BYTES + 1] = "tyto open 1\n";

struct tyto_open_events {
    struct tyto_log log;
    char path[PATH_BYTES]; /* "": none */
    bool is_failing;       /* told */
    uint8_t log_id[TYTO_UUID_BYTES];
    struct tyto_event *events; /* owned; end_media_ns is as far as is known */
    uint32_t num_events, max_events;
    struct tyto_event *left; /* owned */
    uint32_t num_left;
};

enum tyto_err tyto_uuid_make(uint8_t ret_uuid[TYTO_UUID_BYTES])
{
    if (getrandom(ret_uuid, TYTO_UUID_BYTES, 0) != TYTO_UUID_BYTES)
        return TYTO_ERR_IO;
    ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x40); /* version 4 */
    ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
    return TYTO_OK;
}

/* --- the file -------------------------------------------------------------------------------- */

static bool put_event(FILE *file, const struct tyto_event *event)
{
    static struct tyto_envelope envelope; /* large; of the publisher's thread */
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES], length[2];
    size_t num_bytes = 0;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    envelope.body.event = *event;
    if (tyto_envelope_pack(&envelope, bytes, sizeof(bytes), &num_bytes) != TYTO_OK)
        return true; /* it could not be published either */
    length[0] = (uint8_t)num_bytes;
    length[1] = (uint8_t)(num_bytes >> 8);
    return fwrite(length, 1, sizeof(length), file) == sizeof(length) &&
           fwrite(bytes, 1, num_bytes, file) == num_bytes;
}

static bool write_file(const struct tyto_open_events *open, const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    bool ok = fwrite(head, 1, HEAD_BYTES, file) == HEAD_BYTES &&
              fwrite(open->log_id, 1, TYTO_UUID_BYTES, file) == TYTO_UUID_BYTES;
    for (uint32_t i = 0; ok && i < open->num_left; i++)
        ok = put_event(file, &open->left[i]);
    for (uint32_t i = 0; ok && i < open->num_events; i++)
        ok = put_event(file, &open->events[i]);
    return (fclose(file) == 0) & ok;
}

/* Events go on when it cannot be written: told once, and once when it works again. */
static void save(struct tyto_open_events *open)
{
    char path[PATH_BYTES + 8];
    if (!open->path[0])
        return;
    snprintf(path, sizeof(path), "%s.new", open->path);
    errno = 0;
    const bool ok = write_file(open, path) && rename(path, open->path) == 0;
    if (!ok && !open->is_failing)
        tyto_log_write(&open->log, TYTO_LOG_ERROR, "publisher",
                       "%s cannot be written: %s; events that are open when the daemon is killed "
                       "will get no END",
                       path, strerror(errno));
    if (ok && open->is_failing)
        tyto_log_write(&open->log, TYTO_LOG_INFO, "publisher", "%s is written again", open->path);
    open->is_failing = !ok;
}

static void make_end(struct tyto_event *event, enum tyto_event_reason reason)
{
    event->phase = TYTO_EVENT_PHASE_END;
    event->reason = reason;
    event->rev++;
    event->has_end = true;
    event->end_unix_ns = event->begin_unix_ns + (event->end_media_ns - event->begin_media_ns);
}

/* FORMAT for what is no such file, cut, or holds what is no event. */
static enum tyto_err read_events(struct tyto_open_events *open, FILE *file)
{
    static struct tyto_envelope envelope; /* large; before there are threads */
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES], length[2];
    if (fread(bytes, 1, HEAD_BYTES, file) != HEAD_BYTES || memcmp(bytes, head, HEAD_BYTES) != 0 ||
        fread(open->log_id, 1, TYTO_UUID_BYTES, file) != TYTO_UUID_BYTES)
        return TYTO_ERR_FORMAT;
    while (open->num_left < TYTO_OPEN_EVENTS_MAX) {
        const size_t num_read = fread(length, 1, sizeof(length), file);
        const size_t num_bytes = (size_t)length[0] | (size_t)length[1] << 8;
        if (num_read == 0)
            return TYTO_OK;
        if (num_read != sizeof(length) || num_bytes > sizeof(bytes) ||
            fread(bytes, 1, num_bytes, file) != num_bytes ||
            tyto_envelope_unpack(bytes, num_bytes, &envelope) != TYTO_OK ||
            envelope.kind != TYTO_ENVELOPE_EVENT)
            return TYTO_ERR_FORMAT;
        struct tyto_event *grown =
            realloc(open->left, ((size_t)open->num_left + 1) * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        open->left = grown;
        struct tyto_event *left = &grown[open->num_left++];
        *left = envelope.body.event;
        if (left->reason != TYTO_EVENT_REASON_RECOVERED) /* else it has been told of before */
            make_end(left, TYTO_EVENT_REASON_RECOVERED);
    }
    return TYTO_OK;
}

static enum tyto_err read_file(struct tyto_open_events *open)
{
    char aside[PATH_BYTES + 8];
    FILE *file = open->path[0] ? fopen(open->path, "re") : NULL;
    if (!file) {
        if (open->path[0] && errno != ENOENT)
            tyto_log_write(&open->log, TYTO_LOG_WARNING, "publisher", "%s cannot be read: %s",
                           open->path, strerror(errno));
        return TYTO_ERR_NOT_FOUND;
    }
    const enum tyto_err err = read_events(open, file);
    (void)fclose(file);
    if (err == TYTO_ERR_FORMAT) {
        snprintf(aside, sizeof(aside), "%s.bad", open->path);
        (void)rename(open->path, aside);
        tyto_log_write(&open->log, TYTO_LOG_WARNING, "publisher",
                       "%s is damaged: %u open events were found in it, and it is %s now",
                       open->path, open->num_left, aside);
    }
    return err;
}

/* --- life ----------------------------------------------------------------------------------------
 */

enum tyto_err tyto_open_events_create(const char *path, const struct tyto_log *log,
                                      struct tyto_open_events **ret_open)
{
    struct tyto_open_events *open = calloc(1, sizeof(*open));
    if (!open)
        return TYTO_ERR_NOMEM;
    if (log)
        open->log = *log;
    const int num = snprintf(open->path, sizeof(open->path), "%s", path ? path : "");
    if ((size_t)num >= sizeof(open->path) || (path && tyto_folder_make_for(path) != TYTO_OK)) {
        tyto_log_write(&open->log, TYTO_LOG_WARNING, "publisher",
                       "the folder of %s cannot be made: %s; events that are open when the daemon "
                       "is killed will get no END",
                       path, strerror(errno));
        open->path[0] = '\0';
    }
    enum tyto_err err = read_file(open);
    if (err == TYTO_ERR_NOT_FOUND || err == TYTO_ERR_FORMAT)
        err = tyto_uuid_make(open->log_id);
    if (err != TYTO_OK) {
        tyto_open_events_destroy(&open);
        return err;
    }
    save(open);
    *ret_open = open;
    return TYTO_OK;
}

void tyto_open_events_destroy(struct tyto_open_events **open)
{
    if (!open || !*open)
        return;
    free((*open)->events);
    free((*open)->left);
    free(*open);
    *open = NULL;
}

const uint8_t *tyto_open_events_log_id(const struct tyto_open_events *open)
{
    return open->log_id;
}

/* --- events ------------------------------------------------------------------------------------
 */

static struct tyto_event *find(const struct tyto_open_events *open, const char *id)
{
    for (uint32_t i = 0; i < open->num_events; i++) {
        if (strcmp(open->events[i].id, id) == 0)
            return &open->events[i];
    }
    return NULL;
}

static struct tyto_event *add(struct tyto_open_events *open)
{
    if (open->num_events == TYTO_OPEN_EVENTS_MAX) {
        tyto_log_write(
            &open->log, TYTO_LOG_WARNING, "publisher",
            "more than %d events are open: the newest will get no END when the daemon is "
            "killed",
            TYTO_OPEN_EVENTS_MAX);
        return NULL;
    }
    if (open->num_events == open->max_events) {
        const uint32_t max = open->max_events ? 2 * open->max_events : 16;
        struct tyto_event *grown = realloc(open->events, max * sizeof(*grown));
        if (!grown)
            return NULL;
        open->events = grown;
        open->max_events = max;
    }
    return &open->events[open->num_events++];
}

void tyto_open_events_before(struct tyto_open_events *open, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_NEW && event->phase != TYTO_EVENT_PHASE_UPDATE)
        return;
    struct tyto_event *kept = find(open, event->id);
    if (!kept)
        kept = add(open);
    if (!kept)
        return;
    const int64_t end_ns =
        event->segments_begin_media_ns + event->num_segments * event->segment_hop_ns;
    *kept = *event;
    kept->has_end = true;
    kept->end_media_ns = end_ns > event->begin_media_ns ? end_ns : event->begin_media_ns;
    kept->end_unix_ns = event->begin_unix_ns + (kept->end_media_ns - event->begin_media_ns);
    kept->place.rows = kept->place.cols = 0;
    kept->num_segments = 0;
    save(open);
}

void tyto_open_events_after(struct tyto_open_events *open, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_END && event->phase != TYTO_EVENT_PHASE_RETRACTED)
        return;
    struct tyto_event *kept = find(open, event->id);
    if (!kept)
        return;
    *kept = open->events[--open->num_events];
    save(open);
}

bool tyto_open_events_next(const struct tyto_open_events *open, enum tyto_event_reason reason,
                           struct tyto_event *ret_end)
{
    if (open->num_events == 0)
        return false;
    *ret_end = open->events[0];
    make_end(ret_end, reason);
    return true;
}

uint32_t tyto_open_events_num_left(const struct tyto_open_events *open)
{
    return open->num_left;
}

const struct tyto_event *tyto_open_events_left(const struct tyto_open_events *open, uint32_t idx)
{
    return &open->left[idx];
}

void tyto_open_events_drop_left(struct tyto_open_events *open)
{
    if (open->num_left == 0)
        return;
    free(open->left);
    open->left = NULL;
    open->num_left = 0;
    save(open);
}
