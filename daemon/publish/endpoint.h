/* SPDX-License-Identifier: MIT */
/* Which endpoints the daemon may bind, and listening there. Between the files of this folder; what
 * others need is in publisher.h. */
#ifndef TYTO_DAEMON_PUBLISH_ENDPOINT_H
#define TYTO_DAEMON_PUBLISH_ENDPOINT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"

/* Listens at an endpoint that tyto_publisher_check_endpoint() has called good. A port or path that
 * is in use is waited for up to 2 s: a daemon that was killed may still hold it. *ret_fd is owned.
 * IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_endpoint_listen(const char *endpoint, int *ret_fd, struct tyto_fault *ret_fault);
/* Whether fd is a connection that listen_fd has accepted. */
bool tyto_endpoint_is_of(int listen_fd, int fd);
/* The path of an ipc:// endpoint, else NULL. Borrowed from endpoint. */
const char *tyto_endpoint_path(const char *endpoint);

#endif
