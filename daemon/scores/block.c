/* SPDX-License-Identifier: MIT */
#include "daemon/scores/block.h"

#include <string.h>

/* begin and end as UTC, begin on the media clock; offset; flags, weight */
enum { HEAD_BYTES = 8 + 8 + 8 + 4 + 2 };
enum flag { HAS_AUDIO = 1, HAS_VIDEO = 2, HAS_HEARD_SEEN = 4, GOES_ON = 8, HAS_OFFSET = 16 };

static size_t mask_bytes(uint32_t num_classes)
{
    return ((size_t)num_classes + 7) / 8;
}

size_t tyto_scores_segment_max(uint32_t num_classes)
{
    return HEAD_BYTES + 3 * (mask_bytes(num_classes) + num_classes);
}

static size_t write_codes(const uint8_t *codes, uint32_t num_classes, uint8_t *buf)
{
    size_t num = mask_bytes(num_classes);
    memset(buf, 0, num);
    for (uint32_t k = 0; k < num_classes; k++) {
        if (codes[k] == 0)
            continue;
        buf[k / 8] = (uint8_t)(buf[k / 8] | 1u << k % 8);
        buf[num++] = codes[k];
    }
    return num;
}

size_t tyto_scores_segment_write(const struct tyto_segment_scores *segment, uint32_t num_classes,
                                 uint8_t *buf)
{
    const uint8_t flags =
        (uint8_t)((segment->has_audio ? HAS_AUDIO : 0) | (segment->has_video ? HAS_VIDEO : 0) |
                  (segment->has_heard_seen ? HAS_HEARD_SEEN : 0) |
                  (segment->goes_on ? GOES_ON : 0) | (segment->has_av_offset ? HAS_OFFSET : 0));
    memcpy(buf, &segment->begin_unix_ns, 8);
    memcpy(buf + 8, &segment->end_unix_ns, 8);
    memcpy(buf + 16, &segment->begin_media_ns, 8);
    memcpy(buf + 24, &segment->av_offset_ms, 4);
    buf[28] = flags;
    buf[29] = segment->weight_audio;
    size_t num = HEAD_BYTES;
    num += write_codes(segment->joint, num_classes, buf + num);
    if (segment->has_heard_seen) {
        num += write_codes(segment->heard, num_classes, buf + num);
        num += write_codes(segment->seen, num_classes, buf + num);
    }
    return num;
}

static bool read_codes(const uint8_t *bytes, size_t num_bytes, uint32_t num_classes,
                       size_t *reterr_at, uint8_t *ret_codes)
{
    const uint8_t *mask = bytes + *reterr_at;
    if (num_bytes - *reterr_at < mask_bytes(num_classes))
        return false;
    *reterr_at += mask_bytes(num_classes);
    for (uint32_t k = 0; k < num_classes; k++) {
        const bool is_there = mask[k / 8] >> k % 8 & 1;
        if (is_there && *reterr_at == num_bytes)
            return false;
        ret_codes[k] = is_there ? bytes[(*reterr_at)++] : 0;
    }
    return true;
}

bool tyto_scores_segment_read(const uint8_t *bytes, size_t num_bytes, uint32_t num_classes,
                              size_t *reterr_at, struct tyto_segment_scores *ret_segment,
                              uint8_t *ret_codes)
{
    struct tyto_segment_scores *segment = ret_segment;
    const uint8_t *head = bytes + *reterr_at;
    if (num_bytes - *reterr_at < HEAD_BYTES)
        return false;
    memset(segment, 0, sizeof(*segment));
    memset(ret_codes, 0, 3 * (size_t)num_classes);
    memcpy(&segment->begin_unix_ns, head, 8);
    memcpy(&segment->end_unix_ns, head + 8, 8);
    memcpy(&segment->begin_media_ns, head + 16, 8);
    memcpy(&segment->av_offset_ms, head + 24, 4);
    segment->has_audio = head[28] & HAS_AUDIO;
    segment->has_video = head[28] & HAS_VIDEO;
    segment->has_heard_seen = head[28] & HAS_HEARD_SEEN;
    segment->goes_on = head[28] & GOES_ON;
    segment->has_av_offset = head[28] & HAS_OFFSET;
    segment->weight_audio = head[29];
    segment->joint = ret_codes;
    segment->heard = ret_codes + num_classes;
    segment->seen = ret_codes + 2 * (size_t)num_classes;
    *reterr_at += HEAD_BYTES;
    const uint32_t num = segment->has_heard_seen ? 3 : 1;
    for (uint32_t i = 0; i < num; i++) {
        if (!read_codes(bytes, num_bytes, num_classes, reterr_at,
                        ret_codes + i * (size_t)num_classes))
            return false;
    }
    return true;
}
