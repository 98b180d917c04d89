/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP as a descriptor; what is no wish to end is ignored. */
#ifndef TYTO_DAEMON_SERVICE_SIGNALS_H
#define TYTO_DAEMON_SERVICE_SIGNALS_H

#include "base/err.h"

/* Blocks them, in this thread and all threads made from
 * here on: call it before anything makes one. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_signals_block(int *ret_signal_fd);

#endif
