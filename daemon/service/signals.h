/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP as a descriptor; what is no wish to end is ignored. */
#ifndef TYTO_DAEMON_SERVICE_SIGNALS_H
#define TYTO_DAEMON_SERVICE_SIGNALS_H

#include "base/err.h"

/* Ignores what is no wish to end, and from here on keeps a SIGHUP until it can be read: it may come
 * while the file that it is about is being read. The first thing of all. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_signals_settle(void);
/* Blocks all three, in this thread and all threads made from
 * here on: call it before anything makes one. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_signals_block(int *ret_signal_fd);

#endif
