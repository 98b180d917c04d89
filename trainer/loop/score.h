/* SPDX-License-Identifier: MIT */
/* How right a head is on validation, in the short form that choosing the best epoch and the
 * thresholds needs. tyto eval measures the rest. */
#ifndef TYTO_TRAINER_LOOP_SCORE_H
#define TYTO_TRAINER_LOOP_SCORE_H

#include "model/cman/cman.h"
#include "trainer/data/dataset.h"

/* Rows are segments, or clips where only those are labelled. What is scored is the class that
 * softmax decides for, or one task of a multi-label head. */
struct tyto_score {
    enum tyto_head_kind head;
    enum tyto_cman_task task; /* of a multi-label head; softmax: JOINT */
    uint32_t num_classes, num_rows, cap;
    float *probs;    /* owned, (cap, K) */
    uint8_t *truths; /* owned, (cap, K): 1 where the class is there */
    uint32_t *picks; /* owned, (cap): class decided for, K: background */
};

TYTO_MUST_CHECK
enum tyto_err tyto_score_init(enum tyto_head_kind head, enum tyto_cman_task task,
                              uint32_t num_classes, uint32_t cap, struct tyto_score *ret_score);
void tyto_score_finish(struct tyto_score *score);
/* One row: logits (num_logits), truth (K) of TYTO_TRUTH_ bits. No more than cap. */
void tyto_score_add(struct tyto_score *score, const float *logits, const uint8_t *truth);

/* Share of rows whose decision is right: a class that is there, or background where none is. */
float tyto_score_accuracy(const struct tyto_score *score);
/* F1 of a class at a threshold, or of softmax's decisions (threshold not used); 0 without any. */
float tyto_score_f1(const struct tyto_score *score, uint32_t class_idx, float threshold);
/* Mean over classes that come of the average precision of a class' scores: how well they rank rows,
 * whatever the thresholds. *ret_num classes come; 0 when none does. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_score_map(const struct tyto_score *score, float *ret_map, uint32_t *ret_num);
/* The line over log-odds, scale * x + shift, under which all scores together say best how often
 * they are right (Platt 1999: the least cross-entropy, by Newton's method). 1 and 0 where a task
 * never comes or always does. */
void tyto_score_fit(const struct tyto_score *score, double *ret_scale, double *ret_shift);
/* Puts all scores under that line. */
void tyto_score_bend(struct tyto_score *score, double scale, double shift);
/* Mean over classes that come; at 0.5 where a threshold matters. */
float tyto_score_macro_f1(const struct tyto_score *score);
/* ret_thresholds (K) <- those of the best F 0.7 within min..max (precision counts more than
 * recall), in the middle between the scores around them. The fewer rows a class has, the more the
 * F 0.7 of all classes together decides, alone for one that never comes; 0.5 where none comes. */
void tyto_score_choose(const struct tyto_score *score, float min, float max, float *ret_thresholds);

#endif
