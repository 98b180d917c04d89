/* SPDX-License-Identifier: MIT */
/* How near a head finds a sound and a picture of any two seconds: one minus the largest cosine over
 * the picture's places, in the space of "where" (model/README.md). Unlike attention it knows
 * nothing of time, so that it can be asked where in the other stream something belongs. */
#ifndef TYTO_TRAINER_EVAL_MATCH_H
#define TYTO_TRAINER_EVAL_MATCH_H

#include "model/cman/weights.h"
#include "trainer/data/dataset.h"

struct tyto_match;

/* Copies what it needs of the head's tensors. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_match_create(const struct tyto_cman_weights *head,
                                struct tyto_match **ret_match);
void tyto_match_destroy(struct tyto_match **match);
/* ret_distances (T, T): of sound t (row) to picture k (column), 0..2; 1 where one is missing, and
 * past len. */
void tyto_match_clip(struct tyto_match *match, const struct tyto_dataset_clip *clip, uint32_t len,
                     uint32_t num_segments, float *ret_distances);

#endif
