/* SPDX-License-Identifier: MIT */
/* One training from data sets to a run folder: basis, head, epochs, the best one's weights, model
 * card.
 *
 *   RUN/config.json             every option, and what the data were
 *   RUN/metrics.csv .json       a line an epoch
 *   RUN/basis.safetensors       the projection that was fitted
 *   RUN/checkpoint.safetensors  where it stands
 *   RUN/model.safetensors       the head of the best epoch
 *   RUN/visual.safetensors      with --tune-visual: the encoder as it was learnt, and the other,
 *   RUN/audio.safetensors       copied: the folder then serves as --models
 *   RUN/model-card.md           what it is made of and how good it is
 */
#ifndef TYTO_TRAINER_RUN_RUN_H
#define TYTO_TRAINER_RUN_RUN_H

#include "trainer/loop/train.h"
#include "trainer/run/options.h"

enum { TYTO_RUN_PATH_MAX = 4096 };

struct tyto_run_epoch {
    struct tyto_train_epoch figures;
    double took_s;
};

/* How a run ended. */
struct tyto_run_result {
    uint32_t num_epochs, best_epoch;
    float loss, accuracy, macro_f1; /* on validation, of the best epoch */
    uint32_t num_rows;              /* segments, or clips when weak */
};

struct tyto_run_params {
    const struct tyto_run_options *options;
    struct tyto_gpu *gpu;
    const struct tyto_gpu_params *gpu_params; /* how gpu was made: for further workers. Borrowed */
    /* Other processes that make the same call, or NULL. Rank 0 alone writes files and is called
     * back; all read the folder when they resume. Borrowed */
    struct tyto_ranks *ranks;
    struct tyto_dataset *train, *val; /* features as encoders make them; val NULL: none. Borrowed */
    const char *dir;                  /* the run folder, which exists */
    const char *visual_path, *audio_path; /* encoders' files; NULL: unknown. For tune_visual, whose
                                             data sets hold what the last layer reads */
    bool resumes;                         /* from the folder's checkpoint, if there is one */
    void *user;
    /* Any may be NULL. */
    void (*on_note)(void *user, const char *text); /* a line for people */
    void (*on_work)(void *user, const char *what, uint32_t num_done, uint32_t num);
    void (*on_step)(void *user, const struct tyto_train_progress *progress);
    void (*on_epoch)(void *user, const struct tyto_run_epoch *epoch);
    bool (*should_stop)(void *user); /* asked often */
};

/* CLOSED when should_stop said so: then the checkpoint is written, and the best model so far.
 * Otherwise what failed, with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run(const struct tyto_run_params *params, struct tyto_run_result *ret_result,
                       struct tyto_fault *ret_fault);

/* Hex SHA-256 of what a data set is: names, lengths, truth, classes, encoders. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_data_digest(const struct tyto_dataset *data,
                                   char ret_hex[TYTO_DIGEST_HEX_BYTES]);
/* The options of a run folder's config.json, or of any file like it, that *options does not have
 * yet. NOT_FOUND, IO, FORMAT with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_read_config(const char *path, struct tyto_run_options *options,
                                   struct tyto_fault *ret_fault);
/* Options alone as such a file: for a folder that holds several runs. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_write_options(const char *path, const struct tyto_run_options *options,
                                     struct tyto_fault *ret_fault);
/* What a run that has ended left in DIR/metrics.json. NOT_FOUND where it has not ended. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_read_result(const char *dir, struct tyto_run_result *ret_result);
/* Writes text to path by another name, sync and rename. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_write_text(const char *path, const char *text, struct tyto_fault *ret_fault);

#endif
