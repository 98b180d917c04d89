/* SPDX-License-Identifier: MIT */
/* One progress bar on stderr: how far, how fast, how long still. It appears only on a terminal and
 * only for what takes more than 2 s. One thread. */
#ifndef TYTO_CLI_COMMON_PROGRESS_H
#define TYTO_CLI_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_progress {
    bool enabled;
    bool shown; /* a bar stands on the terminal now */
    uint64_t begin_ns, last_ns;
};

/* wanted false (--no-progress), or stderr no terminal: nothing is ever shown. */
void tyto_progress_init(struct tyto_progress *progress, bool wanted);
/* Begins anew (the next file, the next epoch); removes the bar. */
void tyto_progress_restart(struct tyto_progress *progress);
/* done of total (0: not known) in any unit; before: what it is about, after: any figures, or NULL.
 * Draws at most five times a second, so that calling it often costs nothing. */
void tyto_progress_put(struct tyto_progress *progress, double done, double total,
                       const char *before, const char *after);
/* Takes the bar off the terminal; call it before anything else is printed. */
void tyto_progress_clear(struct tyto_progress *progress);

#endif
