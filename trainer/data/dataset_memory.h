/* SPDX-License-Identifier: MIT */
/* A data set of features in memory, for tests and small experiments. */
#ifndef TYTO_TRAINER_DATA_DATASET_MEMORY_H
#define TYTO_TRAINER_DATA_DATASET_MEMORY_H

#include "trainer/data/dataset.h"

/* All borrowed until the data set is destroyed. */
struct tyto_dataset_memory {
    const float *audio;     /* (clips, T, A) */
    const float *visual;    /* (clips, T, L, V) */
    const bool *has_audio;  /* (clips, T); NULL: everywhere */
    const bool *has_visual; /* likewise */
};

/* The caller fills truth, classes and len. NOMEM, SHAPE. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_memory_create(const struct tyto_dataset_shape *shape,
                                         const struct tyto_dataset_memory *memory,
                                         struct tyto_dataset **ret_dataset);

#endif
