/* SPDX-License-Identifier: MIT */
/* The data that `tyto eval` measures a head on: labels and features, made when missing, or AVE's
 * files. */
#ifndef TYTO_CLI_EVAL_DATA_H
#define TYTO_CLI_EVAL_DATA_H

#include "cli/common/media.h"
#include "cli/common/progress.h"
#include "model/cman/weights.h"
#include "trainer/data/ave/ave.h"
#include "trainer/labels/labels.h"

struct tyto_eval_data {
    struct tyto_media_options media;
    const char *const *label_paths;
    uint32_t num_label_paths;
    enum tyto_label_format format;
    const char *media_dir;
    const char *ave_dir; /* instead of labels */
    enum tyto_ave_split split;
    bool skips_unknown; /* labels of classes that the head does not know are background */
    struct tyto_progress *progress;
    bool (*should_stop)(void *user);
    void *user;
};

/* Tells bad lines on stderr. */
TYTO_MUST_CHECK
enum tyto_err tyto_eval_data_labels(struct tyto_eval_data *data, bool needs_media,
                                    struct tyto_labels *ret_labels, struct tyto_fault *ret_fault);
/* With the head's classes and T; refuses features of other encoders than the head was trained
 * with. CLOSED when stopped. */
TYTO_MUST_CHECK
enum tyto_err tyto_eval_data_open(struct tyto_eval_data *data, const struct tyto_cman_weights *head,
                                  const char *head_path, struct tyto_dataset **ret_dataset,
                                  struct tyto_fault *ret_fault);

#endif
