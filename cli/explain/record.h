/* SPDX-License-Identifier: MIT */
/* What one reading of a file said: every second's scores, weights, place and alignment, and the
 * events that were told. Made from the engine's callbacks, so by one thread; to be read when the
 * engine is done. */
#ifndef TYTO_CLI_EXPLAIN_RECORD_H
#define TYTO_CLI_EXPLAIN_RECORD_H

#include "pipeline/engine/engine.h"

/* Six hours of seconds: a longer recording has to be cut before anybody looks at it. */
enum { TYTO_EXPLAIN_MAX_SEGMENTS = 21600, TYTO_EXPLAIN_MAX_EVENTS = 10000 };

struct tyto_explain_segment {
    struct tyto_segment_result result; /* what it borrows is in `floats` and `found` */
    float *floats;                     /* owned */
    struct tyto_detection *found;      /* owned, (result.num_found) */
};

struct tyto_explain_run {
    uint32_t num_segments, capacity_segments;
    struct tyto_explain_segment *segments; /* owned, by time */
    uint32_t num_events, capacity_events;
    struct tyto_event *events; /* owned, as they were at their end, in the order of telling */
    enum tyto_err err;         /* NOMEM, FULL: not all of it is here */
};

void tyto_explain_run_put_segment(struct tyto_explain_run *run,
                                  const struct tyto_segment_result *result);
/* Keeps an event that has ended, does nothing with others. */
void tyto_explain_run_put_event(struct tyto_explain_run *run, const struct tyto_event *event);
void tyto_explain_run_finish(struct tyto_explain_run *run);

#endif
