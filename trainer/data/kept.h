/* SPDX-License-Identifier: MIT */
/* A few clips of what a head was trained on, small enough to ship beside it, so that what is learnt
 * later need not be paid for with what was known (rehearsal).
 *
 * A file is safetensors, "tyto.format" kept/1. Clips are kept as the head's adapters make them, in
 * bytes, and of each picture only the places that differ most from the mean of all, and the mean of
 * the others. Read, they are features of the encoders again, such that the adapters make the same
 * of them. The file fits every head that has the same adapters. */
#ifndef TYTO_TRAINER_DATA_KEPT_H
#define TYTO_TRAINER_DATA_KEPT_H

#include "base/fault.h"
#include "model/cman/weights.h"
#include "trainer/data/dataset.h"

enum { TYTO_KEPT_MAX_PLACES = 12 /* of a picture, that are kept apart */ };

struct tyto_kept_params {
    const struct tyto_cman_weights *head; /* with adapters; its classes are the data set's */
    struct tyto_dataset *dataset;         /* features as encoders make them */
    uint64_t max_bytes;                   /* of the file, about */
    void *user;
    bool (*should_stop)(void *user); /* or NULL */
};

/* Chooses clips so that rare classes come as often as may be, some without any class, and writes
 * them; *ret_num clips. SHAPE when the data set does not fit the head or it has no adapters, EMPTY
 * when not one clip fits max_bytes; CLOSED, IO, FORMAT, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_kept_write(const char *path, const struct tyto_kept_params *params,
                              uint32_t *ret_num, struct tyto_fault *ret_fault);
/* The kept clips as a data set of these classes (num_classes), which hold all of the file's; the
 * others are in none of its clips. head's tensors are borrowed until the call returns. NOT_FOUND,
 * IO, FORMAT; SHAPE for another head's. */
TYTO_MUST_CHECK
enum tyto_err tyto_kept_open(const char *path, const struct tyto_cman_weights *head,
                             const char (*classes)[TYTO_DATASET_NAME_BYTES], uint32_t num_classes,
                             struct tyto_dataset **ret_dataset, struct tyto_fault *ret_fault);

#endif
