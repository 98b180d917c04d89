/* SPDX-License-Identifier: MIT */
/* What train.c (the loop) and train_file.c (checkpoints, the head's file) share. No other file
 * includes this. */
#ifndef TYTO_TRAINER_TRAIN_PARTS_H
#define TYTO_TRAINER_TRAIN_PARTS_H

#include "trainer/train.h"

struct tyto_train {
    struct tyto_train_params params;
    struct tyto_step *step;
    uint32_t *order; /* owned, (train clips) */
    float *best;     /* owned, (layout's num): values of the best epoch */
    uint32_t epoch, best_epoch;
    uint32_t num_steps; /* so far */
    float best_loss;
};

/* Writes everything that the next epoch depends on, atomically. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_write_checkpoint(const struct tyto_train *train, const char *path);

#endif
