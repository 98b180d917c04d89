/* SPDX-License-Identifier: MIT */
#include "trainer/run/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

#define AT(member) offsetof(struct tyto_run_options, member)
#define TEXT TYTO_RUN_OPTION_TEXT
#define U32 TYTO_RUN_OPTION_U32
#define F32 TYTO_RUN_OPTION_F32
#define CHOICE TYTO_RUN_OPTION_CHOICE

/* name, kind, offset, min, max, words, standard, value, help */
/* clang-format off */
static const struct tyto_run_option table[] = {
    {"labels", TYTO_RUN_OPTION_TEXTS, AT(labels), 0, 0, NULL, NULL, "FILE",
     "labels to learn from; may be given again (tyto label --help)"},
    {"media", TEXT, AT(media), 0, 0, NULL, NULL, "DIR",
     "where their recordings are (default: beside the label file)"},
    {"val-labels", TYTO_RUN_OPTION_TEXTS, AT(val_labels), 0, 0, NULL, NULL, "FILE",
     "labels to validate with"},
    {"val-media", TEXT, AT(val_media), 0, 0, NULL, NULL, "DIR", "their recordings"},
    {"val-share", F32, AT(val_share), 0, 0.9, NULL, "0.15", "X",
     "without --val-labels: share of the recordings kept for validation; 0: none"},
    {"ave", TEXT, AT(ave), 0, 0, NULL, NULL, "DIR",
     "the AVE data set's HDF5 features and official splits instead"},
    {"out", TEXT, AT(out), 0, 0, NULL, NULL, "RUN", "folder of the run, made"},
    {"head", CHOICE, AT(head), 0, 1, "softmax|multi_label", "multi_label", "KIND",
     "multi_label (heard, seen, both; what tytod serves best) or softmax (one class at a time)"},
    {"fusion", CHOICE, AT(fusion), 0, 3, "cman|early|audio|visual", "cman", "KIND",
     "cman, or a baseline to compare with: early, audio, visual"},
    {"weak", CHOICE, AT(weak), 0, 2, "none|mean|max", "none", "HOW",
     "learn from labels of whole clips, pooled over time by mean or max"},
    {"folds", U32, AT(folds), 0, 100, NULL, "0", "K",
     "cross-validation: K runs in RUN/fold-1 and so on, recordings kept whole"},
    {"epochs", U32, AT(epochs), 1, 100000, NULL, "40", "N", "at most"},
    {"batch", U32, AT(batch), 1, 4096, NULL, "32", "N", "clips of a step"},
    {"rate", F32, AT(rate), 1e-8, 1, NULL, "2e-3", "X", "highest learning rate; with --init 3e-4"},
    {"decay", F32, AT(decay), 0, 10, NULL, "0.1", "X", "weight decay"},
    {"dropout", F32, AT(dropout), 0, 0.9, NULL, "0.3", "X", "share of units left out"},
    {"warm-up", U32, AT(warm_up), 0, 1000000, NULL, "20", "N", "steps of rising rate"},
    {"max-norm", F32, AT(max_norm), 1e-6, 1e6, NULL, "1", "X", "gradients are clipped to this"},
    {"patience", U32, AT(patience), 0, 100000, NULL, "12", "N",
     "stop after N epochs without a better one; 0: never"},
    {"best", CHOICE, AT(best), 0, 2, "accuracy|loss|map", "map", "WHAT",
     "the best epoch by validation accuracy, loss, or mean average precision"},
    {"report", CHOICE, AT(report), 0, 2, "full|short|none", "full", "KIND",
     "report.html at the end; short: without the curve of shifted sound"},
    {"seed", TYTO_RUN_OPTION_U64, AT(seed), 0, 9e18, NULL, "1", "N",
     "the same seed, data and device give the same run, bit by bit"},
    {"shift", U32, AT(shift), 0, 32, NULL, "4", "N",
     "move sound against picture by up to N segments; 0: never"},
    {"shift-share", F32, AT(shift_share), 0, 1, NULL, "0.25", "X", "of the clips"},
    {"modality-dropout", F32, AT(modality_dropout), 0, 1, NULL, "0.2", "X",
     "share of the clips that lose sound or picture"},
    {"mixup", F32, AT(mixup), 0, 10, NULL, "0.2", "A", "mix two clips by Beta(A,A); 0: never"},
    {"noise", F32, AT(noise), 0, 10, NULL, "0.3", "X",
     "noise on features, in deviations of a basis' features"},
    {"class-weights", CHOICE, AT(class_weights), 0, 1, "none|balanced", "none", "HOW",
     "balanced: rare classes count more, up to 10 times"},
    {"heard-weight", F32, AT(heard_weight), 0.01, 100, NULL, "1", "X",
     "multi_label: weight of being heard beside being both"},
    {"seen-weight", F32, AT(seen_weight), 0.01, 100, NULL, "1", "X", "the same of being seen"},
    {"contrast", U32, AT(contrast), 0, 10000, NULL, "0", "N",
     "first N epochs without labels: which sound belongs to which picture"},
    {"discriminant", F32, AT(discriminant), 0, 100, NULL, "0", "X",
     "softmax: weight of telling classes apart by eigenvalues, beside the loss"},
    {"tune-visual", CHOICE, AT(tune_visual), 0, 1, "no|yes", "no", "",
     "learn the picture encoder's last layer too: RUN becomes a folder for --models; about 26\n"
     "                            GFLOP each way for 64 clips, which is seconds without a GPU"},
    {"tune-rate", F32, AT(tune_rate), 0, 10, NULL, "0.1", "X", "its rate, times --rate"},
    {"init", TEXT, AT(init), 0, 0, NULL, NULL, "FILE",
     "start from a head; what fits is kept, classes by name"},
    {"freeze", TEXT, AT(freeze), 0, 0, NULL, NULL, "PREFIX,...",
     "tensors that keep their values: where,when,lstm,which,head.0"},
    {"basis", U32, AT(basis), 0, 2048, "none", "128", "N",
     "principal components of the pictures that are learnt from; none: features as they are"},
    {"whitening", F32, AT(whitening), 0, 1, NULL, "0.5", "X",
     "how far a basis evens out its components, 0 to 1"},
    {"width", U32, AT(width), 0, 4096, "none", "128", "N",
     "without a basis: width of learnt adapters; none: no adapters"},
    {"match", U32, AT(match), 4, 4096, NULL, "64", "N", "width of where"},
    {"when", U32, AT(when), 4, 4096, NULL, "64", "N", "width of when"},
    {"hidden", U32, AT(hidden), 4, 4096, NULL, "96", "N", "width of the LSTMs"},
    {"which", U32, AT(which), 4, 4096, NULL, "64", "N", "width of which"},
    {"head-width", U32, AT(head_width), 4, 4096, NULL, "64", "N", "width of the last layer"},
    {"look-ahead", U32, AT(look_ahead), 0, 64, "|all", "1", "N",
     "segments of future that a decision waits for; all: the whole window"},
    {"segments", U32, AT(segments), 1, 64, NULL, "10", "N", "seconds of a clip"},
    {"models", TEXT, AT(models), 0, 0, NULL, NULL, "DIR",
     "where visual.safetensors and audio.safetensors are"},
    {"cache", TEXT, AT(cache), 0, 0, NULL, NULL, "DIR", "where features are kept"},
    {"workers", U32, AT(workers), 0, 64, "auto", "auto", "N",
     "devices that share a batch; auto: one, or one a core on a software driver"},
    {"device", TEXT, AT(device), 0, 0, NULL, "auto", "NAME",
     "auto, gpu, cpu or an index of `tyto devices`"},
};
/* clang-format on */

enum { NUM_OPTIONS = sizeof(table) / sizeof(*table), MAX_TEXTS = 256 };
_Static_assert(NUM_OPTIONS <= 64, "is_set has a bit for each");

const struct tyto_run_option *tyto_run_option_table(uint32_t *ret_num)
{
    *ret_num = NUM_OPTIONS;
    return table;
}

static void *place_of(const struct tyto_run_options *options, const struct tyto_run_option *option)
{
    return (char *)(uintptr_t)options + option->offset;
}

/* Word number idx of "a|b|c"; its length, 0: there is none. */
static size_t word_at(const char *words, uint32_t idx, const char **ret_word)
{
    while (words && idx > 0) {
        words = strchr(words, '|');
        words = words ? words + 1 : NULL;
        idx--;
    }
    *ret_word = words;
    return words ? strcspn(words, "|") : 0;
}

static bool find_word(const char *words, const char *text, uint32_t *ret_idx)
{
    const char *word = words;

    for (uint32_t i = 0; word; i++) {
        const size_t len = word_at(words, i, &word);

        if (len > 0 && strlen(text) == len && strncmp(word, text, len) == 0) {
            *ret_idx = i;
            return true;
        }
    }
    return false;
}

/* --- setting --------------------------------------------------------------------------------- */

static enum tyto_err set_text(char **text_ptr, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return TYTO_ERR_NOMEM;
    free(*text_ptr);
    *text_ptr = copy;
    return TYTO_OK;
}

static enum tyto_err add_text(struct tyto_run_texts *texts, const char *text)
{
    char **grown = NULL;
    char *copy = NULL;

    if (texts->num >= MAX_TEXTS)
        return TYTO_ERR_FULL;
    grown = realloc(texts->texts, (texts->num + 1) * sizeof(*grown));
    if (!grown)
        return TYTO_ERR_NOMEM;
    texts->texts = grown;
    copy = strdup(text);
    if (!copy)
        return TYTO_ERR_NOMEM;
    texts->texts[texts->num++] = copy;
    return TYTO_OK;
}

static enum tyto_err wants(const struct tyto_run_option *option, const char *text,
                           struct tyto_fault *ret_fault)
{
    char key[64];

    snprintf(key, sizeof(key), "--%s", option->name);
    if (option->kind == CHOICE)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, key, "wants %s, not '%s'",
                              option->words, text);
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, key,
                          "wants %s from %.10g to %.10g%s%s, not '%s'",
                          option->kind == F32 ? "a number" : "a whole number", option->min,
                          option->max, option->words ? ", or " : "",
                          option->words ? option->words + (option->words[0] == '|') : "", text);
}

static bool read_number(const struct tyto_run_option *option, const char *text, double *ret_value)
{
    char *end = NULL;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= option->min && value <= option->max))
        return false;
    if (option->kind != F32 && strspn(text, "0123456789") != strlen(text))
        return false;
    *ret_value = value;
    return true;
}

static enum tyto_err set_number(const struct tyto_run_option *option, void *place, const char *text,
                                struct tyto_fault *ret_fault)
{
    uint32_t word = 0;
    double value = 0;

    if (option->kind == U32 && find_word(option->words, text, &word)) {
        *(uint32_t *)place = word == 0 ? 0 : UINT32_MAX;
        return TYTO_OK;
    }
    if (!read_number(option, text, &value))
        return wants(option, text, ret_fault);
    if (option->kind == F32)
        *(float *)place = (float)value;
    else if (option->kind == U32)
        *(uint32_t *)place = (uint32_t)value;
    else
        *(uint64_t *)place = strtoull(text, NULL, 10);
    return TYTO_OK;
}

enum tyto_err tyto_run_options_set(struct tyto_run_options *options, uint32_t idx, const char *text,
                                   struct tyto_fault *ret_fault)
{
    const struct tyto_run_option *option = &table[idx];
    void *place = place_of(options, option);
    enum tyto_err err = TYTO_OK;

    switch (option->kind) {
    case TYTO_RUN_OPTION_TEXT:
        err = set_text(place, text);
        break;
    case TYTO_RUN_OPTION_TEXTS:
        err = add_text(place, text);
        break;
    case TYTO_RUN_OPTION_CHOICE:
        if (!find_word(option->words, text, place))
            err = wants(option, text, ret_fault);
        break;
    case TYTO_RUN_OPTION_U32:
    case TYTO_RUN_OPTION_U64:
    case TYTO_RUN_OPTION_F32:
        err = set_number(option, place, text, ret_fault);
        break;
    }
    if (!err)
        options->is_set |= UINT64_C(1) << idx;
    return err;
}

enum tyto_err tyto_run_options_init(struct tyto_run_options *ret_options)
{
    struct tyto_run_options options = {0};

    for (uint32_t i = 0; i < NUM_OPTIONS; i++) {
        if (table[i].standard && tyto_run_options_set(&options, i, table[i].standard, NULL)) {
            tyto_run_options_finish(&options);
            return TYTO_ERR_NOMEM;
        }
    }
    options.is_set = 0;
    *ret_options = options;
    return TYTO_OK;
}

void tyto_run_options_finish(struct tyto_run_options *options)
{
    for (uint32_t i = 0; i < NUM_OPTIONS; i++) {
        void *place = place_of(options, &table[i]);

        if (table[i].kind == TEXT)
            free(*(char **)place);
        if (table[i].kind != TYTO_RUN_OPTION_TEXTS)
            continue;
        struct tyto_run_texts *texts = place;

        for (uint32_t k = 0; k < texts->num; k++)
            free(texts->texts[k]);
        free(texts->texts);
    }
    *options = (struct tyto_run_options){0};
}

static uint32_t index_of(const char *name)
{
    for (uint32_t i = 0; i < NUM_OPTIONS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return NUM_OPTIONS;
}

bool tyto_run_options_is_set(const struct tyto_run_options *options, const char *name)
{
    const uint32_t idx = index_of(name);

    return idx < NUM_OPTIONS && (options->is_set >> idx & 1);
}

const char *tyto_run_options_word(const struct tyto_run_options *options, const char *name,
                                  char ret_word[TYTO_RUN_WORD_BYTES])
{
    const uint32_t idx = index_of(name);
    const char *word = NULL;
    size_t len = 0;

    if (idx < NUM_OPTIONS && table[idx].kind == CHOICE)
        len = word_at(table[idx].words, *(uint32_t *)place_of(options, &table[idx]), &word);
    snprintf(ret_word, TYTO_RUN_WORD_BYTES, "%.*s", (int)len, len > 0 ? word : "");
    return ret_word;
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* "warm-up" is "warm_up" in JSON. */
static void key_of(const struct tyto_run_option *option, char ret_key[32])
{
    snprintf(ret_key, 32, "%s", option->name);
    for (char *c = ret_key; *c; c++)
        *c = *c == '-' ? '_' : *c;
}

static struct tyto_json *texts_to_json(const struct tyto_run_texts *texts)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < texts->num; i++)
        if (!tyto_json_append(array, tyto_json_new_string(texts->texts[i])))
            tyto_json_destroy(&array);
    return array;
}

static struct tyto_json *value_to_json(const struct tyto_run_options *options,
                                       const struct tyto_run_option *option)
{
    const void *place = place_of(options, option);
    char number[32], word[TYTO_RUN_WORD_BYTES];

    switch (option->kind) {
    case TYTO_RUN_OPTION_TEXT:
        return tyto_json_new_string(*(char *const *)place ? *(char *const *)place : "");
    case TYTO_RUN_OPTION_TEXTS:
        return texts_to_json(place);
    case TYTO_RUN_OPTION_CHOICE:
        return tyto_json_new_string(tyto_run_options_word(options, option->name, word));
    case TYTO_RUN_OPTION_F32: /* 0.15 stays 0.15 */
        snprintf(number, sizeof(number), "%.9g", (double)*(const float *)place);
        for (int digits = 1; digits < 9; digits++) {
            snprintf(number, sizeof(number), "%.*g", digits, (double)*(const float *)place);
            if (strtof(number, NULL) == *(const float *)place)
                break;
        }
        return tyto_json_new_f64(strtod(number, NULL));
    case TYTO_RUN_OPTION_U64:
        return tyto_json_new_u64(*(const uint64_t *)place);
    case TYTO_RUN_OPTION_U32:
        break;
    }
    if (*(const uint32_t *)place == UINT32_MAX)
        return tyto_json_new_string("all");
    return tyto_json_new_u64(*(const uint32_t *)place);
}

struct tyto_json *tyto_run_options_to_json(const struct tyto_run_options *options)
{
    struct tyto_json *json = tyto_json_new_object();
    bool good = json != NULL;

    for (uint32_t i = 0; i < NUM_OPTIONS; i++) {
        char key[32];

        key_of(&table[i], key);
        good &= tyto_json_set(json, key, value_to_json(options, &table[i]));
    }
    if (!good)
        tyto_json_destroy(&json);
    return json;
}

struct reading {
    struct tyto_run_options *options;
    uint64_t was_set;
    const char *file;
    struct tyto_fault *fault;
};

static enum tyto_err unknown(const struct reading *reading, const char *key)
{
    const char *names[NUM_OPTIONS];
    const char *near = NULL;

    for (uint32_t i = 0; i < NUM_OPTIONS; i++)
        names[i] = table[i].name;
    near = tyto_nearest(key, names, NUM_OPTIONS);
    return tyto_fault_set(reading->fault, TYTO_ERR_FORMAT, reading->file, 0, key,
                          "no option is called so%s%s", near ? "; did you mean " : "",
                          near ? near : "");
}

/* One value as text, set. */
static enum tyto_err set_value(struct reading *reading, uint32_t idx, const struct tyto_json *value)
{
    const char *text = tyto_json_string(value);
    char number[32] = "";
    double real = 0;
    uint64_t whole = 0;

    if (text && table[idx].kind == TEXT && text[0] == '\0')
        return TYTO_OK; /* nothing was said */
    if (!text && tyto_json_u64(value, &whole))
        snprintf(number, sizeof(number), "%llu", (unsigned long long)whole);
    else if (!text && tyto_json_f64(value, &real))
        snprintf(number, sizeof(number), "%.9g", real);
    else if (!text)
        return tyto_fault_set(reading->fault, TYTO_ERR_FORMAT, reading->file, 0, table[idx].name,
                              "must be a text or a number");
    return tyto_run_options_set(reading->options, idx, text ? text : number, reading->fault);
}

static enum tyto_err visit(void *user, const char *key, const struct tyto_json *value)
{
    struct reading *reading = user;
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < NUM_OPTIONS; i++) {
        char own[32];

        key_of(&table[i], own);
        if (strcmp(own, key) != 0)
            continue;
        if (reading->was_set >> i & 1)
            return TYTO_OK; /* the command line has the last word */
        if (table[i].kind != TYTO_RUN_OPTION_TEXTS)
            return set_value(reading, i, value);
        for (uint32_t k = 0; k < tyto_json_num_items(value) && !err; k++)
            err = set_value(reading, i, tyto_json_at(value, k));
        return err;
    }
    return unknown(reading, key);
}

enum tyto_err tyto_run_options_from_json(struct tyto_run_options *options,
                                         const struct tyto_json *json, const char *file,
                                         struct tyto_fault *ret_fault)
{
    struct reading reading = {options, options->is_set, file, ret_fault};

    if (!tyto_json_is_object(json))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, file, 0, "options",
                              "must be an object of options");
    return tyto_json_each(json, visit, &reading);
}
