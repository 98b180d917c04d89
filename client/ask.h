/* SPDX-License-Identifier: MIT */
/* A DEALER socket to a daemon's query socket: requests out, replies in. Of client/ alone. */
#ifndef TYTO_CLIENT_ASK_H
#define TYTO_CLIENT_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/handshakes.h"
#include "client/tyto.h"
#include "proto/query.h"

struct tyto_ask {
    void *dealer; /* NULL: closed */
    struct tyto_handshakes handshakes;
    uint64_t last_id;
};

/* Does not wait for the other end. INVALID (endpoint, keys), IO, NOMEM. context: of libzmq,
 * borrowed. Keys as of tyto_client_params. */
TYTO_MUST_CHECK
enum tyto_err tyto_ask_open(struct tyto_ask *self, void *context, const char *endpoint,
                            const char *server_key, const char *secret_key);
void tyto_ask_close(struct tyto_ask *self);
/* Sends it, with a new id where it has none (0). FULL: nobody takes it at the moment; CLOSED: no
 * hands are shaken; INVALID, IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_ask_send(struct tyto_ask *self, struct tyto_request *request);
/* The next reply to request `id`, others are dropped; waits timeout_ms at most. To be cleared.
 * FORMAT: one that is not understood; CLOSED: no hands are shaken, self->handshakes says why;
 * TIMEOUT; IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_ask_receive(struct tyto_ask *self, uint64_t id, int timeout_ms,
                               struct tyto_reply *ret_reply);
/* What a reply of kind ERROR comes to. */
enum tyto_err tyto_ask_error(const struct tyto_reply *reply);

/* Where to ask, of those that a hello names, for who subscribes at `endpoint`: of the same kind,
 * and by the same host. False: there is none. */
bool tyto_ask_choose(const struct tyto_hello *hello, const char *endpoint, char *ret_text,
                     size_t text_bytes);
/* A message from the bytes of an envelope. False: malformed, or nothing for a program. */
bool tyto_ask_message(const struct tyto_bytes *envelope, struct tyto_message *ret_message);
/* The same from an envelope. False: nothing for a program (a heartbeat). */
bool tyto_message_of(const struct tyto_envelope *envelope, struct tyto_message *ret_message);

#endif
