/* SPDX-License-Identifier: MIT */
/* Measures of what was predicted against what is true: plain computation on grids and spans.
 * Where there is nothing to measure (no background at all, no event), a measure is NAN. */
#ifndef TYTO_TRAINER_EVAL_METRICS_METRICS_H
#define TYTO_TRAINER_EVAL_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* --- one class for each segment ------------------------------------------------------------- */

/* Class numbers 0..K; K is background. Everything borrowed. */
struct tyto_segments {
    uint32_t num_clips, num_segments, num_classes; /* clips, T, K */
    const uint32_t *len;                           /* (clips): valid segments; NULL: T */
    const uint32_t *truth, *pred;                  /* (clips, T) */
};

struct tyto_segment_measures {
    uint64_t num;        /* segments */
    double accuracy;     /* of all segments: acc29 on AVE */
    double cat_acc;      /* clips with an event whose commonest predicted class (background
                            apart; ties: the lower number) is the commonest true one */
    double event_recall; /* event segments that were predicted as any event */
    double bg_recall;    /* background segments that were predicted as background */
    double bg_precision; /* segments predicted as background that are */
    double det_bal;      /* mean of event_recall and bg_recall */
};
/* ret_confusion: (K+1, K+1), rows are true classes; NULL: not wanted. */
void tyto_measure_segments(const struct tyto_segments *segments,
                           struct tyto_segment_measures *ret_measures, uint64_t *ret_confusion);
/* The commonest class of a clip's len segments, background apart; num_classes when all are
 * background. */
uint32_t tyto_commonest_class(const uint32_t *classes, uint32_t len, uint32_t num_classes);

struct tyto_class_measures {
    uint64_t num_true, num_pred;
    double precision, recall, f1; /* NAN: class neither true nor predicted (precision: not
                                     predicted; recall: not true) */
};
void tyto_measure_class(const uint64_t *confusion, uint32_t num_classes, uint32_t class_idx,
                        struct tyto_class_measures *ret_measures);
/* Changes of pred from one segment to the next where truth stays, per minute. */
double tyto_measure_flips_per_minute(const struct tyto_segments *segments, double segment_s);

/* --- F-scores on grids (AVVP: Tian, Li and Xu, ECCV 2020; YapengTian/AVVP-ECCV20) ------------ */

enum { TYTO_CELL_HEARD = 1, TYTO_CELL_SEEN = 2, TYTO_CELL_JOINT = 4 };

/* Cells are bits: class k is heard, is seen, is both in segment t. */
struct tyto_grids {
    uint32_t num_clips, num_segments, num_classes;
    const uint32_t *len;         /* NULL: T */
    const uint8_t *truth, *pred; /* (clips, T, K) */
};

struct tyto_f_scores {
    double heard, seen, joint;
    double type_av;  /* mean of the three */
    double event_av; /* hits and misses of heard and seen added for each class */
};
/* For each clip the mean of F = 2TP / (2TP + FP + FN) over classes that are true or predicted
 * there, 1 when there is none; then the mean over clips. min_iou 0: TP, FP and FN are segments.
 * Else they are events, runs of segments: a predicted one is TP when its IoU with any true one is
 * at least min_iou, else FP; a true one without such a predicted one is FN.
 * with_background: one more class, true where no other class is (as OV-AVEBench counts). */
void tyto_measure_f(const struct tyto_grids *grids, double min_iou, bool with_background,
                    struct tyto_f_scores *ret_scores);

/* --- rankings --------------------------------------------------------------------------------- */

/* Area under precision over recall without interpolation, equal scores at once. Values at
 * i * stride. NAN without a positive. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_average_precision(const float *scores, const bool *truth, size_t num,
                                     double *ret_ap);
/* Chance that a positive has a higher score than a negative (equal: half). NAN without either. */
TYTO_MUST_CHECK
enum tyto_err tyto_auroc(const float *scores, const bool *truth, size_t num, double *ret_auroc);

/* --- calibration ------------------------------------------------------------------------------ */

enum { TYTO_RELIABILITY_BINS = 10 };

struct tyto_reliability {
    struct tyto_reliability_bin {
        uint64_t num;
        double confidence, accuracy; /* means in the bin; 0 where num is 0 */
    } bins[TYTO_RELIABILITY_BINS];   /* of equal width over 0..1 */
    uint64_t num;
    double ece;   /* mean over all of |confidence - accuracy| of the bin */
    double brier; /* mean of (confidence - is_right)^2 */
};
/* ret starts as {0}; add as often as wanted, then finish. NAN when nothing was added. */
void tyto_reliability_add(struct tyto_reliability *reliability, double confidence, bool is_right);
void tyto_reliability_finish(struct tyto_reliability *reliability);

/* --- numbers ---------------------------------------------------------------------------------- */

/* The value below which share (0..1) of them lie, linearly between neighbours as NumPy's
 * quantile; sorts values. NAN when num is 0. */
double tyto_quantile(double *values, size_t num, double share);
/* Mean of those that are not NAN; NAN when none is. */
double tyto_mean(const double *values, size_t num);

#endif
