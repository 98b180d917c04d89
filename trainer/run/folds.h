/* SPDX-License-Identifier: MIT */
/* Splitting a data set for validation: by recordings, which stay whole, evenly over classes, and by
 * a seed. */
#ifndef TYTO_TRAINER_RUN_FOLDS_H
#define TYTO_TRAINER_RUN_FOLDS_H

#include "trainer/data/dataset.h"

/* ret_folds (num_clips) <- 0..num_folds-1; clips of one group share a fold. INVALID with fewer
 * groups than folds. */
TYTO_MUST_CHECK
enum tyto_err tyto_folds_assign(const struct tyto_dataset *data, uint32_t num_folds, uint64_t seed,
                                uint32_t *ret_folds);
/* ret_is_val (num_clips): about `share` of the groups, at least one and not all (INVALID with
 * fewer than two). */
TYTO_MUST_CHECK
enum tyto_err tyto_folds_hold_out(const struct tyto_dataset *data, float share, uint64_t seed,
                                  bool *ret_is_val);

#endif
