/* SPDX-License-Identifier: MIT */
/* A head learns a camera of its own, new classes too. Only its last layer changes, and the streams'
 * maps straight to the scores: from the camera's corrected seconds towards their truth, from kept
 * seconds towards what the head said of them before (so that the scores of all else, their
 * calibration and their thresholds stay), and held to what it was. */
#ifndef TYTO_TRAINER_ADAPT_ADAPT_H
#define TYTO_TRAINER_ADAPT_ADAPT_H

#include "base/fault.h"
#include "model/cman/weights.h"
#include "trainer/data/dataset.h"

struct tyto_adapt_round {
    uint32_t round, num_rounds;
    double loss, held_back_loss, held_back_map; /* NAN: nothing is held back */
};

struct tyto_adapt_params {
    const struct tyto_cman_weights *head; /* multi-label; borrowed */
    struct tyto_dataset *kept;            /* clips of what it was trained on */
    struct tyto_dataset *camera; /* corrected ones; classes of both: the head's, then new ones */
    /* Of so many recordings one is held back first, to measure on, and learnt from in the end; 0:
     * none is. */
    uint32_t kept_hold_back, camera_hold_back;
    double rehearse; /* weight of the kept seconds beside the camera's */
    double hold;     /* of the last layer to what it was */
    uint32_t num_rounds;
    void *user;
    void (*on_round)(void *user,
                     const struct tyto_adapt_round *round); /* while some are held back */
    void (*on_work)(void *user, double share);              /* of all that is to be done */
    bool (*should_stop)(void *user);
};

/* F1 of seconds that were not learnt from, over the cells of all classes and of heard, seen and
 * both, at the thresholds. */
struct tyto_adapt_figures {
    double kept[2], camera[2]; /* before, after; NAN: not measured */
};

/* Writes the head that learnt from all clips to path. UNSUPPORTED when it is not multi-label, EMPTY
 * when no second of the camera's clips has a label; CLOSED, NOMEM and what reading and writing say,
 * with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_adapt(const struct tyto_adapt_params *params, const char *path,
                         struct tyto_adapt_figures *ret_figures, struct tyto_fault *ret_fault);

#endif
