/* SPDX-License-Identifier: MIT */
/* The embeddings of the last T segments of each stream, kept on the host. When another model takes
 * over it is fed with them, so that its windows are full from the first segment on. Only streams
 * that are used take memory. Internal to the pipeline room; one thread. */
#ifndef TYTO_PIPELINE_NETWORKS_HISTORY_H
#define TYTO_PIPELINE_NETWORKS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_history_params {
    uint32_t num_streams;
    uint32_t num_segments;                /* T */
    uint64_t audio_floats, visual_floats; /* of one segment: A and L V */
};

struct tyto_history;

TYTO_MUST_CHECK
enum tyto_err tyto_history_create(const struct tyto_history_params *params,
                                  struct tyto_history **ret_history);
void tyto_history_destroy(struct tyto_history **history);
/* Appends a copy of one segment; audio or visual NULL: missing. restart: forget the rest. */
void tyto_history_put(struct tyto_history *history, uint32_t stream_idx, bool restart,
                      const float *audio, const float *visual);
/* Segments kept of a stream, <= T. */
uint32_t tyto_history_len(const struct tyto_history *history, uint32_t stream_idx);
/* Segment pos_idx (0: the oldest, < len); NULL: missing. Borrowed until the next put. */
void tyto_history_get(const struct tyto_history *history, uint32_t stream_idx, uint32_t pos_idx,
                      const float **ret_audio, const float **ret_visual);

#endif
