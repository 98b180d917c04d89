/* SPDX-License-Identifier: MIT */
/* When a segment of a stream has sound and a picture: the same for the camera that is watched and
 * for the recording that is learnt from. */
#ifndef TYTO_BASE_SEGMENT_RULE_H
#define TYTO_BASE_SEGMENT_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* With less than this share of its samples a segment has no sound. */
#define TYTO_SEGMENT_MIN_AUDIO_SHARE 0.75f

static inline float tyto_segment_audio_share(uint32_t num_samples, uint32_t num_expected)
{
    return (float)num_samples / (float)num_expected;
}

/* How far outside a segment its picture may lie. Pictures a hop apart that fall near the segments'
 * edges fall now into one, now into the other: a segment without one takes it from a quarter of a
 * hop (or of its own length, where that is shorter) outside. */
static inline int64_t tyto_segment_edge_ns(int64_t hop_ns, int64_t length_ns)
{
    return (hop_ns < length_ns ? hop_ns : length_ns) / 4;
}

#endif
