/* SPDX-License-Identifier: MIT */
#include "pipeline/container/mp4_turn.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BOXES = 4096, HEAD_BYTES = 8, LONG_HEAD_BYTES = 16 };

struct box {
    char type[4];
    int64_t content, end; /* offsets in the file */
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The box at offset, which ends at `end` at the latest. */
static bool read_box(int fd, int64_t offset, int64_t end, struct box *ret_box)
{
    uint8_t head[LONG_HEAD_BYTES];
    if (end - offset < HEAD_BYTES || pread(fd, head, HEAD_BYTES, offset) != HEAD_BYTES)
        return false;
    int64_t num_bytes = read_u32(head), head_bytes = HEAD_BYTES;
    if (num_bytes == 1) {
        if (pread(fd, head, LONG_HEAD_BYTES, offset) != LONG_HEAD_BYTES || head[8] > 0x3F)
            return false;
        num_bytes = (int64_t)((uint64_t)read_u32(head + 8) << 32 | read_u32(head + 12));
        head_bytes = LONG_HEAD_BYTES;
    } else if (num_bytes == 0) {
        num_bytes = end - offset;
    }
    if (num_bytes < head_bytes || num_bytes > end - offset)
        return false;
    memcpy(ret_box->type, head + 4, 4);
    ret_box->content = offset + head_bytes;
    ret_box->end = offset + num_bytes;
    return true;
}

/* The next box of that type among those from *offset on, which then is behind it. */
static bool find_box(int fd, int64_t *offset, int64_t end, const char *type, struct box *ret_box)
{
    for (uint32_t i = 0; i < MAX_BOXES && read_box(fd, *offset, end, ret_box); i++) {
        *offset = ret_box->end;
        if (memcmp(ret_box->type, type, 4) == 0)
            return true;
    }
    return false;
}

static bool find_in(int fd, const struct box *outer, const char *type, struct box *ret_box)
{
    int64_t offset = outer->content;
    return find_box(fd, &offset, outer->end, type, ret_box);
}

static bool is_picture_track(int fd, const struct box *track)
{
    struct box media, handler;
    char kind[4];
    return find_in(fd, track, "mdia", &media) && find_in(fd, &media, "hdlr", &handler) &&
           handler.end - handler.content >= 12 && pread(fd, kind, 4, handler.content + 8) == 4 &&
           memcmp(kind, "vide", 4) == 0;
}

/* Behind version and flags come times and a duration of 4 bytes each, or 8 (version 1). */
static enum tyto_turn turn_of(int fd, const struct box *track)
{
    struct box header;
    uint8_t version, matrix[36];
    if (!find_in(fd, track, "tkhd", &header) || pread(fd, &version, 1, header.content) != 1)
        return TYTO_TURN_NONE;
    const int64_t offset = header.content + (version == 1 ? 52 : 40);
    if (header.end - offset < (int64_t)sizeof(matrix) ||
        pread(fd, matrix, sizeof(matrix), offset) != (ssize_t)sizeof(matrix))
        return TYTO_TURN_NONE;
    return tyto_turn_of_matrix((int32_t)read_u32(matrix), (int32_t)read_u32(matrix + 4),
                               (int32_t)read_u32(matrix + 12), (int32_t)read_u32(matrix + 16));
}

enum tyto_turn tyto_mp4_turn(const char *path)
{
    enum tyto_turn turn = TYTO_TURN_NONE;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int64_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    struct box first, movie, track;
    int64_t offset = 0;
    if (fd >= 0 && read_box(fd, 0, end, &first) && memcmp(first.type, "ftyp", 4) == 0 &&
        find_box(fd, &offset, end, "moov", &movie)) {
        offset = movie.content;
        while (find_box(fd, &offset, movie.end, "trak", &track)) {
            if (is_picture_track(fd, &track)) {
                turn = turn_of(fd, &track);
                break;
            }
        }
    }
    if (fd >= 0)
        close(fd);
    return turn;
}
