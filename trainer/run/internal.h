/* SPDX-License-Identifier: MIT */
/* What run.c (the run), run_head.c (its net and what it starts from), run_folder.c (its files) and
 * run_card.c share. No other file includes this. */
#ifndef TYTO_TRAINER_RUN_INTERNAL_H
#define TYTO_TRAINER_RUN_INTERNAL_H

#include "model/cman/weights.h"
#include "trainer/data/basis.h"
#include "trainer/data/last_layer.h"
#include "trainer/run/run.h"

struct tyto_run_state {
    const struct tyto_run_params *params;
    const struct tyto_run_options *options;
    struct tyto_fault *fault;
    struct tyto_cman_weights init; /* tensors NULL: there is none */
    bool has_init, has_basis;
    bool basis_is_inits; /* the basis is the adapter of init */
    struct tyto_basis basis;
    struct tyto_dataset *projected[2]; /* owned: train, val; NULL: as they came */
    struct tyto_last_layer layer;      /* that is tuned: as it was, after export as it is */
    struct tyto_dataset *encoded[2];   /* owned: train, val through it; NULL: it is not tuned */
    struct tyto_step_params step;
    float *class_weights; /* owned */
    struct tyto_train *train;
    struct tyto_run_epoch *epochs; /* owned, (num_epochs) */
    uint32_t num_epochs, cap_epochs;
    uint64_t epoch_begin_ns;
    struct tyto_train_figures figures;      /* thresholds and f1 owned, (K) */
    char digests[2][TYTO_DIGEST_HEX_BYTES]; /* of train and val; "": none */
};

/* DIR/name. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_path(const char *dir, const char *name, char ret_path[TYTO_RUN_PATH_MAX],
                            struct tyto_fault *ret_fault);
/* Whether this process writes files and calls back: rank 0. */
bool tyto_run_is_first(const struct tyto_run_state *run);
void tyto_run_note(const struct tyto_run_state *run, const char *fmt, ...) TYTO_PRINTF(2, 3);

/* --- run_head.c ------------------------------------------------------------------------------ */

/* Reads --init, if any. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_load_init(struct tyto_run_state *run);
/* Fits the basis, takes it from init or from the run folder, and projects the data sets. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_project(struct tyto_run_state *run);
/* Fills run->step. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_choose_dims(struct tyto_run_state *run);
/* A tuned encoder's adapters begin as the basis, if there is one. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_start_from_basis(struct tyto_run_state *run);
/* Puts what fits of init into run->train and says what that was. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_start_from_init(struct tyto_run_state *run);
TYTO_MUST_CHECK
enum tyto_err tyto_run_export(struct tyto_run_state *run);

/* --- run_tune.c ------------------------------------------------------------------------------ */

/* With --tune-visual: the layer, and the data sets through it. INVALID where that makes no sense.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_run_open_tune(struct tyto_run_state *run);
void tyto_run_close_tune(struct tyto_run_state *run);
/* RUN/visual.safetensors, its digest, and the other encoder beside it. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_export_tuned(struct tyto_run_state *run,
                                    char ret_digest[TYTO_DIGEST_HEX_BYTES]);

/* --- run_folder.c ---------------------------------------------------------------------------- */

TYTO_MUST_CHECK
enum tyto_err tyto_run_write_config(const struct tyto_run_state *run);
/* INVALID when config.json was of other data. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_check_data(const struct tyto_run_state *run);
/* metrics.csv and metrics.json; with the result when is_over. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_write_metrics(const struct tyto_run_state *run, bool is_over);
/* Epochs 1..num_epochs of metrics.json, as far as they are there. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_read_metrics(struct tyto_run_state *run, uint32_t num_epochs);
TYTO_MUST_CHECK
enum tyto_err tyto_run_add_epoch(struct tyto_run_state *run, const struct tyto_run_epoch *epoch);

/* --- run_report.c ---------------------------------------------------------------------------- */

/* After the model's file; nothing without validation. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_write_report(struct tyto_run_state *run);

/* --- run_card.c ------------------------------------------------------------------------------ */

TYTO_MUST_CHECK
enum tyto_err tyto_run_write_card(const struct tyto_run_state *run);

#endif
