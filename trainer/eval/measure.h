/* SPDX-License-Identifier: MIT */
/* All measures of a head's predictions on a data set, and of two trivial baselines beside them.
 *
 * Decisions. A softmax head decides for its largest class, background included; true is the first
 * class with any bit. A multi-label head decides for the class with the largest joint score among
 * those that reach their thresholds, for background where none does; true are the classes that are
 * heard and seen, and a decision is right when it is one of them, or background where there is
 * none. The share of right segments is "accuracy": acc29 on AVE, joint accuracy otherwise. Cells of
 * grids: joint by the same thresholds, heard and seen by 0.5 (softmax: the decided class is joint,
 * and heard and seen are not measured). Clips without labels of single segments are left out of all
 * measures but clip_map. */
#ifndef TYTO_TRAINER_EVAL_MEASURE_H
#define TYTO_TRAINER_EVAL_MEASURE_H

#include "trainer/data/dataset.h"
#include "trainer/eval/metrics/metrics.h"
#include "trainer/eval/metrics/span.h"
#include "trainer/eval/metrics/sync.h"
#include "trainer/eval/predict.h"

struct tyto_figures {
    struct tyto_segment_measures segments;
    struct tyto_f_scores seg_f, ev_f;       /* ev: at IoU 0.5 */
    struct tyto_f_scores seg_f_bg, ev_f_bg; /* background as one more class */
    double map_joint, map_heard, map_seen;  /* of segments; mean over classes that come */
    double clip_map;                 /* the largest joint score of a clip against its labels */
    struct tyto_span_measures spans; /* runs of joint cells as events, score their mean */
    double flips_per_minute;
    struct tyto_reliability reliability; /* of the decision; confidence in background is one minus
                                            the largest joint score. Not of baselines */
    struct tyto_cml_measures cml; /* by predictions' match; of clips with one run of events. Not of
                                     baselines */
    struct tyto_offset_measures offset; /* the same, of clips with an event, sound moved by each of
                                           -4..4 segments. Not of baselines */
};

struct tyto_class_figures {
    struct tyto_class_measures measures; /* of the decisions */
    double ap_joint, ap_heard, ap_seen;  /* NAN: never comes; of background always */
};

struct tyto_measurement {
    uint32_t num_clips, num_segments, num_classes; /* clips with labels of segments; T; K */
    uint32_t *clip_idx, *len;                      /* owned, (clips): which of the data set */
    uint32_t *truth, *pred;                        /* owned, (clips, T), K: background */
    uint8_t *truth_cells, *pred_cells;             /* owned, (clips, T, K) of TYTO_CELL_ bits */
    double *clip_accuracy;                         /* owned, (clips) */
    uint64_t *confusion;                           /* owned, (K+1, K+1), rows true */
    struct tyto_class_figures *classes;            /* owned, (K+1) */
    struct tyto_figures model;
    struct tyto_figures background; /* of predicting nothing */
    struct tyto_figures all_event;  /* of knowing a clip's classes, and nothing of when */
};

/* thresholds: (K) of joint scores; not read for softmax. NOMEM; INVALID when both are not of the
 * same clips. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure(const struct tyto_dataset *dataset,
                           const struct tyto_predictions *predictions, const float *thresholds,
                           struct tyto_measurement *ret_measurement);
void tyto_measurement_finish(struct tyto_measurement *measurement);

/* Accuracy alone of predictions on changed clips: against the labels as they are (the picture's
 * timeline), and against "seen at t, and heard at the sound that is now at t". */
struct tyto_shift_point {
    int32_t shift;
    double on_video, on_both;
};
TYTO_MUST_CHECK
enum tyto_err tyto_measure_shift(const struct tyto_dataset *dataset,
                                 const struct tyto_predictions *predictions,
                                 const float *thresholds, const struct tyto_predict_change *change,
                                 struct tyto_shift_point *ret_point);
/* Mean of on_video over shifts other than 0, divided by that at 0: retention. NAN without either.
 */
double tyto_shift_retention(const struct tyto_shift_point *points, uint32_t num);

#endif
