/* SPDX-License-Identifier: MIT */
/* What a file sounds and looks like to a model: its events, as tyto localize finds them. */
#ifndef TYTO_CLI_FIND_FILE_H
#define TYTO_CLI_FIND_FILE_H

#include "base/err.h"
#include "base/fault.h"
#include "proto/event.h"

struct tyto_find_file {
    const char *path;
    const char *models_dir; /* NULL: the default */
    const char *device;     /* NULL: auto */
    bool (*go_on)(void);    /* asked ten times a second: false ends it */
};

/* Reads the file to its end; *ret_event is the one of its events of which the model was the most
 * sure and that has an embedding. EMPTY: there is none; INTERRUPTED; what else it meets, all with
 * *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_find_file(const struct tyto_find_file *params, struct tyto_event *ret_event,
                             struct tyto_fault *ret_fault);

#endif
