/* SPDX-License-Identifier: MIT */
/* A run or an evaluation as one page of HTML: figures, curves, confusions, calibration, shifts, and
 * what was true and predicted in the best and the worst clips. The file is report.html with the
 * report's data in it: a script of its own draws them, and nothing is loaded; light or dark as the
 * reader's system is. */
#ifndef TYTO_TRAINER_EVAL_REPORT_REPORT_H
#define TYTO_TRAINER_EVAL_REPORT_REPORT_H

#include "base/fault.h"
#include "trainer/eval/measure.h"

struct tyto_report_pair {
    const char *key, *value;
};

struct tyto_report_epoch {
    uint32_t epoch;                            /* from 1 on */
    double train_loss, val_loss, val_accuracy; /* NAN: not known */
    bool is_best;
};

/* Everything borrowed; what is NULL or none is left out of the page. */
struct tyto_report {
    const char *title;                    /* free text, as all texts here: it is escaped */
    const struct tyto_report_pair *pairs; /* what was run: model, data, options */
    uint32_t num_pairs;
    const struct tyto_report_epoch *epochs;
    uint32_t num_epochs;
    const struct tyto_dataset *dataset; /* these three together */
    const struct tyto_predictions *predictions;
    const struct tyto_measurement *measurement;
    const struct tyto_shift_point *shifts; /* by rising shift */
    uint32_t num_shifts;
    const struct tyto_shift_point *no_audio, *no_visual;
};

/* Writes the page under a temporary name and renames it. IO, NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_report_write(const char *path, const struct tyto_report *report,
                                struct tyto_fault *ret_fault);

/* A finished training: predicts the clips of dataset (validation, as a rule) with the head,
 * measures, shifts the sound by -4..4 segments, drops either stream, and writes the page. */
struct tyto_report_run {
    const char *title;
    const struct tyto_report_pair *pairs;
    uint32_t num_pairs;
    const struct tyto_report_epoch *epochs;
    uint32_t num_epochs;
    const char *head_path;
    struct tyto_gpu *gpu;
    struct tyto_dataset *dataset; /* features as the head's file wants them (not projected) */
    bool skips_shifts;            /* the shift curve costs ten more predictions */
    void *user;
    bool (*on_progress)(void *user, uint64_t num_done, uint64_t num); /* false: stop; or NULL */
};
TYTO_MUST_CHECK
enum tyto_err tyto_report_from_run(const char *path, const struct tyto_report_run *run,
                                   struct tyto_fault *ret_fault);

#endif
