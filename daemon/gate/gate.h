/* SPDX-License-Identifier: MIT */
/* Connections that come faster than they can be turned away must not take the descriptors of
 * cameras, nor the last one: libzmq ends the process when accept() finds none left. gate.c defines
 * accept() and accept4() for the whole process, before the C library's: whatever library accepts
 * comes by here. */
#ifndef TYTO_DAEMON_GATE_GATE_H
#define TYTO_DAEMON_GATE_GATE_H

#include <stdint.h>

#include "base/err.h"

/* From here on a connection gets a descriptor below first_kept_fd, or is closed at once; the kernel
 * gives the lowest that is free, so those from first_kept_fd on stay for others. Before, nothing is
 * kept but one descriptor, with which connections are closed when there is no other. May be called
 * again. INVALID: below 1. IO: not even that one can be had. */
TYTO_MUST_CHECK
enum tyto_err tyto_gate_set(int first_kept_fd);

/* As accept4(), past the gate: for a listener that itself bounds how many it lets in, and whose
 * descriptors are among those kept. */
int tyto_gate_accept(int listen_fd, int flags);

/* Connections that were closed here, ever. Any thread. */
uint64_t tyto_gate_num_closed(void);

#endif
