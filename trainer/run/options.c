/* SPDX-License-Identifier: MIT */
#include "trainer/run/options.h"

#include <string.h>

#include "options/common.h"
#include "options/json.h"

#define NONE_LIST(X) X(0, "none", NULL)
#define AUTO_LIST(X) X(0, "auto", NULL)
#define ALL_LIST(X) X(UINT32_MAX, "all", NULL)

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct tyto_run_options, field)
#define TEXT(key_, field, value_, help_, absent_)                                                  \
    {.key = key_, .type = TYTO_OPTION_TEXT, AT(field), .value = value_, .help = help_,             \
     .absent = absent_}
#define U32(key_, field, min_, max_, help_)                                                        \
    {.key = key_, .type = TYTO_OPTION_U32, AT(field), .min = min_, .max = max_, .help = help_}
#define F32(key_, field, min_, max_, help_)                                                        \
    {.key = key_, .type = TYTO_OPTION_F32, AT(field), .min = min_, .max = max_, .help = help_}
#define WORD(key_, field, list, help_)                                                             \
    {.key = key_, .type = TYTO_OPTION_WORD, AT(field), .words = TYTO_WORDS(list), .help = help_}
#define WIDTH(key_, field, help_) U32(key_, field, 4, 4096, help_)
enum { MAX_LABEL_FILES = 256 };

static const struct tyto_option data[] = {
    {.key = "labels", .type = TYTO_OPTION_TEXTS, AT(labels), .max = MAX_LABEL_FILES,
     .value = "FILE", .help = "labels to learn from; may be given again (tyto label --help)"},
    TEXT("media", media, "DIR", "where their recordings are", "beside the label file"),
    {.key = "val_labels", .type = TYTO_OPTION_TEXTS, AT(val_labels), .max = MAX_LABEL_FILES,
     .value = "FILE", .help = "labels to validate with; may be given again"},
    TEXT("val_media", val_media, "DIR", "their recordings", "beside the label file"),
    F32("val_share", val_share, 0, 0.9,
        "without --val-labels: share of the recordings kept for validation; 0: none"),
    TEXT("ave", ave, "DIR", "the AVE data set's HDF5 features and official splits instead", NULL),
    U32("folds", folds, 0, 100,
        "cross-validation: so many runs in RUN/fold-1 and so on, recordings kept whole; 0: none"),
    U32("segments", segments, 1, 64, "seconds of a clip"),
    {.key = "weak", .type = TYTO_OPTION_WORD, AT(weak), .words = TYTO_WORDS(TYTO_STEP_POOL_LIST),
     .alone = "max", .help = "learn from labels of whole clips, pooled over time; alone: max"},
    TEXT("teacher", teacher, "FILE",
         "a model that was trained with --weak: it says when in a clip that is labelled as a whole",
         NULL),
};

static const struct tyto_option network[] = {
    WORD("head", head, TYTO_HEAD_LIST, "what is told of a segment"),
    WORD("fusion", fusion, TYTO_CMAN_FUSION_LIST,
         "how sound and picture come together; all but cman are there to compare with"),
    TEXT("init", init, "FILE", "start from a model; what fits is kept, classes by name, and its widths and look-ahead where no others are given", NULL),
    TEXT("freeze", freeze, "PREFIX,...",
         "tensors that keep their values: where,when,lstm,which,head.0", NULL),
    {.key = "basis", .type = TYTO_OPTION_U32, AT(basis), .max = 2048, .words = TYTO_WORDS(NONE_LIST),
     .help = "principal components of the pictures that are learnt from; none: features as they "
             "are"},
    F32("whitening", whitening, 0, 1, "how far a basis evens out its components"),
    {.key = "width", .type = TYTO_OPTION_U32, AT(width), .max = 4096, .words = TYTO_WORDS(NONE_LIST),
     .help = "without a basis: width of learnt adapters; none: no adapters"},
    WIDTH("match", match, "width of where"),
    WIDTH("when", when, "width of when"),
    WIDTH("hidden", hidden, "width of the LSTMs"),
    WIDTH("which", which, "width of which"),
    WIDTH("head_width", head_width, "width of the last layer"),
    {.key = "no_skip", .type = TYTO_OPTION_FLAG, AT(no_skip),
     .help = "no maps from sound and pictures straight to the scores, beside the network"},
    {.key = "look_ahead", .type = TYTO_OPTION_U32, AT(look_ahead), .max = 64,
     .words = TYTO_WORDS(ALL_LIST),
     .help = "segments of future that a decision waits for; all: the whole window"},
};

static const struct tyto_option learning[] = {
    U32("epochs", epochs, 1, 100000, "at most"),
    U32("batch", batch, 1, 4096, "clips of a step"),
    F32("rate", rate, 1e-8, 1, "highest learning rate; with --init 3e-4 unless given"),
    F32("decay", decay, 0, 10, "weight decay"),
    F32("dropout", dropout, 0, 0.9, "share of units left out"),
    U32("warm_up", warm_up, 0, 1000000, "steps of rising rate"),
    F32("max_norm", max_norm, 1e-6, 1e6, "gradients are clipped to this"),
    U32("patience", patience, 0, 100000, "stop after so many epochs without a better one; 0: never"),
    WORD("best", best, TYTO_TRAIN_BEST_LIST, "the best epoch by this figure of validation"),
    {.key = "seed", .type = TYTO_OPTION_U64, AT(seed), .max = 9e18,
     .help = "the same seed, data and device give the same run, bit by bit"},
};

static const struct tyto_option augment[] = {
    U32("shift", shift, 0, 32, "move sound against picture by up to so many segments; 0: never"),
    F32("shift_share", shift_share, 0, 1, "of the clips"),
    F32("modality_dropout", modality_dropout, 0, 1,
        "share of the clips that lose sound or picture"),
    F32("mixup", mixup, 0, 10, "mix two clips by Beta(X, X); 0: never"),
    F32("noise", noise, 0, 10, "noise on features, in deviations of a basis' features"),
};

static const struct tyto_option objective[] = {
    WORD("class_weights", class_weights, TYTO_RUN_BALANCE_LIST, "how much classes count"),
    F32("heard_weight", heard_weight, 0.01, 100,
        "multi_label: weight of being heard beside being both"),
    F32("seen_weight", seen_weight, 0.01, 100, "the same of being seen"),
    U32("contrast", contrast, 0, 10000,
        "first so many epochs without labels: which sound belongs to which picture"),
    F32("discriminant", discriminant, 0, 100,
        "softmax: weight of telling classes apart by eigenvalues, beside the loss"),
    {.key = "tune_visual", .type = TYTO_OPTION_FLAG, AT(tune_visual),
     .help = "learn the picture encoder's last layer too: RUN becomes a folder for --models; about "
             "26 GFLOP each way for 64 clips, which is seconds without a GPU"},
    F32("tune_rate", tune_rate, 0, 10, "its rate, times --rate"),
};

static const struct tyto_option machine[] = {
    TEXT("out", out, "RUN", "folder of the run, made", NULL),
    WORD("report", report, TYTO_RUN_REPORT_LIST, "report.html at the end"),
    TYTO_OPTION_MODELS(struct tyto_run_options, models),
    TYTO_OPTION_CACHE(struct tyto_run_options, cache),
    {.key = "workers", .type = TYTO_OPTION_U32, AT(workers), .max = 64,
     .words = TYTO_WORDS(AUTO_LIST),
     .help = "devices that share a batch; auto: one, or one a core on a software driver"},
    TYTO_OPTION_DEVICE(TYTO_OPTION_TEXT, struct tyto_run_options, device),
};

#define GROUP(idx, title_, rows_)                                                                  \
    [idx] = {.title = title_, .rows = rows_, .num_rows = TYTO_NUM_ROWS(rows_),                     \
             .marks = offsetof(struct tyto_run_options, given) + (idx) * sizeof(uint64_t)}

const struct tyto_option_group tyto_run_groups[TYTO_RUN_NUM_GROUPS] = {
    GROUP(TYTO_RUN_DATA, "Data", data),
    GROUP(TYTO_RUN_NETWORK, "Network", network),
    GROUP(TYTO_RUN_LEARNING, "Learning", learning),
    GROUP(TYTO_RUN_AUGMENT, "Augmentation", augment),
    GROUP(TYTO_RUN_OBJECTIVE, "Objective", objective),
    GROUP(TYTO_RUN_MACHINE, "Where and by what", machine),
};
/* clang-format on */

enum tyto_err tyto_run_options_init(struct tyto_run_options *ret_options)
{
    *ret_options = (struct tyto_run_options){
        .head = TYTO_HEAD_MULTI_LABEL,
        .best = TYTO_TRAIN_BEST_MAP,
        .seed = 1,
        .val_share = 0.15f,
        .epochs = 40,
        .batch = 32,
        .rate = 2e-3f,
        .decay = 0.1f,
        .dropout = 0.3f,
        .warm_up = 20,
        .max_norm = 1,
        .patience = 12,
        .shift = 4,
        .shift_share = 0.25f,
        .modality_dropout = 0.2f,
        .mixup = 0.2f,
        .noise = 0.3f,
        .heard_weight = 1,
        .seen_weight = 1,
        .tune_rate = 0.1f,
        .basis = 128,
        .whitening = 0.5f,
        .width = 128,
        .match = 64,
        .when = 64,
        .hidden = 96,
        .which = 64,
        .head_width = 64,
        .look_ahead = 1,
        .segments = 10,
    };
    ret_options->device = strdup("auto");
    return ret_options->device ? TYTO_OK : TYTO_ERR_NOMEM;
}

void tyto_run_options_finish(struct tyto_run_options *options)
{
    tyto_options_finish(tyto_run_groups, TYTO_RUN_NUM_GROUPS, options);
}

static bool find_key(const char *key, uint32_t *ret_group, uint32_t *ret_row)
{
    for (uint32_t g = 0; g < TYTO_RUN_NUM_GROUPS; g++) {
        for (uint32_t i = 0; i < tyto_run_groups[g].num_rows; i++) {
            if (strcmp(tyto_run_groups[g].rows[i].key, key) != 0)
                continue;
            *ret_group = g;
            *ret_row = i;
            return true;
        }
    }
    return false;
}

enum tyto_err tyto_run_options_set(struct tyto_run_options *options, const char *key,
                                   const char *text, struct tyto_fault *ret_fault)
{
    struct tyto_fault fault = {.text = ""};
    uint32_t group = 0, row = 0;

    if (!find_key(key, &group, &row))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, key, "no option is called so");
    uint64_t given = options->given[group];
    const enum tyto_err err =
        tyto_option_give(&tyto_run_groups[group], row, options, &given, text, &fault);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, key, "%s", fault.text);
    return TYTO_OK;
}

bool tyto_run_options_is_set(const struct tyto_run_options *options, const char *key)
{
    uint32_t group = 0, row = 0;

    return find_key(key, &group, &row) && (options->given[group] >> row & 1);
}

struct tyto_json *tyto_run_options_to_json(const struct tyto_run_options *options)
{
    return tyto_options_to_json(tyto_run_groups, TYTO_RUN_NUM_GROUPS, options);
}

enum tyto_err tyto_run_options_from_json(struct tyto_run_options *options,
                                         const struct tyto_json *json, const char *file,
                                         struct tyto_fault *ret_fault)
{
    return tyto_options_from_json(tyto_run_groups, TYTO_RUN_NUM_GROUPS, options, json, file,
                                  ret_fault);
}
