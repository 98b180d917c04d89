/* SPDX-License-Identifier: MIT */
/* What one position of a CMAN window says, in the words of events: scores,
 * place, weights, alignment. Plain computation. Internal to the pipeline room. */
#ifndef TYTO_PIPELINE_TRACK_DECODE_H
#define TYTO_PIPELINE_TRACK_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/cman/cman.h"
#include "pipeline/track/evidence.h"
#include "pipeline/track/sight.h"
#include "proto/event.h"

struct tyto_reading {
    float *scores;                 /* (3, K): joint, heard, seen; owned, with the alignment */
    struct tyto_evidence evidence; /* points into them */
};

/* How the head is to be read. */
struct tyto_reader {
    const struct tyto_cman_dims *dims;
    int64_t hop_ns;
};

TYTO_MUST_CHECK
enum tyto_err tyto_reading_init(struct tyto_reading *reading, uint32_t num_classes);
void tyto_reading_finish(struct tyto_reading *reading);
/* Reads position pos_idx (< num_valid) of the window; has_*: what that segment had; sight: of its
 * picture, if it had one. */
void tyto_reading_take(struct tyto_reading *reading, const struct tyto_reader *reader,
                       const struct tyto_cman_result *result, uint32_t pos_idx, bool has_audio,
                       bool has_video, const struct tyto_sight *sight);

#endif
