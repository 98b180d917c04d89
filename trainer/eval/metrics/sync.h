/* SPDX-License-Identifier: MIT */
/* Measures of how sound and picture are found in each other: AVE's cross-modality localization
 * (Tian et al., ECCV 2018, cmm_test.py), and the offset between the streams. */
#ifndef TYTO_TRAINER_EVAL_METRICS_SYNC_H
#define TYTO_TRAINER_EVAL_METRICS_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Where in the other stream (num_segments long) the num segments that begin at begin lie:
 * the start with the smallest sum of distances; equal sums: the earliest.
 * distances (T, T): row is the segment asked with, column the one looked at.
 * 1 <= num, begin + num <= num_segments. */
uint32_t tyto_cml_start(const float *distances, uint32_t num_segments, uint32_t begin,
                        uint32_t num);

struct tyto_cml_measures {
    uint32_t num_clips;              /* with one run of events, shorter than the clip */
    double a2v, v2a;                 /* clips whose start was met exactly */
    double chance;                   /* of meeting it blindly: mean of 1 / possible starts */
    double a2v_error_s, v2a_error_s; /* mean size of the error of the start */
};

/* begins, nums: (clips), the true run; clips whose num is 0 or num_segments are left out.
 * audio_visual (clips, T, T): distance of sound t to picture k; visual_audio the other way. */
void tyto_measure_cml(const float *audio_visual, const float *visual_audio, const uint32_t *begins,
                      const uint32_t *nums, uint32_t num_clips, uint32_t num_segments,
                      double segment_s, struct tyto_cml_measures *ret_measures);

struct tyto_offset_measures {
    double acc, acc_1;      /* rounded to a segment: exact; within one */
    double median_error_ms; /* of its size */
    double auroc;           /* of confidence: pairs in step against those that are not */
};

/* Estimated against injected offsets, in seconds (NAN: no estimate, counts as wrong);
 * confidences may be NULL. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_offsets(const double *estimates_s, const double *truth_s,
                                   const float *confidences, size_t num, double segment_s,
                                   struct tyto_offset_measures *ret_measures);

#endif
