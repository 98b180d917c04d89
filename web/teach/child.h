/* SPDX-License-Identifier: MIT */
/* A program that works for this server for some minutes: its lines are read as they come, it gets
 * no more time than it is given, works with low priority, and ends with the server. Called, and
 * calling back, on the main loop's thread. */
#ifndef TYTO_WEB_TEACH_CHILD_H
#define TYTO_WEB_TEACH_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum { TYTO_CHILD_MAX_LINE = 8192 /* longer ones are cut off */ };

struct tyto_child_params {
    const char *const *argv; /* ends with NULL; argv[0] is a path */
    uint32_t max_s;          /* after so long it is told to end */
    void (*on_line)(void *user, const char *line);
    /* Once, when it is over and all lines have come. status: of exit(), -1 when it was ended by a
     * signal. said: the last line of its stderr. The child may be freed by it, and is to be then or
     * later. */
    void (*on_end)(void *user, int status, bool was_late, const char *said);
    void *user;
};

struct tyto_child;

/* IO, with *ret_fault: it cannot be started. */
TYTO_MUST_CHECK
enum tyto_err tyto_child_start(const struct tyto_child_params *params,
                               struct tyto_child **ret_child, struct tyto_fault *ret_fault);
/* Asks it to end (SIGTERM; SIGKILL some seconds later). on_end is called as ever. */
void tyto_child_stop(struct tyto_child *child);
/* Kills it where it still runs, and waits for that; on_end is not called any more. */
void tyto_child_free(struct tyto_child *child);

#endif
