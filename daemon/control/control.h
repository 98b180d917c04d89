/* SPDX-License-Identifier: MIT */
/* The control socket: a Unix stream socket, mode 0660, where one JSON object per line is asked
 * and one per line is answered, in order. Its own thread; several clients at once, but requests
 * one after the other. It knows lines and clients; what is asked is admin.c's. */
#ifndef TYTO_DAEMON_CONTROL_CONTROL_H
#define TYTO_DAEMON_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "files/json.h"

enum {
    TYTO_CONTROL_PATH_MAX = 108,  /* of sockaddr_un, with the terminator */
    TYTO_CONTROL_LINE_MAX = 4096, /* of a request, with its newline */
    /* For one more, who has waited longest without a whole request is let go. */
    TYTO_CONTROL_MAX_CLIENTS = 16,
    TYTO_CONTROL_ANSWER_S = 40, /* an answer has to come by then */
    TYTO_CONTROL_IDLE_S = 30,   /* then a client that says or takes nothing is let go */
};

struct tyto_control_params {
    const char *path; /* absolute; borrowed until create returns */
    /* On the control thread. request is an object, borrowed; the answer is owned by the
     * control, NULL when out of memory. */
    struct tyto_json *(*answer)(void *user, const struct tyto_json *request);
    void *user;
    const struct tyto_log *log; /* borrowed until destroy */
};

struct tyto_control;

/* Makes the folder (its last part), binds, starts the thread. INVALID (a path that is not
 * absolute or too long), EXISTS (another process listens there), IO, NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_control_create(const struct tyto_control_params *params,
                                  struct tyto_control **ret_control, struct tyto_fault *ret_fault);
/* Removes the socket, lets a request that is being answered finish, joins. False when that took
 * longer than 2 s: the thread keeps what it has, and the process should _exit(). */
bool tyto_control_destroy(struct tyto_control **control);

/* Of the thread: it grows each second at least; while the thread answers, for
 * TYTO_CONTROL_ANSWER_S at most. Any thread; never waits. */
uint64_t tyto_control_num_turns(const struct tyto_control *control);

/* {"ok":false,"error":...}: an answer that says what was wrong. NULL when out of memory. */
struct tyto_json *tyto_control_refuse(enum tyto_err err, const struct tyto_fault *fault);

#endif
