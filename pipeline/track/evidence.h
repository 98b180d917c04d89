/* SPDX-License-Identifier: MIT */
/* All that is known of one segment of one camera: what the fusion network said of it, read out. It
 * is made once (decode.h), handed to the tracker and to whoever listens to segments, and becomes
 * part of events. */
#ifndef TYTO_PIPELINE_TRACK_EVIDENCE_H
#define TYTO_PIPELINE_TRACK_EVIDENCE_H

#include <stdbool.h>

#include "proto/event.h"

struct tyto_evidence {
    bool has_audio, has_video; /* which modalities the segment had */
    bool has_heard_seen;       /* else only joint means something */
    const float *joint, *heard,
        *seen; /* (K) each, 0..1; borrowed from whoever gives the evidence */
    float weight_audio, weight_visual; /* how much each was trusted; they sum to 1 */
    struct tyto_place_map place;       /* over the picture; rows 0: none */
    bool has_box;                      /* where the sound's match is, whatever the class */
    struct tyto_box box;
    bool has_av_offset;
    float av_offset_ms; /* sound behind picture is positive */
    /* What this second's sound looked at in the pictures of the window's seconds, and its picture
     * at their sounds: shares, oldest first, which sum to 1. align_own is this second among them.
     */
    uint32_t num_align, align_own;           /* 0: nothing is known */
    const float *align_audio, *align_visual; /* (num_align), borrowed like the scores */
};

#endif
