/* SPDX-License-Identifier: MIT */
#include "files/whole.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "files/ebml.h"

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

/* A segment is looked into: its parts have sizes, whether it has one or not. Where there is no part
 * before a segment's own end, something else was written over it. */
static void look_at_matroska(const struct file *file, struct tyto_whole *whole)
{
    uint8_t head[TYTO_EBML_HEAD_BYTES];
    struct tyto_ebml element;
    uint64_t offset = 0, segment_end = 0;
    whole->tells_length = true;
    for (uint32_t i = 0; i < MAX_PARTS && offset < file->num_bytes; i++) {
        const uint64_t left = file->num_bytes - offset;
        const size_t num = left < sizeof(head) ? (size_t)left : sizeof(head);
        const uint32_t num_head =
            read_at(file, offset, head, num) ? tyto_ebml_read(head, num, &element) : 0;
        whole->is_damaged |= num_head == 0 && offset < segment_end;
        if (num_head == 0)
            return;
        offset += num_head;
        const bool is_segment = element.id == TYTO_EBML_SEGMENT;
        const bool is_known = element.size != UINT64_MAX;
        if (is_known && !fits(file, offset, element.size, whole))
            return;
        if (is_segment)
            segment_end = is_known ? offset + element.size : 0;
        else if (is_known)
            offset += element.size;
        else if (element.id != TYTO_EBML_CLUSTER)
            return;
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

/* --- MPEG-TS -----------------------------------------------------------------------------------
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

/* Nothing says how many packets there should be, but that of the last one a part is missing is
 * plain: who writes them writes them whole. */
static bool breaks_off(const struct file *file, uint64_t stride, uint64_t lead)
{
    uint8_t first = 0, last = 0;
    const uint64_t num = file->num_bytes / stride;
    return file->num_bytes % stride > lead && num > 0 &&
           read_at(file, (num - 1) * stride + lead, &first, 1) &&
           read_at(file, num * stride + lead, &last, 1) && first == TS_SYNC && last == TS_SYNC;
}

static void look_at_ts(const struct file *file, bool is_m2ts, struct tyto_whole *whole)
{
    uint32_t num_lost = 0;
    for (uint64_t i = 0; i < NUM_PLACES; i++)
        num_lost += !is_ts_at(file, file->num_bytes / NUM_PLACES * i);
    whole->is_damaged = num_lost >= MIN_PLACES_LOST;
    whole->is_cut = breaks_off(file, is_m2ts ? M2TS_BYTES : TS_BYTES, is_m2ts ? 4 : 0);
}

/* --- what is one part behind the other, each with its size -------------------------------------
 */

enum { PART_HEAD_BYTES = 24 };

/* Bytes of the part that begins so, its head included; 0: it does not say, or is none. */
typedef uint64_t (*part_fn)(const uint8_t head[PART_HEAD_BYTES]);

static uint64_t flv_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint32_t kind = head[4] & 31; /* the size of the part before stands at its begin */
    return kind == 8 || kind == 9 || kind == 18 ? 15 + big_endian(head + 5, 3) : 0;
}

static uint64_t aiff_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint64_t size = big_endian(head + 4, 4);
    return size > 0 && size < UNKNOWN_RIFF_BYTES ? 8 + size : 0;
}

static uint64_t caf_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint64_t size = big_endian(head + 4, 8);
    return size > 0 && size < UINT64_MAX / 2 ? 12 + size : 0;
}

static uint64_t au_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint64_t size = big_endian(head + 8, 4);
    return size > 0 && size < UNKNOWN_RIFF_BYTES ? big_endian(head + 4, 4) + size : 0;
}

/* Streams that are still written leave sizes out, or less than a head. */
static uint64_t asf_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint64_t size = little_endian(head + 16, 8);
    return size > PART_HEAD_BYTES && size < UINT64_MAX / 2 ? size : 0;
}

static uint64_t adts_part(const uint8_t head[PART_HEAD_BYTES])
{
    const uint64_t size = (uint64_t)(head[3] & 3) << 11 | (uint64_t)head[4] << 3 | head[5] >> 5;
    return head[0] == 0xFF && (head[1] & 0xF6) == 0xF0 && size >= 7 ? size : 0;
}

static void look_at_parts(const struct file *file, uint64_t offset, part_fn size_of,
                          struct tyto_whole *whole)
{
    for (uint32_t i = 0; i < MAX_PARTS && offset < file->num_bytes; i++) {
        uint8_t head[PART_HEAD_BYTES] = {0};
        const uint64_t left = file->num_bytes - offset;
        const size_t num = left < sizeof(head) ? (size_t)left : sizeof(head);
        const uint64_t size = read_at(file, offset, head, num) ? size_of(head) : 0;
        if (size == 0 || !fits(file, offset, size, whole))
            return;
        offset += size;
    }
}

/* --- MP3 ---------------------------------------------------------------------------------------
 */

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

static void look_at_others(const struct file *file, const uint8_t *head, struct tyto_whole *whole)
{
    static const struct {
        const char *mark;
        uint64_t first; /* part's begin */
        part_fn size_of;
    } kinds[] = {
        {"FLV\1", 9, flv_part},
        {"FORM", 0, aiff_part},
        {"caff", 8, caf_part},
        {".snd", 0, au_part},
        {"\x30\x26\xB2\x75", 0, asf_part},
    };
    whole->tells_length = memcmp(head, "fLaC", 4) == 0 || memcmp(head, "FLV", 3) == 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (memcmp(head, kinds[i].mark, 4) == 0)
            look_at_parts(file, kinds[i].first, kinds[i].size_of, whole);
    }
}

void tyto_whole_look(const char *path, struct tyto_whole *ret_whole)
{
    uint8_t head[PART_HEAD_BYTES];
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
        look_at_ts(&file, false, ret_whole);
    else if (head[4] == TS_SYNC && is_ts_at(&file, 0))
        look_at_ts(&file, true, ret_whole);
    else if (adts_part(head) > 0)
        look_at_parts(&file, 0, adts_part, ret_whole);
    else if (memcmp(head, "ID3", 3) == 0 || head[0] == 0xFF)
        look_at_mp3(&file, head, ret_whole);
    else
        look_at_others(&file, head, ret_whole);
    close(file.fd);
}

void tyto_whole_text(const struct tyto_whole *whole, char *ret_text, size_t text_bytes)
{
    if (whole->lacks_index)
        snprintf(ret_text, text_bytes,
                 "it has no index (moov): its recording did not end, or it was not copied to its "
                 "end: copy it again, or repair it, as with untrunc");
    else if (whole->is_cut && whole->asked_bytes > 0)
        snprintf(ret_text, text_bytes,
                 "it breaks off: of %" PRIu64 " bytes it should have, %" PRIu64
                 " are there: copy or record it again",
                 whole->asked_bytes, whole->num_bytes);
    else if (whole->is_cut)
        snprintf(ret_text, text_bytes,
                 "it breaks off, for its last part is missing: copy or record it again");
    else
        snprintf(ret_text, text_bytes, "%s",
                 whole->is_damaged ? "the rest is missing or damaged: copy it again" : "");
}
