/* SPDX-License-Identifier: MIT */
/* Between segment.c (data in) and segment_close.c (segments out). */
#ifndef TYTO_PIPELINE_SEGMENT_INTERNAL_H
#define TYTO_PIPELINE_SEGMENT_INTERNAL_H

#include <stdlib.h>

#include "base/segment_rule.h"
#include "pipeline/segment/pcm_window.h"
#include "pipeline/segment/segment.h"

enum { NS_PER_S = 1000000000 };

/* Going ahead this far more than time really went is a clock that was set; in a
 * file, where no time goes by, this far at all. */
#define FORWARD_JUMP_NS (10ll * NS_PER_S)
#define FILE_FORWARD_JUMP_NS (60ll * NS_PER_S)
/* |pts| beyond this (146 years) is nonsense and would overflow sums. */
#define MAX_PTS_NS (INT64_MAX / 2)
struct stream {
    bool expected;
    bool ended;
    bool seen;    /* any data since the reset */
    bool is_late; /* beyond the allowed lateness; not waited for until it catches up */
    int64_t pos_ns;
    int64_t shift_ns; /* added to its times: 0 until its clock jumped */
    uint64_t progress_now_ns;
};

struct candidate {
    int64_t idx; /* of the segment */
    struct tyto_picture *picture;
};

struct tyto_segmenter {
    struct tyto_segmenter_params params;
    struct stream streams[TYTO_NUM_STREAMS];
    bool started; /* next_idx is set */
    bool emitted; /* a segment was given out since the reset */
    bool restart;
    int64_t next_idx;
    int64_t last_idx;          /* given out last; means nothing while restart is set */
    uint64_t waiting_since_ns; /* the first stream passed the end of next_idx; 0: none did */
    uint64_t newest_in_ns;
    int64_t discontinuous_until_ns;
    uint32_t segment_samples;
    int64_t audio_next_idx; /* where the next sample is expected */
    struct tyto_pcm_window window;
    float *pcm; /* of the segment given out last */
    uint32_t num_candidates;
    struct candidate *candidates; /* slot of segment idx: idx mod num_candidates */
    struct tyto_segmenter_counts counts;
};

static inline int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

static inline int64_t to_samples(const struct tyto_segmenter *seg, int64_t ns)
{
    const int64_t rate = seg->params.sample_rate_hz;
    const int64_t s = floor_div(ns, NS_PER_S);
    return s * rate + ((ns - s * NS_PER_S) * rate + NS_PER_S / 2) / NS_PER_S;
}

static inline int64_t to_ns(const struct tyto_segmenter *seg, int64_t samples)
{
    const int64_t rate = seg->params.sample_rate_hz;
    const int64_t s = floor_div(samples, rate);
    return s * NS_PER_S + (samples - s * rate) * NS_PER_S / rate;
}

static inline int64_t begin_of(const struct tyto_segmenter *seg, int64_t idx)
{
    return idx * seg->params.hop_ns;
}

static inline int64_t end_of(const struct tyto_segmenter *seg, int64_t idx)
{
    return idx * seg->params.hop_ns + seg->params.length_ns;
}

static inline int64_t edge_of(const struct tyto_segmenter *seg)
{
    return tyto_segment_edge_ns(seg->params.hop_ns, seg->params.length_ns);
}

static inline struct candidate *candidate_of(const struct tyto_segmenter *seg, int64_t idx)
{
    const int64_t num = seg->num_candidates;
    return &seg->candidates[((idx % num) + num) % num];
}

static inline int64_t forward_limit_ns(const struct tyto_segmenter *seg)
{
    return seg->params.live ? FORWARD_JUMP_NS : FILE_FORWARD_JUMP_NS;
}

/* segment.c: next_idx becomes idx; what lies before is forgotten. */
void tyto_segmenter_advance(struct tyto_segmenter *seg, int64_t idx);

#endif
