/* SPDX-License-Identifier: MIT */
/* Whether the threads with which ZeroMQ carries messages still do: one message at a time goes
 * through them, from this process to itself, by a local socket that nobody else may connect to. */
#ifndef TYTO_DAEMON_ACCESS_ECHO_H
#define TYTO_DAEMON_ACCESS_ECHO_H

#include <stdint.h>

#include "base/fault.h"

struct tyto_echo;

/* In a context (void * of zmq_ctx_new). Where such a socket cannot be had *ret_echo is NULL, which
 * all others take: it is served without. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_echo_create(void *context, struct tyto_echo **ret_echo,
                               struct tyto_fault *ret_fault);
/* Takes what has come back and, twice a second at most, sends the next. Of the one thread that has
 * the context's sockets; never waits. NULL: nothing. */
void tyto_echo_turn(struct tyto_echo *echo);
/* Messages that have come back; 0, too, where none ever does. Any thread. NULL: 0. */
uint64_t tyto_echo_num(const struct tyto_echo *echo);
/* Before the context ends. */
void tyto_echo_destroy(struct tyto_echo **echo);

#endif
