/* SPDX-License-Identifier: MIT */
/* Gathers what the engine says of each segment, and hands it on by the minute and camera. Of the
 * inference thread alone; bounded: a minute of each camera. */
#ifndef TYTO_DAEMON_SCORES_KEEP_H
#define TYTO_DAEMON_SCORES_KEEP_H

#include <stdint.h>

#include "base/err.h"
#include "daemon/journal/journal.h"
#include "pipeline/track/tracker.h"

struct tyto_score_gatherer;

struct tyto_score_gatherer_params {
    /* Takes rows, which are owned: tyto_journal_scores_free(). Must not wait. */
    void (*hand_on)(void *user, struct tyto_journal_scores *scores);
    void *user;
    uint32_t max_cameras; /* of more nothing is kept */
};

/* A segment as a tracker is about to take it. */
struct tyto_scored_segment {
    const char *camera;
    int64_t begin_ns, end_ns, unix_offset_ns;
    const struct tyto_evidence *evidence;
    uint32_t num_classes;
    const char *const *class_names;
    const struct tyto_tracker *tracker;
};

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_score_gatherer_create(const struct tyto_score_gatherer_params *params,
                                         struct tyto_score_gatherer **ret_gatherer);
/* Hands on what there is, first. */
void tyto_score_gatherer_destroy(struct tyto_score_gatherer **gatherer);
/* One that there is no memory for is not kept. */
void tyto_score_gatherer_take(struct tyto_score_gatherer *gatherer,
                              const struct tyto_scored_segment *segment);
/* The camera's tracker has forgotten what was before: its stream has ended. */
void tyto_score_gatherer_break(struct tyto_score_gatherer *gatherer, const char *camera);

#endif
