/* SPDX-License-Identifier: MIT */
/* Which endpoints the daemon may bind, listening there, and a ZeroMQ socket that serves who is
 * heard of. For the sockets of events and of queries; what others need is in publisher.h. */
#ifndef TYTO_DAEMON_PUBLISH_ENDPOINT_H
#define TYTO_DAEMON_PUBLISH_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

/* Listens at an endpoint that tyto_publisher_check_endpoint() has called good. A port or path that
 * is in use is waited for up to 2 s: a daemon that was killed may still hold it. *ret_fd is owned.
 * IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_endpoint_listen(const char *endpoint, int *ret_fd, struct tyto_fault *ret_fault);
/* Shuts fd down where it is a connection that one of listen_fds (num) has accepted. libzmq tells
 * numbers of descriptors, which may be someone else's by now; false then. */
bool tyto_endpoint_cut_off(const int *listen_fds, uint32_t num, int fd);
/* Nobody is listened to any more; the files of ipc:// go first: who looks for them from here on
 * must not find them. */
void tyto_endpoint_close(const char (*endpoints)[256], const int *listen_fds, uint32_t num);
/* The path of an ipc:// endpoint, else NULL. Borrowed from endpoint. */
const char *tyto_endpoint_path(const char *endpoint);

#endif
