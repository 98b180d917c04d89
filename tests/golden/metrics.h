/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in metrics.f32, in floats. */
#ifndef TYTO_GOLDEN_METRICS_H
#define TYTO_GOLDEN_METRICS_H

enum {
    /* right, clips, recalls, precision, balance, flips: 7 */
    GOLDEN_METRICS_SEGMENTS_AT = 0,
    GOLDEN_METRICS_SEGMENTS_NUM = 7,
    /* rows are true: 6x6 */
    GOLDEN_METRICS_CONFUSION_AT = 7,
    GOLDEN_METRICS_CONFUSION_NUM = 36,
    /* precision, recall, F1 of each: 18 */
    GOLDEN_METRICS_CLASSES_AT = 43,
    GOLDEN_METRICS_CLASSES_NUM = 18,
    /* segments, events; each without and with background: 4x5 */
    GOLDEN_METRICS_F_AT = 61,
    GOLDEN_METRICS_F_NUM = 20,
    /* average precision, AUROC, ECE, Brier: 4 */
    GOLDEN_METRICS_RANK_AT = 81,
    GOLDEN_METRICS_RANK_NUM = 4,
    /* P R F1, mAP, onset F1, errors, detection: 31 */
    GOLDEN_METRICS_SPANS_AT = 85,
    GOLDEN_METRICS_SPANS_NUM = 31,
    /* A2V and its error, V2A and its error, chance, clips: 6 */
    GOLDEN_METRICS_CML_AT = 116,
    GOLDEN_METRICS_CML_NUM = 6,
    /* exact, within one, median ms, AUROC: 4 */
    GOLDEN_METRICS_OFFSETS_AT = 122,
    GOLDEN_METRICS_OFFSETS_NUM = 4,
    GOLDEN_METRICS_NUM = 126,
};

#endif
