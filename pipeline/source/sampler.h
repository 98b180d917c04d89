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
    bool only_keys;         /* deltas are left out now */
    int64_t last_key_ns;    /* of any keyframe; meaningless until num_keys > 0 */
    uint32_t num_keys;      /* seen */
    uint32_t num_close;     /* keyframes in a row no more than a hop apart */
    uint32_t num_close_due; /* so many make only_keys true */
    uint32_t num_far;       /* hops without a keyframe, while no two came close */
    bool proven;            /* keyframes were close once */
    struct tyto_picker keys, frames;
};

/* A live stream is taken to have close keyframes until it shows otherwise: many
 * cameras that connect at once are not to be decoded whole. A file is not: it
 * could end before. */
void tyto_sampler_init(struct tyto_sampler *sampler, enum tyto_keyframes policy, int64_t hop_ns,
                       int64_t length_ns, bool is_live);
/* A coded picture comes: whether to decode it. */
bool tyto_sampler_wants_coded(struct tyto_sampler *sampler, int64_t pts_ns, bool is_key);
/* A decoded picture comes: whether to pass it on. all_come: also those come that were not wanted
 * coded. */
bool tyto_sampler_wants_decoded(struct tyto_sampler *sampler, int64_t pts_ns, bool all_come);

#endif
