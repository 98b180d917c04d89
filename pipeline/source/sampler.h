/* SPDX-License-Identifier: MIT */
/* Which coded pictures need decoding and which decoded ones are needed at all:
 * one per segment, the nearest to its middle. When keyframes come at least once
 * a hop nothing else is decoded. Plain computation, one thread. */
#ifndef TYTO_PIPELINE_SOURCE_SAMPLER_H
#define TYTO_PIPELINE_SOURCE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/source/source.h"

/* Picks pictures of a steady stream by the time of each. */
struct tyto_picker {
    int64_t last_ns, interval_ns; /* of the stream */
    int64_t last_slot;            /* of the last pick */
    bool any, picked;
};

struct tyto_sampler {
    enum tyto_keyframes policy;
    int64_t hop_ns, length_ns;
    bool is_live;
    bool only_keys;   /* deltas are left out now */
    int64_t first_ns; /* of the first picture; meaningless until any */
    bool any;
    int64_t last_key_ns;    /* of any keyframe; meaningless until num_keys > 0 */
    uint32_t num_keys;      /* seen */
    uint32_t num_close;     /* keyframes in a row no more than a hop apart */
    uint32_t num_close_due; /* so many make only_keys true */
    uint32_t num_far;       /* hops without a keyframe, while no two came close */
    bool proven;            /* keyframes were close once */
    struct tyto_picker keys, frames;
};

/* Everything is decoded until two keyframes have shown that they come close: of a stream whose next
 * one is half a minute away nothing could be seen until then. A live stream, which is joined in its
 * middle, begins with its first keyframe: what comes before refers to pictures that nobody has. */
void tyto_sampler_init(struct tyto_sampler *sampler, enum tyto_keyframes policy, int64_t hop_ns,
                       int64_t length_ns, bool is_live);
/* A coded picture comes: whether to decode it. */
bool tyto_sampler_wants_coded(struct tyto_sampler *sampler, int64_t pts_ns, bool is_key);
/* Whether there was no keyframe yet, and one is waited for. */
bool tyto_sampler_waits_for_key(const struct tyto_sampler *sampler);
/* A delta that is left out comes: whether a keyframe has been due for so long that there may be
 * none for a while, as of cameras that make them rare when nothing moves. */
bool tyto_sampler_lacks_key(const struct tyto_sampler *sampler, int64_t pts_ns);
/* Everything is decoded from now on, until keyframes have proven themselves again. */
void tyto_sampler_decode_all(struct tyto_sampler *sampler);
/* A decoded picture comes: whether to pass it on. all_come: also those come that were not wanted
 * coded. */
bool tyto_sampler_wants_decoded(struct tyto_sampler *sampler, int64_t pts_ns, bool all_come);

#endif
