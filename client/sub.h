/* SPDX-License-Identifier: MIT */
/* A SUB socket to a daemon's event socket: what comes in, checked and unpacked. Of client/ alone.
 */
#ifndef TYTO_CLIENT_SUB_H
#define TYTO_CLIENT_SUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "client/handshakes.h"
#include "proto/event.h"

struct tyto_sub {
    void *socket; /* NULL: closed */
    struct tyto_handshakes handshakes;
    char endpoint[256];
};

/* Makes the socket, not connected yet. context: of libzmq, borrowed. recv_hwm: messages that wait
 * here at most. INVALID (keys, endpoint too long), IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_sub_open(struct tyto_sub *self, void *context, const char *endpoint,
                            int recv_hwm, const char *server_key, const char *secret_key);
void tyto_sub_close(struct tyto_sub *self);
/* Before connecting: otherwise the welcome message is filtered away. */
bool tyto_sub_subscribe(struct tyto_sub *self, const char *prefix);
/* Does not wait for the other end. INVALID: no endpoint. */
TYTO_MUST_CHECK
enum tyto_err tyto_sub_connect(struct tyto_sub *self);
/* A new connection in place of the one there is. */
void tyto_sub_reconnect(struct tyto_sub *self);

enum tyto_sub_kind {
    TYTO_SUB_NONE, /* nothing waits */
    TYTO_SUB_HELLO,
    TYTO_SUB_ENVELOPE,
    TYTO_SUB_MALFORMED,
};
struct tyto_sub_frame {
    union {
        struct tyto_hello hello;
        struct tyto_envelope envelope;
    } u;
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES]; /* of an envelope, as it came */
    size_t num_bytes;
};
/* Takes one whole message, without waiting. */
enum tyto_sub_kind tyto_sub_receive(struct tyto_sub *self, struct tyto_sub_frame *ret_frame);

/* Readable when there may be something to receive; edge-like. -1: none. */
int tyto_sub_fd(const struct tyto_sub *self);

/* A refusal that is to be told; tries again after one when it is time to. NONE: nothing new. */
enum tyto_refusal tyto_sub_look(struct tyto_sub *self, uint64_t now_ns);

#endif
