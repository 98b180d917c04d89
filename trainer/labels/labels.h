/* SPDX-License-Identifier: MIT */
/* Labels as every format becomes them: which recording has which class from when to when, heard,
 * seen or both. Reading reports every bad line, not only the first. */
#ifndef TYTO_TRAINER_LABELS_LABELS_H
#define TYTO_TRAINER_LABELS_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/words.h"
#include "trainer/labels/truth.h"

/* The first member is found out by name and first bytes. */
#define TYTO_LABEL_FORMAT_LIST(X)                                                                  \
    X(TYTO_LABEL_AUTO, "auto", "by name and content")                                              \
    X(TYTO_LABEL_CSV, "csv", "file,class,begin_s,end_s[,modality]; without times: weak")           \
    X(TYTO_LABEL_AVE, "ave", "category&file&quality&begin&end")                                    \
    X(TYTO_LABEL_AUDACITY, "audacity", NULL)                                                       \
    X(TYTO_LABEL_ELAN, "elan", NULL)                                                               \
    X(TYTO_LABEL_CVAT, "cvat", NULL)                                                               \
    X(TYTO_LABEL_LABEL_STUDIO, "label-studio", NULL)                                               \
    X(TYTO_LABEL_EVENTS, "events", "lines of `tyto watch --json`, corrected by a person")
enum tyto_label_format { TYTO_LABEL_FORMAT_LIST(TYTO_WORD_ENUM) TYTO_LABEL_NUM_FORMATS };

enum {
    TYTO_LABELS_MAX_CLASSES = 1024,
    TYTO_LABELS_MAX_FILES = 1 << 20,  /* recordings */
    TYTO_LABELS_MAX_LABELS = 1 << 22, /* of all files */
    TYTO_LABELS_MAX_BYTES = 1 << 28,  /* of one label file */
    TYTO_LABELS_MAX_FAULTS = 10000,   /* reported; then reading stops */
};

struct tyto_label {
    uint32_t file_idx, class_idx;
    int64_t begin_ns, end_ns;  /* in the recording; both 0 when is_weak */
    uint8_t truth;             /* TYTO_TRUTH_ bits; BOTH where the format does not say */
    bool is_weak;              /* somewhere in the recording */
    uint32_t source_idx, line; /* where it was read: sources[source_idx]:line */
};

struct tyto_labels {
    uint32_t num_labels, num_files, num_classes, num_sources;
    struct tyto_label *labels; /* owned, by file, then begin */
    char **files;              /* owned; where a recording was found, a path that opens it; else as
                                  written. A file with no label at all is background (CSV: empty
                                  class) */
    bool *is_found;            /* owned, (files) */
    char (*classes)[TYTO_DATASET_NAME_BYTES]; /* owned, sorted; made of [a-z0-9_-] */
    uint32_t *classes_as_read; /* owned, (classes): their numbers in the order of first mention */
    char **sources;            /* owned: the label files */
    uint32_t num_errors, num_notes;
};

struct tyto_labels_params {
    const char *const *paths; /* label files, several are merged */
    uint32_t num_paths;
    enum tyto_label_format format;
    const char *media_dir; /* where recordings are looked for, with its folders; NULL: beside the
                              label file; "": nowhere */
    double fps;            /* of formats that count frames and do not say; 0: not known */
    bool needs_media;      /* a recording that is not found is a fault */
    bool keeps_rest;       /* give what was sound also when something was an error: num_errors says
                              so, and reading is OK */
    void *user;
    /* Called for every bad line; is_error false: the line was understood, but look at it. */
    void (*on_fault)(void *user, const struct tyto_fault *fault, bool is_error);
    /* May be NULL. How long a recording that was found is; false: not known. Labels beyond it are
     * faults. */
    bool (*get_duration)(void *user, const char *path, int64_t *ret_duration_ns);
};

/* FORMAT when any line was an error (all of them have been reported, up to MAX_FAULTS); NOT_FOUND,
 * IO (a label file cannot be read, reported too), FULL (over a limit above), NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_labels_read(const struct tyto_labels_params *params,
                               struct tyto_labels *ret_labels);
/* The same of one label file's num_bytes in memory, called name; paths are not looked at. */
TYTO_MUST_CHECK
enum tyto_err tyto_labels_read_memory(const struct tyto_labels_params *params, const char *name,
                                      const void *bytes, size_t num_bytes,
                                      struct tyto_labels *ret_labels);
void tyto_labels_finish(struct tyto_labels *labels);

/* "csv", "ave", "audacity", "elan", "cvat", "label-studio", "events", "auto". Static. */
const char *tyto_label_format_name(enum tyto_label_format format);

/* A class's name as labels have it: lower case, runs of anything else than [a-z0-9_-] become one
 * '_', none at the ends. False when nothing is left, it gets too long, or it has letters that are
 * not ASCII. */
bool tyto_label_class_name(const char *text, char ret_name[TYTO_DATASET_NAME_BYTES]);

/* Writes labels as CSV (the form with a header row), recordings with paths relative to the CSV's
 * folder where they lie below it; by a temporary name and rename. IO with the reason in the fault.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_labels_write_csv(const struct tyto_labels *labels, const char *path,
                                    struct tyto_fault *ret_fault);

#endif
