/* SPDX-License-Identifier: MIT */
/* What the runs of a cross-validation say together: a table, and folds.json. */
#ifndef TYTO_CLI_TRAIN_FOLDS_H
#define TYTO_CLI_TRAIN_FOLDS_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_TRAIN_NUM_FIGURES = 2, TYTO_TRAIN_MAX_FOLDS = 100 };

struct tyto_train_folds {
    uint32_t num;
    double figures[TYTO_TRAIN_NUM_FIGURES][TYTO_TRAIN_MAX_FOLDS]; /* accuracy, F1 */
};

/* The folds, their mean and the deviation of one of them, to stdout. */
void tyto_train_folds_print(const struct tyto_train_folds *folds);
/* The same to DIR/folds.json. IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_folds_write(const struct tyto_train_folds *folds, const char *dir,
                                     struct tyto_fault *ret_fault);

#endif
