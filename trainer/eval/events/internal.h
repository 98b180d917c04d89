/* SPDX-License-Identifier: MIT */
/* What events.c (measures) and events_read.c (lines) share. No other file includes this. */
#ifndef TYTO_TRAINER_EVAL_EVENTS_INTERNAL_H
#define TYTO_TRAINER_EVAL_EVENTS_INTERNAL_H

#include "trainer/eval/events/events.h"
#include "trainer/labels/string_set.h"

struct tyto_told_event {
    struct tyto_span span;
    uint32_t line;    /* its last one */
    double offset_ms; /* NAN: not said */
    bool has_end, is_joint, is_dropped;
};

/* A "segment" line. */
struct tyto_told_frame {
    uint32_t recording_idx;
    double begin_s, end_s;
    uint32_t first_score, num_scores; /* in scores */
};

struct tyto_told_score {
    uint32_t class_idx;
    float joint;
};

struct tyto_told {
    struct tyto_strings classes; /* those of the labels first */
    struct tyto_strings ids;
    struct tyto_told_event *events; /* owned, by ids */
    struct tyto_told_frame *frames; /* owned */
    struct tyto_told_score *scores; /* owned */
    uint32_t num_frames, num_scores, event_room, frame_room, score_room;
    double *ends_s; /* owned, (files): how far each recording is told of; NAN: not at all */
    uint32_t num_strange;
    double took_s, took_media_s; /* of "file" lines */
    uint64_t *num_dropped;       /* owned, (files): of the last "camera" line */
};

/* num_bytes of lines; text is changed. Bad lines have been told: *ret_num_bad. */
TYTO_MUST_CHECK
enum tyto_err tyto_told_read(const struct tyto_events_params *params, char *text, size_t num_bytes,
                             struct tyto_told *ret_told, uint32_t *ret_num_bad);
void tyto_told_finish(struct tyto_told *told);

#endif
