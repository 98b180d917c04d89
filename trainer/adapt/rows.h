/* SPDX-License-Identifier: MIT */
/* A data set as a head's last layer sees it: one row for each second whose truth is known. */
#ifndef TYTO_TRAINER_ADAPT_ROWS_H
#define TYTO_TRAINER_ADAPT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "model/cman/weights.h"
#include "trainer/data/dataset.h"

struct tyto_adapt_rows {
    uint32_t num, num_learnt; /* rows; the first ones of them are not held back */
    uint32_t width;           /* of what the layer reads, and a constant */
    uint32_t outputs;         /* (3, K) of the data set's classes */
    float *inputs;            /* owned, (num, width) */
    float *starts;            /* owned, (num, outputs): the head's log-odds */
    float *truth;             /* owned, (num, outputs): 0 or 1 */
};

struct tyto_adapt_rows_params {
    const struct tyto_cman_weights *head; /* its classes are the data set's first ones */
    struct tyto_dataset *clips;
    uint32_t hold_back; /* of so many recordings one is held back; 0: none is */
    void *user;
    bool (*should_stop)(void *user); /* or NULL */
};

/* What a class that the head does not have begins with, as log-odds. */
#define TYTO_ADAPT_NEW_CLASS (-4.0f)

/* Clips of which only the whole is known give no rows. CLOSED when should_stop said so; NOMEM, and
 * what reading says, with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_adapt_rows_make(const struct tyto_adapt_rows_params *params,
                                   struct tyto_adapt_rows *ret_rows, struct tyto_fault *ret_fault);
void tyto_adapt_rows_finish(struct tyto_adapt_rows *rows);

#endif
