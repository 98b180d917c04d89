/* SPDX-License-Identifier: MIT */
/* Passwords, tokens and addresses that are secret come from files, so that no command line, no
 * environment and no log shows them. */
#ifndef TYTO_CLI_BRIDGE_CORE_SECRET_FILE_H
#define TYTO_CLI_BRIDGE_CORE_SECRET_FILE_H

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_SECRET_MAX_BYTES = 4096 };

/* The one line of the file at path, without spaces around it; owned: tyto_bridge_secret_free().
 * Without a path there is no secret: NULL.
 * NOT_FOUND, IO, FORMAT (empty, more lines, control characters, too long), INVALID (everybody may
 * read it), NOMEM with *ret_fault, which tells nothing of what is in it. */
TYTO_MUST_CHECK
enum tyto_err tyto_bridge_secret_read(const char *path, char **ret_secret,
                                      struct tyto_fault *ret_fault);
/* Overwrites and frees; NULL is fine. */
void tyto_bridge_secret_free(char **secret);

#endif
