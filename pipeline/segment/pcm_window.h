/* SPDX-License-Identifier: MIT */
/* Sound of the last seconds by its time: samples are put where their time says,
 * and what never came stays known as missing. Internal to the pipeline room. */
#ifndef TYTO_PIPELINE_SEGMENT_PCM_WINDOW_H
#define TYTO_PIPELINE_SEGMENT_PCM_WINDOW_H

#include <stdint.h>

#include "base/err.h"

enum { TYTO_PCM_WINDOW_MAX_RUNS = 64 };

struct tyto_pcm_run {
    int64_t from_idx, to_idx; /* [from, to) in absolute samples */
};

struct tyto_pcm_window {
    float *samples; /* slot of an absolute index: idx mod capacity; owned */
    uint32_t capacity;
    uint32_t num_runs; /* ascending, apart from one another */
    struct tyto_pcm_run runs[TYTO_PCM_WINDOW_MAX_RUNS];
};

TYTO_MUST_CHECK
enum tyto_err tyto_pcm_window_init(struct tyto_pcm_window *window, uint32_t capacity);
void tyto_pcm_window_finish(struct tyto_pcm_window *window);
void tyto_pcm_window_clear(struct tyto_pcm_window *window);
/* Appends samples at from_idx, which is not before the end of what is inside;
 * samples older than capacity before the new end are forgotten. */
void tyto_pcm_window_put(struct tyto_pcm_window *window, int64_t from_idx, const float *samples,
                         uint32_t num_samples);
/* Forgets everything before idx. */
void tyto_pcm_window_drop_before(struct tyto_pcm_window *window, int64_t idx);
/* Copies [from_idx, from_idx + num) to ret_samples, zeros where nothing came;
 * returns how many came. */
uint32_t tyto_pcm_window_get(const struct tyto_pcm_window *window, int64_t from_idx, uint32_t num,
                             float *ret_samples);
/* First index inside at or after idx; INT64_MAX when there is none. */
int64_t tyto_pcm_window_next(const struct tyto_pcm_window *window, int64_t idx);

#endif
