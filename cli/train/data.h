/* SPDX-License-Identifier: MIT */
/* The data sets that a training's options name: labels and features, made when missing, or AVE's
 * files; and their split. */
#ifndef TYTO_CLI_TRAIN_DATA_H
#define TYTO_CLI_TRAIN_DATA_H

#include "cli/common/progress.h"
#include "trainer/data/dataset.h"
#include "trainer/run/options.h"

struct tyto_train_data_params {
    const struct tyto_run_options *options;
    struct tyto_gpu *gpu; /* for the teacher; borrowed */
    struct tyto_progress *progress;
    bool (*should_stop)(void *user);
    void *user;
};

/* What was opened; all owned. */
struct tyto_train_data {
    struct tyto_dataset *all, *all_val;       /* as read; all_val NULL: none of its own */
    char visual_path[4096], audio_path[4096]; /* encoders' files; "": none were needed */
    struct tyto_dataset *train, *val; /* what to train on: views of the two, or NULL: themselves */
};

/* Prints faults and what was read. CLOSED when stopped; else an error that has been printed. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_data_open(const struct tyto_train_data_params *params,
                                   struct tyto_train_data *ret_data);
void tyto_train_data_close(struct tyto_train_data *data);
/* What to train on and to validate with (NULL: nothing). */
struct tyto_dataset *tyto_train_data_train(const struct tyto_train_data *data);
struct tyto_dataset *tyto_train_data_val(const struct tyto_train_data *data);
/* Makes train and val those of fold fold_idx of num_folds. Prints what went wrong. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_data_fold(struct tyto_train_data *data, uint32_t num_folds,
                                   uint32_t fold_idx, uint64_t seed);

#endif
