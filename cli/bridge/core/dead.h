/* SPDX-License-Identifier: MIT */
/* What the other side has refused for good: JSON lines in a file of bounded size, so that somebody
 * can look why and send it again. Synced line by line. One thread. */
#ifndef TYTO_CLI_BRIDGE_CORE_DEAD_H
#define TYTO_CLI_BRIDGE_CORE_DEAD_H

#include "base/err.h"
#include "base/fault.h"
#include "client/tyto.h"

enum { TYTO_BRIDGE_DEAD_MAX_BYTES = 8 << 20 };

/* Adds {"why": ..., "event": {...}} to the file at path. FULL: it is as large as it may be, and
 * stays as it is. IO, NOMEM; each with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_bridge_dead_add(const char *path, const struct tyto_message *message,
                                   const char *why, struct tyto_fault *ret_fault);

#endif
