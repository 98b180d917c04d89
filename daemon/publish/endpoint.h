/* SPDX-License-Identifier: MIT */
/* Between endpoint.c and publisher.c only. */
#ifndef TYTO_DAEMON_PUBLISH_ENDPOINT_H
#define TYTO_DAEMON_PUBLISH_ENDPOINT_H

#include "base/err.h"
#include "base/fault.h"

/* Makes the folder of an ipc:// endpoint (its last part). IO with *ret_fault when
 * that fails, or when a process listens on the path already: ZeroMQ would silently
 * take it over. */
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_prepare_ipc(const char *endpoint, struct tyto_fault *ret_fault);

#endif
