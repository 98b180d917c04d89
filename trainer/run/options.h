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

/* Paths of one kind; NULL where there is none. */
struct tyto_run_texts {
    char **texts; /* owned */
    uint32_t num;
};

struct tyto_run_options {
    struct tyto_run_texts labels, val_labels;
    char *media, *val_media, *ave, *out, *init, *freeze, *models, *cache, *device; /* owned */
    uint64_t seed;
    uint32_t head;          /* enum tyto_head_kind */
    uint32_t fusion;        /* enum tyto_cman_fusion */
    uint32_t weak;          /* enum tyto_step_pool */
    uint32_t class_weights; /* 0 none, 1 balanced */
    uint32_t best;          /* enum tyto_train_best */
    uint32_t report;        /* 0 full, 1 short, 2 none */
    uint32_t epochs, batch, warm_up, patience, folds;
    uint32_t workers;              /* 0: by the device */
    uint32_t segments, look_ahead; /* UINT32_MAX: all */
    uint32_t basis;                /* components; 0: none */
    uint32_t width;                /* of trained adapters without a basis; 0: no adapters */
    uint32_t match, when, hidden, which, head_width;
    uint32_t shift;
    uint32_t contrast;    /* epochs of it before */
    uint32_t tune_visual; /* 0 no, 1 yes */
    float tune_rate;      /* share of rate */
    float discriminant, heard_weight, seen_weight;
    float val_share, rate, decay, dropout, max_norm;
    float shift_share, modality_dropout, mixup, noise, whitening;
    uint64_t is_set; /* bit i: option i of the table was given */
};

enum tyto_run_option_kind {
    TYTO_RUN_OPTION_TEXT,
    TYTO_RUN_OPTION_TEXTS, /* may come several times */
    TYTO_RUN_OPTION_U32,
    TYTO_RUN_OPTION_U64,
    TYTO_RUN_OPTION_F32,
    TYTO_RUN_OPTION_CHOICE, /* u32: index of the word */
};

/* One line of the table. */
struct tyto_run_option {
    const char *name; /* "warm-up"; in config.json "warm_up" */
    enum tyto_run_option_kind kind;
    size_t offset; /* in struct tyto_run_options */
    double min, max;
    const char *words;    /* "none|mean|max": choices; of numbers: a word for 0 and one for "all" */
    const char *standard; /* what holds when nobody says; NULL: nothing */
    const char *value, *help;
};

/* The table; *ret_num lines. Static. */
const struct tyto_run_option *tyto_run_option_table(uint32_t *ret_num);

/* Everything as it is when nobody says. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_init(struct tyto_run_options *ret_options);
void tyto_run_options_finish(struct tyto_run_options *options);
/* Sets option number idx of the table. INVALID with what it wants in *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_set(struct tyto_run_options *options, uint32_t idx, const char *text,
                                   struct tyto_fault *ret_fault);
bool tyto_run_options_is_set(const struct tyto_run_options *options, const char *name);
/* The word of a choice, which it gives back; "" for an option that is none. */
enum { TYTO_RUN_WORD_BYTES = 16 };
const char *tyto_run_options_word(const struct tyto_run_options *options, const char *name,
                                  char ret_word[TYTO_RUN_WORD_BYTES]);
/* Every option as a member of a new object, owned; NULL when out of memory. */
struct tyto_json *tyto_run_options_to_json(const struct tyto_run_options *options);
/* Options that the object has, unless they were given already; others stay. FORMAT for an unknown
 * one or a value that does not fit. file: for the fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_run_options_from_json(struct tyto_run_options *options,
                                         const struct tyto_json *json, const char *file,
                                         struct tyto_fault *ret_fault);

#endif
