/* SPDX-License-Identifier: MIT */
/* Everything that can be chosen about a training, once: what `tyto train` takes as options, what
 * config.json holds, and what the run reads. */
#ifndef TYTO_TRAINER_RUN_OPTIONS_H
#define TYTO_TRAINER_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "files/json.h"
#include "model/cman/weights.h"
#include "options/options.h"
#include "trainer/loop/train.h"
#include "trainer/step/step.h"

#define TYTO_RUN_REPORT_LIST(X)                                                                    \
    X(TYTO_RUN_REPORT_FULL, "full", NULL)                                                          \
    X(TYTO_RUN_REPORT_SHORT, "short", "without the curve of shifted sound")                        \
    X(TYTO_RUN_REPORT_NONE, "none", NULL)
enum tyto_run_report { TYTO_RUN_REPORT_LIST(TYTO_WORD_ENUM) };

#define TYTO_RUN_BALANCE_LIST(X)                                                                   \
    X(TYTO_RUN_BALANCE_NONE, "none", NULL)                                                         \
    X(TYTO_RUN_BALANCE_BALANCED, "balanced", "rare classes count more, up to 10 times")
enum tyto_run_balance { TYTO_RUN_BALANCE_LIST(TYTO_WORD_ENUM) };

enum tyto_run_group {
    TYTO_RUN_DATA,
    TYTO_RUN_NETWORK,
    TYTO_RUN_LEARNING,
    TYTO_RUN_AUGMENT,
    TYTO_RUN_OBJECTIVE,
    TYTO_RUN_MACHINE,
    TYTO_RUN_NUM_GROUPS,
};

struct tyto_run_options {
    struct tyto_texts labels, val_labels;
    /* owned */
    char *media, *val_media, *ave, *teacher, *out, *init, *freeze, *models, *cache, *device;
    uint64_t seed;
    enum tyto_head_kind head;
    enum tyto_cman_fusion fusion;
    enum tyto_step_pool weak;
    enum tyto_run_balance class_weights;
    enum tyto_train_best best;
    enum tyto_run_report report;
    uint32_t epochs, batch, warm_up, patience, folds;
    uint32_t workers;              /* 0: by the device */
    uint32_t segments, look_ahead; /* UINT32_MAX: all */
    uint32_t basis;                /* components; 0: none */
    uint32_t width;                /* of trained adapters without a basis; 0: no adapters */
    uint32_t match, when, hidden, which, head_width;
    uint32_t shift;
    uint32_t contrast; /* epochs of it before */
    bool no_skip;
    bool tune_visual;
    float tune_rate; /* share of rate */
    float discriminant, heard_weight, seen_weight;
    float val_share, rate, decay, dropout, max_norm;
    float shift_share, modality_dropout, mixup, noise, whitening;
    uint64_t given[TYTO_RUN_NUM_GROUPS]; /* marks over the rows of each group */
};

/* Over struct tyto_run_options. */
extern const struct tyto_option_group tyto_run_groups[TYTO_RUN_NUM_GROUPS];

/* Sets every option to its default. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_init(struct tyto_run_options *ret_options);
void tyto_run_options_finish(struct tyto_run_options *options);
/* Sets the option of that key, "warm_up", and marks it as given. INVALID with what it wants in
 * *ret_fault, also when there is no such option. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_set(struct tyto_run_options *options, const char *key,
                                   const char *text, struct tyto_fault *ret_fault);
bool tyto_run_options_is_set(const struct tyto_run_options *options, const char *key);
/* Every option as a member of a new object, owned; NULL when out of memory. */
struct tyto_json *tyto_run_options_to_json(const struct tyto_run_options *options);
/* Options that the object has, unless they were given already; others stay. FORMAT for an unknown
 * one, INVALID for a value that does not fit. file: for the fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_from_json(struct tyto_run_options *options,
                                         const struct tyto_json *json, const char *file,
                                         struct tyto_fault *ret_fault);

#endif
