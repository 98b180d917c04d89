/* SPDX-License-Identifier: MIT */
/* What the daemon told (JSON lines of `tyto watch --json` or `tyto localize --json [--segments]`)
 * against labels. An event counts as its first "end" line has it: later edits do not, retracted
 * ones and those that never end do not either. A recording is found by its path, its file name, or
 * the camera that is called like it; what the labels do not know is left out and counted. */
#ifndef TYTO_TRAINER_EVAL_EVENTS_EVENTS_H
#define TYTO_TRAINER_EVAL_EVENTS_EVENTS_H

#include "base/fault.h"
#include "trainer/eval/metrics/span.h"
#include "trainer/labels/labels.h"

enum { TYTO_EVENTS_MAX = 200000, TYTO_EVENTS_MAX_LINE = 1 << 20 };

struct tyto_events_params {
    const struct tyto_labels *labels; /* borrowed until the call returns */
    const char *path;                 /* of the lines; in memory: their name in faults */
    double media_s;   /* length of all recordings; 0: as far as lines and labels reach */
    double offset_ms; /* by which sound really lags; NAN: not known */
    void *user;
    void (*on_fault)(void *user, const struct tyto_fault *fault); /* each bad line; NULL: none */
};

struct tyto_events_measures {
    struct tyto_span_measures any;   /* labels and events of every modality */
    struct tyto_span_measures joint; /* what is heard and seen, against events told as such */
    double media_s;
    uint32_t num_recordings; /* with labels, that the lines tell of */
    uint32_t num_events, num_labels, num_joint_events, num_joint_labels;
    uint32_t num_open;      /* events that never ended */
    uint32_t num_strange;   /* events and segments of recordings that the labels do not know */
    uint32_t num_frames;    /* "segment" lines */
    double frame_map;       /* mean AP over them of joint scores, a label covering half of one; NAN:
                               none */
    double told_offset_ms;  /* median of what events say sound lags by; NAN: none says */
    double offset_error_ms; /* median size of its error; NAN: not known */
    double realtime_share;  /* of tyto localize: time taken per time of media; NAN: not told */
    uint64_t num_dropped;   /* of tyto watch: segments that cameras lost */
    double strays_per_minute; /* begins and ends further than 1 s from any true one of the class */
};

/* FORMAT when a line was bad (all have been told), or no recording is known to the labels; IO,
 * NOT_FOUND, FULL (more than MAX events), NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_events(const struct tyto_events_params *params,
                                  struct tyto_events_measures *ret_measures,
                                  struct tyto_fault *ret_fault);
/* The same of num_bytes in memory. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_events_memory(const struct tyto_events_params *params, const void *bytes,
                                         size_t num_bytes,
                                         struct tyto_events_measures *ret_measures,
                                         struct tyto_fault *ret_fault);

#endif
