/* SPDX-License-Identifier: MIT */
/* From what is known of a clip to what the loss reads: a weight of "it is" and one of "it is not"
 * for every logit. */
#ifndef TYTO_TRAINER_LOOP_TARGETS_H
#define TYTO_TRAINER_LOOP_TARGETS_H

#include "model/cman/cman.h"
#include "trainer/data/dataset.h"

struct tyto_targets {
    enum tyto_head_kind head;
    uint32_t num_classes, num_logits;
    uint32_t stride;      /* floats from one row of targets to the next */
    const float *weights; /* (num_logits): of "it is", and for softmax of the row; NULL: 1 */
    float heard, seen;    /* multi-label: weight of these tasks beside joint's 1; 0 counts as 1 */
};

/* Which logits a truth wants: softmax wants the first class with any bit, or background;
 * multi-label joint where both bits are set, heard and seen by their own. Bits of class k. */
uint32_t tyto_targets_class(const uint8_t *truth, uint32_t num_classes);

/* Adds num rows of truth (num, K) to yes and no (num, stride), shares[t] of the weight each.
 * sounds (num) says which row's sound is at row t, -1 when none is known (then "heard" of row t
 * says nothing); NULL: its own. It is for multi-label: a softmax row follows the picture. */
void tyto_targets_add(const struct tyto_targets *targets, const uint8_t *truth, uint32_t num,
                      const int32_t *sounds, const float *shares, float *yes, float *no);

/* ret_weights (num_logits) <- how much rarer each class is than the mean of all, by its segments
 * (of_clips: clips), within 1/cap..cap. Softmax counts background as a class; multi-label counts
 * joint, heard and seen each for itself. A class that never comes weighs 1. */
void tyto_targets_balance(const struct tyto_dataset *data, enum tyto_head_kind head, bool of_clips,
                          float cap, float *ret_weights);

#endif
