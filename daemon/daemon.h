/* SPDX-License-Identifier: MIT */
/* Engine and publisher wired together, and the loop of the main thread that
 * waits for signals. Stops in the order of the data: cameras, then the engine,
 * which ends open events, then the publisher, which sends those ends. */
#ifndef TYTO_DAEMON_DAEMON_H
#define TYTO_DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/reload.h"
#include "daemon/service/log_sink.h"

struct tyto_daemon;

/* All borrowed until destroy. */
struct tyto_daemon_params {
    const struct tyto_config *config; /* to begin with */
    const struct tyto_log *log;       /* sink's */
    struct tyto_log_sink *sink;
    int signal_fd;
    tyto_reload_read read; /* the configuration once more */
    void *user;
};

/* Everything running, cameras connecting. Errors with *ret_fault filled; CLOSED: a signal asked to
 * end meanwhile. *ret_left is true when a thread could not be ended: leave with _exit(). */
TYTO_MUST_CHECK
enum tyto_err tyto_daemon_create(const struct tyto_daemon_params *params,
                                 struct tyto_daemon **ret_daemon, bool *ret_left,
                                 struct tyto_fault *ret_fault);
/* Until SIGINT or SIGTERM (TYTO_OK), or until every camera has ended if
 * is_once: IO when one of them has failed. An error when the networks failed for good. */
TYTO_MUST_CHECK
enum tyto_err tyto_daemon_run(struct tyto_daemon *daemon, bool is_once);
/* Within 25 s: otherwise subscribers are told that their events end, and the process is left. False
 * when a thread could not be ended, which keeps what it has: leave with _exit(). */
bool tyto_daemon_destroy(struct tyto_daemon **daemon);

#endif
