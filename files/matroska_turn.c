/* SPDX-License-Identifier: MIT */
#include "files/matroska_turn.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "files/ebml.h"

/* Of elements side by side: tracks stand at a file's begin. */
enum { MAX_ELEMENTS = 1024, PICTURE_TRACK = 1 };

/* An element's content in the file. */
struct span {
    int fd;
    uint64_t begin, end;
};

/* The first element of that id in outer from *offset on, which is behind it then. */
static bool find_next(const struct span *outer, uint64_t *offset, uint64_t id,
                      struct span *ret_content)
{
    for (uint32_t i = 0; i < MAX_ELEMENTS && *offset < outer->end; i++) {
        uint8_t head[TYTO_EBML_HEAD_BYTES];
        struct tyto_ebml element;
        const ssize_t num = pread(outer->fd, head, sizeof(head), (off_t)*offset);
        const uint32_t num_head = num > 0 ? tyto_ebml_read(head, (size_t)num, &element) : 0;
        if (num_head == 0)
            return false;
        const uint64_t begin = *offset + num_head, left = outer->end - *offset;
        const bool is_whole = left >= num_head && element.size <= left - num_head;
        *offset = is_whole ? begin + element.size : outer->end;
        if (element.id == id) {
            *ret_content = (struct span){outer->fd, begin, *offset};
            return begin <= *offset;
        }
    }
    return false;
}

static bool find(const struct span *outer, uint64_t id, struct span *ret_content)
{
    uint64_t offset = outer->begin;
    return find_next(outer, &offset, id, ret_content);
}

static uint64_t read_bits(const struct span *content, uint32_t *ret_bytes)
{
    uint8_t bytes[8] = {0};
    const uint64_t num = content->end - content->begin;
    uint64_t bits = 0;
    *ret_bytes = 0;
    if (num == 0 || num > sizeof(bytes) ||
        pread(content->fd, bytes, (size_t)num, (off_t)content->begin) != (ssize_t)num)
        return 0;
    for (uint64_t i = 0; i < num; i++)
        bits = bits << 8 | bytes[i];
    *ret_bytes = (uint32_t)num;
    return bits;
}

/* 0 where there is none, as Matroska has it. */
static double read_degrees(const struct span *outer, uint64_t id)
{
    struct span content;
    uint32_t num_bytes = 0;
    const uint64_t bits = find(outer, id, &content) ? read_bits(&content, &num_bytes) : 0;
    const uint32_t half = (uint32_t)bits;
    float single;
    double value;
    memcpy(&single, &half, sizeof(single));
    memcpy(&value, &bits, sizeof(value));
    if (num_bytes == sizeof(single))
        value = (double)single;
    return (num_bytes == 4 || num_bytes == 8) && isfinite(value) ? value : 0;
}

static bool is_picture_track(const struct span *track)
{
    struct span type;
    uint32_t num_bytes = 0;
    return find(track, TYTO_EBML_TRACK_TYPE, &type) &&
           read_bits(&type, &num_bytes) == PICTURE_TRACK;
}

/* First mirrored (a yaw of half a turn), then turned; the roll is counter-clockwise. */
static enum tyto_turn turn_of(const struct span *track)
{
    static const enum tyto_turn turns[2][4] = {
        {TYTO_TURN_NONE, TYTO_TURN_LEFT, TYTO_TURN_180, TYTO_TURN_RIGHT},
        {TYTO_TURN_MIRROR, TYTO_TURN_TRANSPOSE, TYTO_TURN_UPSIDE_DOWN, TYTO_TURN_TRANSVERSE},
    };
    struct span video, projection;
    if (!find(track, TYTO_EBML_VIDEO, &video) || !find(&video, TYTO_EBML_PROJECTION, &projection))
        return TYTO_TURN_NONE;
    const double yaw = read_degrees(&projection, TYTO_EBML_POSE_YAW);
    const double roll = read_degrees(&projection, TYTO_EBML_POSE_ROLL);
    const bool is_mirrored = yaw == 180 || yaw == -180;
    if ((yaw != 0 && !is_mirrored) || roll < -360 || roll > 360)
        return TYTO_TURN_NONE;
    return turns[is_mirrored][(int)((roll + 360) / 90 + 0.5) % 4];
}

enum tyto_turn tyto_matroska_turn(const char *path)
{
    enum tyto_turn turn = TYTO_TURN_NONE;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    const struct span file = {fd, 0, end > 0 ? (uint64_t)end : 0};
    struct span header, segment, tracks, track;
    if (fd >= 0 && find(&file, TYTO_EBML_HEADER, &header) && header.begin < 16 &&
        find(&file, TYTO_EBML_SEGMENT, &segment) && find(&segment, TYTO_EBML_TRACKS, &tracks)) {
        uint64_t offset = tracks.begin;
        bool is_one = false;
        while (!is_one && find_next(&tracks, &offset, TYTO_EBML_TRACK, &track))
            is_one = is_picture_track(&track);
        turn = is_one ? turn_of(&track) : TYTO_TURN_NONE;
    }
    if (fd >= 0)
        close(fd);
    return turn;
}
