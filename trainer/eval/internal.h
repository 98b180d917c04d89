/* SPDX-License-Identifier: MIT */
/* What measure.c (decisions, the whole) and measure_figures.c (measures of one set of predictions)
 * share. No other file includes this. */
#ifndef TYTO_TRAINER_EVAL_INTERNAL_H
#define TYTO_TRAINER_EVAL_INTERNAL_H

#include "trainer/eval/measure.h"

/* One set of predictions for the clips of a measurement. */
struct tyto_measured {
    const struct tyto_measurement *measurement; /* truth, len */
    const uint32_t *pred;                       /* (clips, T) */
    const uint8_t *cells;                       /* (clips, T, K) */
    const float *scores; /* (clips, T, stride): joint K [, heard K, seen K] */
    size_t stride;
    bool is_single; /* joint only */
    double segment_s;
};

/* Everything but clip_map, reliability, cml and offset. ret_classes (K+1), confusion with it, or
 * both NULL.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_figures(const struct tyto_measured *measured,
                                   struct tyto_figures *ret_figures,
                                   struct tyto_class_figures *ret_classes, uint64_t *ret_confusion);
/* cml and offset, out of predictions' match; all NAN without. */
TYTO_MUST_CHECK
enum tyto_err tyto_measure_sync(const struct tyto_measurement *measurement,
                                const struct tyto_predictions *predictions, double segment_s,
                                struct tyto_figures *ret_figures);
void tyto_measure_no_sync(struct tyto_figures *figures);
/* What one gets by always saying that sound and picture are in step. */
void tyto_measure_never_offset(double segment_s, struct tyto_offset_measures *ret_measures);

#endif
