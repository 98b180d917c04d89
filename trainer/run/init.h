/* SPDX-License-Identifier: MIT */
/* Starting from another head: what has the same name and shape is kept, and the last layer's rows
 * by the names of their classes. */
#ifndef TYTO_TRAINER_RUN_INIT_H
#define TYTO_TRAINER_RUN_INIT_H

#include "model/cman/weights.h"
#include "trainer/data/dataset.h"

struct tyto_init_report {
    uint32_t num_kept, num_tensors; /* tensors, without the last layer */
    uint32_t num_classes_kept;      /* of the new ones */
    bool other_head;                /* of another kind: no class was kept */
    const char *first_misfit;       /* a tensor that did not fit; NULL: all did. Static */
};

/* tensors: those of a net of dims, which are overwritten where from fits (NULL: not there). classes
 * (dims->num_classes). */
void tyto_init_tensors(const struct tyto_cman_weights *from, const struct tyto_cman_dims *dims,
                       char (*classes)[TYTO_DATASET_NAME_BYTES], float *const *tensors,
                       struct tyto_init_report *ret_report);

#endif
