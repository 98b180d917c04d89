/* SPDX-License-Identifier: MIT */
/* What makes a head that went on learning one that can be trusted like the one before: its scores
 * of the old classes are put back on the old scale, so that their thresholds stay, and both heads
 * are measured on the same clips. */
#ifndef TYTO_TRAINER_ADAPT_ADAPT_H
#define TYTO_TRAINER_ADAPT_ADAPT_H

#include "base/fault.h"
#include "shaders/runtime/gpu.h"
#include "trainer/data/dataset.h"

struct tyto_adapt_params {
    const char *old_path, *new_path; /* heads; the new one's file is written anew */
    struct tyto_gpu *gpu;
    struct tyto_dataset *kept;   /* clips of what the old one was trained on */
    struct tyto_dataset *camera; /* clips of the camera, that thresholds of new classes are for */
    /* Clips to measure on; classes of all four are the new head's. NULL: not measured. */
    struct tyto_dataset *kept_val, *camera_val;
};

/* F1 of segments, over the cells of all classes and of heard, seen and both, at the thresholds. */
struct tyto_adapt_figures {
    double kept[2], camera[2]; /* before, after; NAN: not measured */
};

/* UNSUPPORTED when the heads are not multi-label; else what reading, predicting and writing say. */
TYTO_MUST_CHECK
enum tyto_err tyto_adapt_finish(const struct tyto_adapt_params *params,
                                struct tyto_adapt_figures *ret_figures,
                                struct tyto_fault *ret_fault);

#endif
