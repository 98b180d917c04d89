/* SPDX-License-Identifier: MIT */
#include "files/whole.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Of boxes, chunks and elements that are looked at: a long recording's are some ten thousand. */
enum {
    MAX_PARTS = 200000,
    HEAD_BYTES = 16,
    OGG_TAIL_BYTES = 1 << 17,
    OGG_HEAD_BYTES = 27,
    MISCOUNTED_BYTES = 512
};

/* Writers to a pipe, who cannot go back, leave such sizes: no file is as long. */
#define UNKNOWN_RIFF_BYTES 0x7FFFF000u

struct file {
    int fd;
    uint64_t num_bytes;
};

static bool read_at(const struct file *file, uint64_t offset, void *ret_bytes, size_t num_bytes)
{
    return offset <= file->num_bytes && num_bytes <= file->num_bytes - offset &&
           pread(file->fd, ret_bytes, num_bytes, (off_t)offset) == (ssize_t)num_bytes;
}

static uint64_t big_endian(const uint8_t *at, uint32_t num_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < num_bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static uint64_t little_endian(const uint8_t *at, uint32_t num_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = num_bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

/* Something begins at offset and has size bytes. False: it goes on behind the file's end. */
static bool fits(const struct file *file, uint64_t offset, uint64_t size, struct tyto_whole *whole)
{
    if (offset <= file->num_bytes && size <= file->num_bytes - offset)
        return true;
    whole->is_cut = true;
    whole->asked_bytes = size < UINT64_MAX / 2 ? offset + size : 0;
    return false;
}

/* --- MP4 and MOV -------------------------------------------------------------------------------
 */

static bool is_mp4(const uint8_t head[HEAD_BYTES])
{
    static const char types[][5] = {"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"};
    bool is_one = false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        is_one |= memcmp(head + 4, types[i], 4) == 0;
    return is_one;
}

static void look_at_mp4(const struct file *file, struct tyto_whole *whole)
{
    uint8_t head[HEAD_BYTES];
    uint64_t offset = 0;
    bool has_index = false;
    whole->tells_length = true;
    for (uint32_t i = 0; i < MAX_PARTS && read_at(file, offset, head, 8); i++) {
        uint64_t size = big_endian(head, 4);
        if (size == 1 && read_at(file, offset, head, HEAD_BYTES))
            size = big_endian(head + 8, 8);
        const bool is_last = size == 0; /* up to the file's end, whatever that is */
        has_index |= memcmp(head + 4, "moov", 4) == 0;
        if (is_last || size < 8 || !fits(file, offset, size, whole))
            break;
        offset += size;
    }
    whole->lacks_index = !has_index;
}

/* --- RIFF: WAV, RF64, AVI ----------------------------------------------------------------------
 */

/* The sound's bytes count, whatever the whole is said to have. */
static void look_at_wav(const struct file *file, struct tyto_whole *whole)
{
    uint8_t head[8], big[24];
    uint64_t offset = 12, num_data = 0;
    for (uint32_t i = 0; i < MAX_PARTS && read_at(file, offset, head, 8); i++) {
        uint64_t size = little_endian(head + 4, 4);
        if (memcmp(head, "ds64", 4) == 0 && read_at(file, offset + 8, big, sizeof(big)))
            num_data = little_endian(big + 8, 8);
        if (memcmp(head, "data", 4) == 0) {
            const bool is_big = size == UINT32_MAX && num_data > 0;
            const bool is_known = size > 0 && size < UNKNOWN_RIFF_BYTES;
            whole->tells_length = is_big || is_known;
            size = is_big ? num_data : size;
            /* Some count their header, too. */
            if (whole->tells_length && size > MISCOUNTED_BYTES)
                (void)fits(file, offset + 8, size - MISCOUNTED_BYTES, whole);
            if (whole->is_cut)
                whole->asked_bytes += MISCOUNTED_BYTES;
            return;
        }
        offset += 8 + size + (size & 1);
    }
}

static bool is_printable(const uint8_t *name)
{
    bool is_one = true;
    for (size_t i = 0; i < 4; i++)
        is_one &= name[i] >= ' ' && name[i] < 0x7F;
    return is_one;
}

/* Header, streams and index, one behind the other. */
static void look_into_avi(const struct file *file, uint64_t size, struct tyto_whole *whole)
{
    uint8_t head[8];
    const uint64_t end = 8 + size;
    uint64_t offset = 12;
    for (uint32_t i = 0; i < MAX_PARTS && offset + 8 <= end && read_at(file, offset, head, 8);
         i++) {
        const uint64_t part = little_endian(head + 4, 4);
        whole->is_damaged |= !is_printable(head);
        if (whole->is_damaged)
            return;
        offset += 8 + part + (part & 1);
    }
}

/* A long AVI is several RIFF chunks, one behind the other. */
static void look_at_avi(const struct file *file, struct tyto_whole *whole)
{
    uint8_t head[8];
    uint64_t offset = 0;
    whole->tells_length = true;
    for (uint32_t i = 0; i < MAX_PARTS && read_at(file, offset, head, 8); i++) {
        const uint64_t size = little_endian(head + 4, 4);
        const bool is_known = size > 0 && size < UNKNOWN_RIFF_BYTES;
        if (memcmp(head, "RIFF", 4) != 0 || !is_known || !fits(file, offset, 8 + size, whole))
            return;
        if (offset == 0)
            look_into_avi(file, size, whole);
        offset += 8 + size + (size & 1);
    }
}

/* --- Matroska and WebM -------------------------------------------------------------------------
 */

enum { EBML_SEGMENT = 0x18538067, EBML_CLUSTER = 0x1F43B675 };

/* An element's id and size; the number of bytes both take, 0 where there is none. *ret_size is
 * UINT64_MAX where the writer did not know it. */
static uint32_t read_element(const struct file *file, uint64_t offset, uint64_t *ret_id,
                             uint64_t *ret_size)
{
    uint8_t head[12] = {0};
    const uint64_t num_left = file->num_bytes > offset ? file->num_bytes - offset : 0;
    const size_t num = num_left < sizeof(head) ? (size_t)num_left : sizeof(head);
    if (num < 2 || !read_at(file, offset, head, num) || head[0] < 0x10)
        return 0;
    const uint32_t num_id = (uint32_t)__builtin_clz((uint32_t)head[0] << 24) + 1;
    if (head[num_id] == 0)
        return 0;
    const uint32_t num_size = (uint32_t)__builtin_clz((uint32_t)head[num_id] << 24) + 1;
    const uint64_t mask = (1ull << (7 * num_size)) - 1;
    if (num_id + num_size > num)
        return 0;
    *ret_id = big_endian(head, num_id);
    *ret_size = big_endian(head + num_id, num_size) & mask;
    if (*ret_size == mask)
        *ret_size = UINT64_MAX;
    return num_id + num_size;
}

/* What has no size is looked into: its parts have one. */
static void look_at_matroska(const struct file *file, struct tyto_whole *whole)
{
    uint64_t offset = 0, id, size;
    uint32_t num_head;
    whole->tells_length = true;
    for (uint32_t i = 0; i < MAX_PARTS; i++) {
        num_head = read_element(file, offset, &id, &size);
        if (num_head == 0)
            return;
        offset += num_head;
        if (size == UINT64_MAX && id != EBML_SEGMENT && id != EBML_CLUSTER)
            return;
        if (size == UINT64_MAX)
            continue;
        if (!fits(file, offset, size, whole))
            return;
        offset += size;
    }
}

/* --- Ogg ---------------------------------------------------------------------------------------
 */

/* The last page says that it is the last, and all of it is there. */
static void look_at_ogg(const struct file *file, struct tyto_whole *whole)
{
    static uint8_t marks[] = {'O', 'g', 'g', 'S', 0};
    uint8_t tail[OGG_HEAD_BYTES + 255];
    uint64_t page = 0, at;
    const uint64_t begin = file->num_bytes > OGG_TAIL_BYTES ? file->num_bytes - OGG_TAIL_BYTES : 0;
    whole->tells_length = true;
    whole->is_cut = true;
    for (at = begin; at + OGG_HEAD_BYTES <= file->num_bytes; at += sizeof(tail) - sizeof(marks)) {
        const uint64_t num_left = file->num_bytes - at;
        const size_t num = num_left < sizeof(tail) ? (size_t)num_left : sizeof(tail);
        if (!read_at(file, at, tail, num))
            return;
        for (size_t i = 0; i + sizeof(marks) <= num; i++) {
            if (memcmp(tail + i, marks, sizeof(marks)) == 0)
                page = at + i;
        }
    }
    if (!read_at(file, page, tail, OGG_HEAD_BYTES))
        return;
    const uint32_t num_parts = tail[26];
    const bool is_last = (tail[5] & 4) != 0;
    uint64_t size = OGG_HEAD_BYTES + num_parts;
    if (!read_at(file, page + OGG_HEAD_BYTES, tail, num_parts))
        return;
    for (uint32_t i = 0; i < num_parts; i++)
        size += tail[i];
    whole->is_cut = !is_last;
    (void)fits(file, page, size, whole);
}

/* --- MPEG-TS and MP3 ---------------------------------------------------------------------------
 */

enum { TS_SYNC = 0x47, TS_BYTES = 188, M2TS_BYTES = 192, NUM_PLACES = 256, MIN_PLACES_LOST = 4 };

/* Packets follow each other everywhere: at some places, whether one can be found. */
static bool is_ts_at(const struct file *file, uint64_t offset)
{
    uint8_t bytes[3 * M2TS_BYTES];
    bool is_one = false;
    if (!read_at(file, offset, bytes, sizeof(bytes)))
        return true;
    for (size_t i = 0; i < M2TS_BYTES; i++) {
        for (size_t stride = TS_BYTES; stride <= M2TS_BYTES; stride += M2TS_BYTES - TS_BYTES)
            is_one |= bytes[i] == TS_SYNC && bytes[i + stride] == TS_SYNC &&
                      (i + 2 * stride >= sizeof(bytes) || bytes[i + 2 * stride] == TS_SYNC);
    }
    return is_one;
}

static void look_at_ts(const struct file *file, struct tyto_whole *whole)
{
    uint32_t num_lost = 0;
    for (uint64_t i = 0; i < NUM_PLACES; i++)
        num_lost += !is_ts_at(file, file->num_bytes / NUM_PLACES * i);
    whole->is_damaged = num_lost >= MIN_PLACES_LOST;
}

/* Its first frame may say how many frames and bytes there are ("Xing", "Info"); before it stand
 * names and pictures (ID3). */
static void look_at_mp3(const struct file *file, const uint8_t *head, struct tyto_whole *whole)
{
    uint8_t frame[256];
    uint64_t offset = 0;
    if (memcmp(head, "ID3", 3) == 0)
        offset = 10 + ((uint64_t)(head[6] & 127) << 21 | (uint64_t)(head[7] & 127) << 14 |
                       (uint64_t)(head[8] & 127) << 7 | (head[9] & 127));
    if (!read_at(file, offset, frame, sizeof(frame)) || frame[0] != 0xFF || frame[1] < 0xE0)
        return;
    const uint8_t *mark = memmem(frame, sizeof(frame) - 16, "Xing", 4);
    if (!mark)
        mark = memmem(frame, sizeof(frame) - 16, "Info", 4);
    whole->tells_length = mark != NULL;
    if (mark && (mark[7] & 3) == 3) /* both numbers are there */
        (void)fits(file, offset, big_endian(mark + 12, 4), whole);
}

/* --- all ---------------------------------------------------------------------------------------
 */

void tyto_whole_look(const char *path, struct tyto_whole *ret_whole)
{
    uint8_t head[HEAD_BYTES];
    struct file file = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    *ret_whole = (struct tyto_whole){0};
    if (file.fd < 0)
        return;
    const off_t end = lseek(file.fd, 0, SEEK_END);
    file.num_bytes = ret_whole->num_bytes = end > 0 ? (uint64_t)end : 0;
    if (!read_at(&file, 0, head, sizeof(head)))
        memset(head, 0, sizeof(head));
    const bool is_riff = memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0;
    if (is_mp4(head))
        look_at_mp4(&file, ret_whole);
    else if (is_riff && memcmp(head + 8, "WAVE", 4) == 0)
        look_at_wav(&file, ret_whole);
    else if (is_riff && memcmp(head + 8, "AVI ", 4) == 0)
        look_at_avi(&file, ret_whole);
    else if (memcmp(head, "\x1A\x45\xDF\xA3", 4) == 0)
        look_at_matroska(&file, ret_whole);
    else if (memcmp(head, "OggS", 4) == 0)
        look_at_ogg(&file, ret_whole);
    else if (head[0] == TS_SYNC && is_ts_at(&file, 0))
        look_at_ts(&file, ret_whole);
    else if (memcmp(head, "ID3", 3) == 0 || head[0] == 0xFF)
        look_at_mp3(&file, head, ret_whole);
    else
        ret_whole->tells_length = memcmp(head, "fLaC", 4) == 0 || memcmp(head, "FLV", 3) == 0;
    close(file.fd);
}
