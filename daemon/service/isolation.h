/* SPDX-License-Identifier: MIT */
/* What cameras with a process of their own (isolate: true) are begun with: the program, and an
 * environment in which there is what GStreamer needs and nothing that is this process's own. */
#ifndef TYTO_DAEMON_SERVICE_ISOLATION_H
#define TYTO_DAEMON_SERVICE_ISOLATION_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "pipeline/isolate/isolate.h"

enum { TYTO_ISOLATION_MAX_ENV = 64, TYTO_ISOLATION_PATH_MAX = 4096 };

struct tyto_isolation_found {
    struct tyto_isolation isolation; /* refers to the others */
    char program[TYTO_ISOLATION_PATH_MAX], registry[TYTO_ISOLATION_PATH_MAX];
    char *env[TYTO_ISOLATION_MAX_ENV + 1];
};

/* Whether a camera has a process of its own, and its program is not there: NOT_FOUND, with the
 * line. */
TYTO_MUST_CHECK
enum tyto_err tyto_isolation_check(const struct tyto_config *config, struct tyto_fault *ret_fault);
/* Fills *ret_found, which stays where it is as long as it is used. What processes write goes to the
 * log, which is borrowed. Before threads begin. */
void tyto_isolation_find(const struct tyto_log *log, struct tyto_isolation_found *ret_found);
/* The variables of env that such a process gets, in their order; at most
 * TYTO_ISOLATION_MAX_ENV - 2. ret_env refers to env and ends with NULL. */
void tyto_isolation_choose_env(char *const env[], char *ret_env[TYTO_ISOLATION_MAX_ENV + 1]);

#endif
