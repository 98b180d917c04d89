/* SPDX-License-Identifier: MIT */
/* The file: "tyto open 2\n", then records: their length (2 bytes, little-endian), their kind, and
 * an Envelope without its place map and segments (OPENED) or the id of an event
 * (CLOSED). A record is added with one write, which a killed process has done whole or not at all;
 * now and then the file is replaced by one of what is still open. Records are not synced to the
 * disk: a machine that loses power may lose the last ones. */
#include "daemon/publish/open_events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "files/open.h"
#include "files/replace.h"

enum {
    PATH_BYTES = 1024,
    HEAD_BYTES = 12,
    RECORD_HEAD_BYTES = 3,
    RECORD_BYTES = RECORD_HEAD_BYTES + TYTO_ENVELOPE_MAX_BYTES,
    MAX_FILE_BYTES = 1 << 20, /* then it is made anew */
};
enum record_kind { OPENED = 1, CLOSED = 2 };

static const char head[HEAD_BYTES + 1] = "tyto open 2\n";

struct tyto_open_events {
    struct tyto_log log;
    char path[PATH_BYTES]; /* "": none */
    int fd;                /* to append to; -1: the file has to be made anew */
    size_t file_bytes;
    bool is_failing;           /* told */
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

/* --- writing --------------------------------------------------------------------------------- */

/* Events go on when it cannot be written: told once, and once when it works again. */
static void note(struct tyto_open_events *self, bool ok)
{
    if (!ok && !self->is_failing)
        tyto_log_write(&self->log, TYTO_LOG_ERROR, "publisher",
                       "%s cannot be written: %s; events that are open when the daemon is killed "
                       "will get no END",
                       self->path, strerror(errno));
    if (ok && self->is_failing)
        tyto_log_write(&self->log, TYTO_LOG_INFO, "publisher", "%s is written again", self->path);
    self->is_failing = !ok;
}

/* Its length with the head; 0 when the event is out of its limits: then nobody hears of it. */
static size_t make_opened(const struct tyto_event *event, uint8_t ret_record[RECORD_BYTES])
{
    static struct tyto_envelope envelope; /* large; of one thread at a time */
    size_t num_bytes = 0;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    envelope.body.event = *event;
    if (tyto_envelope_pack(&envelope, ret_record + RECORD_HEAD_BYTES, TYTO_ENVELOPE_MAX_BYTES,
                           &num_bytes) != TYTO_OK)
        return 0;
    ret_record[0] = (uint8_t)num_bytes;
    ret_record[1] = (uint8_t)(num_bytes >> 8);
    ret_record[2] = OPENED;
    return num_bytes + RECORD_HEAD_BYTES;
}

static enum tyto_err put_all(struct tyto_open_events *self, struct tyto_replace *replace)
{
    uint8_t record[RECORD_BYTES];
    enum tyto_err err = tyto_replace_write(replace, head, HEAD_BYTES);
    self->file_bytes = HEAD_BYTES;
    for (uint32_t i = 0; !err && i < self->num_left + self->num_events; i++) {
        const struct tyto_event *event =
            i < self->num_left ? &self->left[i] : &self->events[i - self->num_left];
        const size_t num_bytes = make_opened(event, record);
        err = tyto_replace_write(replace, record, num_bytes);
        self->file_bytes += num_bytes;
    }
    return err;
}

/* Another file, of what is open now. */
static bool rewrite(struct tyto_open_events *self)
{
    struct tyto_replace *replace = NULL;
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    enum tyto_err err = tyto_replace_begin(self->path, 0640, &replace);
    if (!err)
        err = put_all(self, replace);
    if (!err)
        err = tyto_replace_commit(&replace);
    tyto_replace_abandon(&replace);
    if (!err)
        self->fd = open(self->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return self->fd >= 0;
}

/* After a write that failed the file is made anew: what it ends with is not known. */
static void append(struct tyto_open_events *self, const uint8_t *record, size_t num_bytes)
{
    if (!self->path[0] || num_bytes == 0)
        return;
    bool ok = self->fd >= 0 && self->file_bytes < MAX_FILE_BYTES &&
              write(self->fd, record, num_bytes) == (ssize_t)num_bytes;
    self->file_bytes += num_bytes;
    if (!ok)
        ok = rewrite(self);
    note(self, ok);
}

/* --- reading --------------------------------------------------------------------------------- */

static void make_end(struct tyto_event *event, enum tyto_event_reason reason)
{
    event->phase = TYTO_EVENT_PHASE_END;
    event->reason = reason;
    event->rev++;
    event->has_end = true;
    event->end_unix_ns = event->begin_unix_ns + (event->end_media_ns - event->begin_media_ns);
}

static struct tyto_event *find_in(struct tyto_event *events, uint32_t num, const char *id)
{
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(events[i].id, id) == 0)
            return &events[i];
    }
    return NULL;
}

/* How far it is known to have gone on. */
static void set_known_end(struct tyto_event *event)
{
    const int64_t end_ns =
        event->segments_begin_media_ns + event->num_segments * event->segment_hop_ns;
    event->has_end = true;
    event->end_media_ns = end_ns > event->begin_media_ns ? end_ns : event->begin_media_ns;
    event->end_unix_ns = event->begin_unix_ns + (event->end_media_ns - event->begin_media_ns);
    event->place.rows = event->place.cols = 0;
    event->num_segments = 0;
}

enum tyto_err tyto_open_events_add_left(struct tyto_open_events *self,
                                        const struct tyto_event *event)
{
    struct tyto_event *left = find_in(self->left, self->num_left, event->id);
    if (!left && self->num_left == TYTO_OPEN_EVENTS_MAX)
        return TYTO_ERR_FULL;
    if (!left) {
        struct tyto_event *grown =
            realloc(self->left, ((size_t)self->num_left + 1) * sizeof(*grown));
        if (!grown)
            return TYTO_ERR_NOMEM;
        self->left = grown;
        left = &grown[self->num_left++];
    }
    *left = *event;
    if (!left->has_end)
        set_known_end(left);
    if (left->reason != TYTO_EVENT_REASON_RECOVERED) /* else it has been told of before */
        make_end(left, TYTO_EVENT_REASON_RECOVERED);
    return TYTO_OK;
}

static enum tyto_err read_opened(struct tyto_open_events *self, const uint8_t *bytes,
                                 size_t num_bytes)
{
    static struct tyto_envelope envelope; /* large; before there are threads */
    if (tyto_envelope_unpack(bytes, num_bytes, &envelope) != TYTO_OK ||
        envelope.kind != TYTO_ENVELOPE_EVENT)
        return TYTO_ERR_FORMAT;
    const enum tyto_err err = tyto_open_events_add_left(self, &envelope.body.event);
    return err == TYTO_ERR_FULL ? TYTO_OK : err;
}

static enum tyto_err read_record(struct tyto_open_events *self, int kind, const uint8_t *bytes,
                                 size_t num_bytes)
{
    char id[TYTO_ULID_CHARS + 1] = "";
    if (kind == OPENED)
        return read_opened(self, bytes, num_bytes);
    if (kind != CLOSED || num_bytes != TYTO_ULID_CHARS)
        return TYTO_ERR_FORMAT;
    memcpy(id, bytes, TYTO_ULID_CHARS);
    struct tyto_event *left = find_in(self->left, self->num_left, id);
    if (left)
        *left = self->left[--self->num_left];
    return TYTO_OK;
}

/* FORMAT for what is no such file and for what no daemon writes; a record that is cut ends it. */
static enum tyto_err read_records(struct tyto_open_events *self, FILE *file)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES], record_head[RECORD_HEAD_BYTES];
    if (fread(bytes, 1, HEAD_BYTES, file) != HEAD_BYTES || memcmp(bytes, head, HEAD_BYTES) != 0)
        return TYTO_ERR_FORMAT;
    enum tyto_err err = TYTO_OK;
    while (!err && fread(record_head, 1, sizeof(record_head), file) == sizeof(record_head)) {
        const size_t num_bytes = (size_t)record_head[0] | (size_t)record_head[1] << 8;
        if (num_bytes > sizeof(bytes))
            return TYTO_ERR_FORMAT;
        if (fread(bytes, 1, num_bytes, file) != num_bytes)
            break;
        err = read_record(self, record_head[2], bytes, num_bytes);
    }
    return err;
}

static enum tyto_err read_file(struct tyto_open_events *self)
{
    struct stat info;
    FILE *file = self->path[0] ? tyto_fopen_input(self->path) : NULL;
    const int reason = errno;
    /* What is not ours, or has grown beyond anything that we write, is not read for ever. */
    const bool is_ours = file && fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) &&
                         info.st_size <= 2 * MAX_FILE_BYTES;
    const enum tyto_err err = is_ours ? read_records(self, file) : TYTO_ERR_NOT_FOUND;
    if (file)
        (void)fclose(file);
    if (err == TYTO_ERR_FORMAT || (file && !is_ours) ||
        (self->path[0] && !file && reason != ENOENT))
        tyto_log_write(&self->log, TYTO_LOG_WARNING, "publisher",
                       "%s cannot be read%s: %u open events were found in it", self->path,
                       file ? " to its end" : "", self->num_left);
    return err;
}

/* --- life ----------------------------------------------------------------------------------------
 */

enum tyto_err tyto_open_events_create(const char *path, const struct tyto_log *log,
                                      struct tyto_open_events **ret_open)
{
    struct tyto_open_events *self = calloc(1, sizeof(*self));
    if (!self)
        return TYTO_ERR_NOMEM;
    self->fd = -1;
    if (log)
        self->log = *log;
    const int num = snprintf(self->path, sizeof(self->path), "%s", path ? path : "");
    if ((size_t)num >= sizeof(self->path) || (path && tyto_folder_make_for(path) != TYTO_OK)) {
        tyto_log_write(&self->log, TYTO_LOG_WARNING, "publisher",
                       "the folder of %s cannot be made: %s; events that are open when the daemon "
                       "is killed will get no END",
                       path, strerror(errno));
        self->path[0] = '\0';
    }
    enum tyto_err err = read_file(self);
    if (err == TYTO_ERR_NOT_FOUND || err == TYTO_ERR_FORMAT)
        err = TYTO_OK;
    if (err) {
        tyto_open_events_destroy(&self);
        return err;
    }
    if (self->path[0])
        note(self, rewrite(self));
    *ret_open = self;
    return TYTO_OK;
}

void tyto_open_events_destroy(struct tyto_open_events **self)
{
    if (!self || !*self)
        return;
    if ((*self)->fd >= 0)
        close((*self)->fd);
    free((*self)->events);
    free((*self)->left);
    free(*self);
    *self = NULL;
}

/* --- events ------------------------------------------------------------------------------------
 */

static struct tyto_event *add(struct tyto_open_events *self)
{
    if (self->num_events == TYTO_OPEN_EVENTS_MAX) {
        tyto_log_write(
            &self->log, TYTO_LOG_WARNING, "publisher",
            "more than %d events are open: the newest will get no END when the daemon is "
            "killed",
            TYTO_OPEN_EVENTS_MAX);
        return NULL;
    }
    if (self->num_events == self->max_events) {
        const uint32_t max = self->max_events ? 2 * self->max_events : 16;
        struct tyto_event *grown = realloc(self->events, max * sizeof(*grown));
        if (!grown)
            return NULL;
        self->events = grown;
        self->max_events = max;
    }
    return &self->events[self->num_events++];
}

void tyto_open_events_before(struct tyto_open_events *self, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_NEW && event->phase != TYTO_EVENT_PHASE_UPDATE)
        return;
    struct tyto_event *kept = find_in(self->events, self->num_events, event->id);
    if (!kept)
        kept = add(self);
    if (!kept)
        return;
    uint8_t record[RECORD_BYTES];
    *kept = *event;
    set_known_end(kept);
    append(self, record, make_opened(kept, record));
}

void tyto_open_events_after(struct tyto_open_events *self, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_END && event->phase != TYTO_EVENT_PHASE_RETRACTED)
        return;
    struct tyto_event *kept = find_in(self->events, self->num_events, event->id);
    if (!kept)
        return;
    *kept = self->events[--self->num_events];
    uint8_t record[RECORD_HEAD_BYTES + TYTO_ULID_CHARS] = {TYTO_ULID_CHARS, 0, CLOSED};
    memcpy(record + RECORD_HEAD_BYTES, event->id, TYTO_ULID_CHARS);
    append(self, record, sizeof(record));
}

bool tyto_open_events_next(const struct tyto_open_events *self, enum tyto_event_reason reason,
                           struct tyto_event *ret_end)
{
    if (self->num_events == 0)
        return false;
    *ret_end = self->events[0];
    make_end(ret_end, reason);
    return true;
}

uint32_t tyto_open_events_num_left(const struct tyto_open_events *self)
{
    return self->num_left;
}

const struct tyto_event *tyto_open_events_left(const struct tyto_open_events *self, uint32_t idx)
{
    return &self->left[idx];
}

void tyto_open_events_drop_left(struct tyto_open_events *self)
{
    if (self->num_left == 0)
        return;
    free(self->left);
    self->left = NULL;
    self->num_left = 0;
    if (self->path[0])
        note(self, rewrite(self));
}
