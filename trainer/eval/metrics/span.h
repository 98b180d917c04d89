/* SPDX-License-Identifier: MIT */
/* Measures of events in time: (class, begin, end, score) against the true ones, as ActivityNet and
 * UnAV-100 match them (ttgeng233/UnAV libs/utils/metrics.py). */
#ifndef TYTO_TRAINER_EVAL_METRICS_SPAN_H
#define TYTO_TRAINER_EVAL_METRICS_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_span {
    uint32_t recording_idx, class_idx;
    double begin_s, end_s;
    float score;      /* of a predicted one */
    double emitted_s; /* when it was first told, on the recording's clock; NAN: not known */
};

struct tyto_spans {
    const struct tyto_span *truth, *pred; /* borrowed, in any order */
    size_t num_truth, num_pred;
    uint32_t num_classes;
    double media_s; /* length of all recordings together */
};

enum { TYTO_SPAN_NUM_TIOUS = 3, TYTO_SPAN_NUM_AP_TIOUS = 9, TYTO_SPAN_NUM_TOLERANCES = 2 };
extern const double tyto_span_tious[TYTO_SPAN_NUM_TIOUS];           /* 0.3 0.5 0.7 */
extern const double tyto_span_tolerances[TYTO_SPAN_NUM_TOLERANCES]; /* 0.5 1 s */

struct tyto_span_measures {
    struct {
        double precision, recall, f1;
    } at[TYTO_SPAN_NUM_TIOUS];          /* all classes together */
    double map[TYTO_SPAN_NUM_AP_TIOUS]; /* at tIoU 0.1, 0.2 .. 0.9; mean over true classes */
    double mean_map;
    double onset_f1[TYTO_SPAN_NUM_TOLERANCES]; /* of begins within the tolerance */
    size_t num_matched;                        /* at tIoU 0.3: what the errors are of */
    double onset_median_s, onset_p90_s;        /* signed (late is positive); p90 of the size */
    double offset_median_s, offset_p90_s;
    size_t num_detected; /* true events that a predicted one of their class overlaps */
    double miss_rate;
    double latency_median_s, latency_p95_s; /* first told, minus true begin; of detected events
                                               whose telling time is known */
    double false_per_hour;                  /* predicted events that overlap no true one of their
                                               class */
};

/* Predicted spans by falling score (equal: as given), each to the true span of its class and
 * recording with the highest tIoU that is not taken; below the threshold it is false. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_spans(const struct tyto_spans *spans,
                                 struct tyto_span_measures *ret_measures);

/* Intersection over union of two spans in time; 0 when both are empty. */
double tyto_span_tiou(const struct tyto_span *a, const struct tyto_span *b);

#endif
