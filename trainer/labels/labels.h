/* SPDX-License-Identifier: MIT */
/* Labels as every format becomes them: which recording has which class from when to when, heard,
 * seen or both. Reading reports every bad line, not only the first. */
#ifndef TYTO_TRAINER_LABELS_LABELS_H
#define TYTO_TRAINER_LABELS_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "trainer/data/dataset.h"

enum tyto_label_format {
    TYTO_LABEL_AUTO, /* by name and first bytes */
    TYTO_LABEL_CSV,  /* file,class,begin_s,end_s[,modality]; without times: weak */
    TYTO_LABEL_AVE,  /* category&file&quality&begin&end */
    TYTO_LABEL_AUDACITY,
    TYTO_LABEL_ELAN,
    TYTO_LABEL_CVAT,
    TYTO_LABEL_LABEL_STUDIO,
    TYTO_LABEL_EVENTS, /* JSON lines of the daemon (tyto watch --json), corrected by a person */
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
    char **files;              /* owned; as found below media_dir, or as written if none was given.
                                  A file with no label at all is background (CSV: empty class) */
    char (*classes)[TYTO_DATASET_NAME_BYTES]; /* owned, sorted; made of [a-z0-9_-] */
    char **sources;                           /* owned: the label files */
};

struct tyto_labels_params {
    const char *const *paths; /* label files, several are merged */
    uint32_t num_paths;
    enum tyto_label_format format;
    const char *media_dir; /* where recordings are looked for; NULL: beside the label file */
    double fps;            /* of formats that count frames and do not say; 0: not known */
    bool needs_media;      /* a recording that is not found is a fault */
    void *user;
    /* Called for every bad line; is_error false: the line was understood, but look at it. */
    void (*on_fault)(void *user, const struct tyto_fault *fault, bool is_error);
};

/* FORMAT when any line was an error (all of them have been reported), NOT_FOUND, IO, LIMIT, NOMEM.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_labels_read(const struct tyto_labels_params *params,
                               struct tyto_labels *ret_labels);
void tyto_labels_finish(struct tyto_labels *labels);

#endif
