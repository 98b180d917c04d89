/* SPDX-License-Identifier: MIT */
/* Labels and the feature cache as a data set: each recording is cut into windows of T segments, a
 * segment carries a label that covers at least half of it. */
#ifndef TYTO_TRAINER_DATA_DATASET_CACHE_H
#define TYTO_TRAINER_DATA_DATASET_CACHE_H

#include "trainer/data/dataset.h"
#include "trainer/data/features/features.h"
#include "trainer/labels/labels.h"

struct tyto_dataset_cache_params {
    const struct tyto_labels *labels;            /* borrowed until open returns */
    const struct tyto_features_params *features; /* likewise; missing features are made */
    uint32_t num_segments;                       /* T; 0: 10 */
    /* Which classes, in which order (num_classes 0: those of the labels). A label of another class
     * is a fault, or counts as background when skips_unknown. */
    const char (*classes)[TYTO_DATASET_NAME_BYTES];
    uint32_t num_classes;
    bool skips_unknown;
};

/* Recordings that cannot be read are told to features->on_fault and left out; FORMAT when none is
 * left. Otherwise as tyto_features_create and tyto_features_run. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_cache_open(const struct tyto_dataset_cache_params *params,
                                      struct tyto_dataset **ret_dataset,
                                      struct tyto_fault *ret_fault);

#endif
