/* SPDX-License-Identifier: MIT */
/* A last layer that goes on learning. What it reads is the same all the time, so that this is a sum
 * of logistic regressions: one best answer, which no order of clips and no seed changes, found by
 * L-BFGS in seconds. */
#ifndef TYTO_TRAINER_ADAPT_FIT_H
#define TYTO_TRAINER_ADAPT_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Rows that are learnt from; all borrowed. */
struct tyto_fit_part {
    uint32_t num;         /* rows */
    const float *inputs;  /* (num, width) */
    const float *starts;  /* (num, outputs): log-odds before */
    const float *targets; /* (num, outputs): 0..1 */
    double weight;        /* of the mean over its rows */
};

struct tyto_fit_progress {
    uint32_t round, num_rounds;
    double loss; /* of what is learnt from, without what holds */
};

struct tyto_fit_params {
    uint32_t width, outputs;
    const struct tyto_fit_part *parts;
    uint32_t num_parts;
    double hold;         /* of the squares of all changes: how much is held to what it was */
    uint32_t num_rounds; /* each some iterations */
    void *user;
    /* changes as they stand (outputs, width); false: stop. NULL: nobody asks. */
    bool (*on_round)(void *user, const struct tyto_fit_progress *progress, const float *changes);
};

/* ret_changes (outputs, width) <- what is added to the layer. CLOSED when on_round said so; NOMEM;
 * INVALID when a number is not finite. */
TYTO_MUST_CHECK
enum tyto_err tyto_fit(const struct tyto_fit_params *params, float *ret_changes);

#endif
