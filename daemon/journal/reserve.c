/* SPDX-License-Identifier: MIT */
/* The file: a head, then records, each behind its own head (length, check, number). Where a check
 * is wrong, or a number is not above the one before, they end: what is behind was there before the
 * file was emptied, or was cut short. Emptying it is beginning anew at its begin. */
#include "daemon/journal/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[8] = {'t', 'y', 't', 'o', 'r', 'e', 's', '1'};
enum { HEAD_BYTES = sizeof(magic), RECORD_HEAD_BYTES = 16, PAGE = 4096, MAX_TRIES = 3 };

struct record_head {
    uint32_t num_bytes, check;
    uint64_t seq;
};

/* Of whose record it is, and of all that is in it (FNV-1a). */
static uint32_t check_of(const struct tyto_reserve *self, uint64_t seq, const uint8_t *bytes,
                         size_t num_bytes)
{
    const struct {
        const void *bytes;
        size_t num;
    } parts[] = {{self->log_id, TYTO_UUID_BYTES}, {&seq, sizeof(seq)}, {bytes, num_bytes}};
    uint32_t hash = 2166136261u;
    for (int part = 0; part < 3; part++) {
        const uint8_t *at = parts[part].bytes;
        for (size_t i = 0; i < parts[part].num; i++)
            hash = (hash ^ at[i]) * 16777619u;
    }
    return hash;
}

static bool write_at(int fd, const void *bytes, size_t num_bytes, size_t offset)
{
    ssize_t num = -1;
    errno = EIO;
    for (int i = 0; i < MAX_TRIES && num < 0 && errno == EIO; i++)
        num = pwrite(fd, bytes, num_bytes, (off_t)offset);
    return num == (ssize_t)num_bytes;
}

/* FORMAT: the file is shorter. IO: it could not be read, which says nothing of what is in it. */
static enum tyto_err read_at(int fd, void *ret_bytes, size_t num_bytes, size_t offset)
{
    ssize_t num = -1;
    for (int i = 0; i < MAX_TRIES && num < 0; i++)
        num = pread(fd, ret_bytes, num_bytes, (off_t)offset);
    if (num < 0)
        return TYTO_ERR_IO;
    return num == (ssize_t)num_bytes ? TYTO_OK : TYTO_ERR_FORMAT;
}

void tyto_reserve_empty(struct tyto_reserve *self)
{
    self->end = HEAD_BYTES;
    self->last_seq = 0;
}

/* --- life ----------------------------------------------------------------------------------------
 */

/* FORMAT: it is not, or is something else. IO. */
static enum tyto_err check_made(const struct tyto_reserve *self)
{
    char head[HEAD_BYTES];
    const enum tyto_err err = read_at(self->fd, head, sizeof(head), 0);
    if (!err && (memcmp(head, magic, sizeof(magic)) != 0 ||
                 lseek(self->fd, 0, SEEK_END) != TYTO_RESERVE_BYTES))
        return TYTO_ERR_FORMAT;
    return err;
}

/* All of it is written once: what is only promised may not be there when it is needed. */
static enum tyto_err fill(struct tyto_reserve *self)
{
    static const uint8_t zeroes[PAGE];
    enum tyto_err err = TYTO_OK;
    for (size_t at = 0; !err && at < TYTO_RESERVE_BYTES; at += PAGE) {
        if (!write_at(self->fd, zeroes, PAGE, at))
            err = errno == ENOSPC || errno == EDQUOT ? TYTO_ERR_FULL : TYTO_ERR_IO;
    }
    if (!err && (!write_at(self->fd, magic, sizeof(magic), 0) || fsync(self->fd) != 0))
        err = TYTO_ERR_IO;
    if (err) /* the space is worth more to the journal */
        (void)!ftruncate(self->fd, 0);
    return err;
}

/* The record that begins there. FORMAT: there is none. IO. */
static enum tyto_err read_record(const struct tyto_reserve *self, size_t at,
                                 uint8_t ret_bytes[TYTO_ENVELOPE_MAX_BYTES],
                                 struct record_head *ret_head)
{
    if (at + RECORD_HEAD_BYTES > TYTO_RESERVE_BYTES)
        return TYTO_ERR_FORMAT;
    enum tyto_err err = read_at(self->fd, ret_head, RECORD_HEAD_BYTES, at);
    if (err)
        return err;
    if (ret_head->num_bytes == 0 || ret_head->num_bytes > TYTO_ENVELOPE_MAX_BYTES ||
        at + RECORD_HEAD_BYTES + ret_head->num_bytes > TYTO_RESERVE_BYTES)
        return TYTO_ERR_FORMAT;
    err = read_at(self->fd, ret_bytes, ret_head->num_bytes, at + RECORD_HEAD_BYTES);
    if (!err && check_of(self, ret_head->seq, ret_bytes, ret_head->num_bytes) != ret_head->check)
        return TYTO_ERR_FORMAT;
    return err;
}

/* IO: what follows could not be read, and would be forgotten. */
static enum tyto_err find_end(struct tyto_reserve *self, uint64_t committed_seq)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    struct record_head head;
    enum tyto_err err;
    self->end = HEAD_BYTES;
    self->last_seq = 0;
    while (!(err = read_record(self, self->end, bytes, &head)) && head.seq > self->last_seq) {
        self->end += RECORD_HEAD_BYTES + head.num_bytes;
        self->last_seq = head.seq;
    }
    if (self->last_seq <= committed_seq)
        tyto_reserve_empty(self);
    return err == TYTO_ERR_IO ? err : TYTO_OK;
}

enum tyto_err tyto_reserve_open(struct tyto_reserve *self, const char *journal_path,
                                const uint8_t log_id[TYTO_UUID_BYTES], uint64_t committed_seq)
{
    memset(self, 0, sizeof(*self));
    memcpy(self->log_id, log_id, TYTO_UUID_BYTES);
    snprintf(self->path, sizeof(self->path), "%s.reserve", journal_path);
    self->fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (self->fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? TYTO_ERR_FULL : TYTO_ERR_IO;
    enum tyto_err err = check_made(self);
    if (err == TYTO_ERR_FORMAT)
        err = fill(self);
    if (!err)
        err = find_end(self, committed_seq);
    if (err)
        tyto_reserve_close(self);
    return err;
}

void tyto_reserve_close(struct tyto_reserve *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

/* --- records -------------------------------------------------------------------------------------
 */

enum tyto_err tyto_reserve_put(struct tyto_reserve *self, uint64_t seq, const uint8_t *bytes,
                               size_t num_bytes)
{
    uint8_t record[RECORD_HEAD_BYTES + TYTO_ENVELOPE_MAX_BYTES];
    if (self->fd < 0 || num_bytes == 0 || num_bytes > TYTO_ENVELOPE_MAX_BYTES)
        return TYTO_ERR_IO;
    if (self->end + RECORD_HEAD_BYTES + num_bytes > TYTO_RESERVE_BYTES)
        return TYTO_ERR_FULL;
    const struct record_head head = {(uint32_t)num_bytes, check_of(self, seq, bytes, num_bytes),
                                     seq};
    memcpy(record, &head, RECORD_HEAD_BYTES);
    memcpy(record + RECORD_HEAD_BYTES, bytes, num_bytes);
    if (!write_at(self->fd, record, RECORD_HEAD_BYTES + num_bytes, self->end))
        return TYTO_ERR_IO;
    self->end += RECORD_HEAD_BYTES + num_bytes;
    self->last_seq = seq;
    return TYTO_OK;
}

enum tyto_err tyto_reserve_each(struct tyto_reserve *self,
                                enum tyto_err (*visit)(void *user, uint64_t seq,
                                                       const uint8_t *bytes, size_t num_bytes),
                                void *user)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    struct record_head head;
    enum tyto_err err = TYTO_OK;
    for (size_t at = HEAD_BYTES; !err && self->fd >= 0 && at < self->end;) {
        if (read_record(self, at, bytes, &head) != TYTO_OK)
            return TYTO_ERR_IO;
        err = visit(user, head.seq, bytes, head.num_bytes);
        at += RECORD_HEAD_BYTES + head.num_bytes;
    }
    return err;
}
