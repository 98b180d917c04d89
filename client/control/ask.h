/* SPDX-License-Identifier: MIT */
/* One question to a running tytod, through its control socket (daemon/control/control.h). */
#ifndef TYTO_CLIENT_CONTROL_ASK_H
#define TYTO_CLIENT_CONTROL_ASK_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "files/json.h"

enum { TYTO_ASK_TIMEOUT_S = 60 };

/* The default place of tytod's control socket: the user's run-time folder, else /run/tyto. Static.
 */
const char *tyto_ask_default_path(void);
/* Sends request and waits for its answer: an object, owned. path NULL: the default. NOT_FOUND
 * (no daemon there), IO, TIMEOUT, FORMAT, NOMEM with *ret_fault saying what to do. */
TYTO_MUST_CHECK
enum tyto_err tyto_ask_daemon(const char *path, const struct tyto_json *request,
                              struct tyto_json **ret_answer, struct tyto_fault *ret_fault);

/* The same of one that may take timeout_s at most, from one byte to the next. */
TYTO_MUST_CHECK
enum tyto_err tyto_ask_daemon_within(const char *path, const struct tyto_json *request,
                                     uint32_t timeout_s, struct tyto_json **ret_answer,
                                     struct tyto_fault *ret_fault);

#endif
