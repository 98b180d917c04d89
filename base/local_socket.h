/* SPDX-License-Identifier: MIT */
/* Unix stream sockets at a path: listening without races, connecting without waiting for ever.
 * Nothing here trusts whoever sits at the other end. */
#ifndef TYTO_BASE_LOCAL_SOCKET_H
#define TYTO_BASE_LOCAL_SOCKET_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_LOCAL_PATH_MAX = 108 }; /* of sockaddr_un, with the terminator */

/* Listens at path with mode 0660 from the first moment on; a socket file that a killed process
 * left behind is replaced, the last folder of the path is made. What is in the way is waited for
 * until patience_ns are over: a process that is just ending. *ret_fd is owned, non-blocking.
 * INVALID (not absolute, too long), EXISTS (another process listens there, whether it accepts or
 * not), IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_local_listen(const char *path, int backlog, uint64_t patience_ns, int *ret_fd,
                                struct tyto_fault *ret_fault);

/* Connects. *ret_fd is owned, blocking. NOT_FOUND (nobody listens there), TIMEOUT (someone does,
 * but accepts nothing), INVALID, IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_local_connect(const char *path, uint64_t timeout_ns, int *ret_fd,
                                 struct tyto_fault *ret_fault);

/* Takes the socket file at path away, where this process or nobody listens: what somebody has put
 * in its place meanwhile stays. To be called before the descriptor is closed. */
void tyto_local_unlink(const char *path);

#endif
