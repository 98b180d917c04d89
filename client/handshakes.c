/* SPDX-License-Identifier: MIT */
#include "client/handshakes.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"

/* One may be a daemon that was killed at that moment. */
enum { BROKEN_IN_A_ROW = 3 };
#define RETRY_NS (5 * TYTO_NS_PER_S)
#define TELL_AGAIN_NS (60 * TYTO_NS_PER_S)

const char *tyto_refusal_text(enum tyto_refusal refusal)
{
    switch (refusal) {
    case TYTO_REFUSAL_UNKNOWN_KEY:
        return "tytod does not know this key: its public half must stand in the file of clients";
    case TYTO_REFUSAL_OTHER_KEY:
        return "no handshake: this is not the public key of this tytod, or it has none";
    case TYTO_REFUSAL_WANTS_KEYS:
        return "no handshake: this tytod asks for keys, or it is none";
    case TYTO_REFUSAL_NONE:
        break;
    }
    return "";
}

enum tyto_err tyto_handshakes_watch(struct tyto_handshakes *self, void *context, void *socket,
                                    bool has_keys)
{
    /* Another address each time: libzmq lets go of the last one when it likes. */
    static atomic_uint number;
    const int no_wait = 0;
    char address[48];
    snprintf(address, sizeof(address), "inproc://handshakes-%u", atomic_fetch_add(&number, 1));
    memset(self, 0, sizeof(*self));
    self->has_keys = has_keys;
    self->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!self->monitor)
        return TYTO_ERR_NOMEM;
    self->socket = socket;
    if (zmq_setsockopt(self->monitor, ZMQ_LINGER, &no_wait, sizeof(no_wait)) == 0 &&
        zmq_socket_monitor(socket, address,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) == 0 &&
        zmq_connect(self->monitor, address) == 0)
        return TYTO_OK;
    tyto_handshakes_forget(self);
    return TYTO_ERR_IO;
}

void tyto_handshakes_forget(struct tyto_handshakes *self)
{
    if (self->socket)
        (void)zmq_socket_monitor(self->socket, NULL, 0);
    if (self->monitor)
        zmq_close(self->monitor);
    self->socket = self->monitor = NULL;
}

static void take(struct tyto_handshakes *self, uint16_t event)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        self->refusal = TYTO_REFUSAL_UNKNOWN_KEY;
    } else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        self->num_broken = 0;
        self->refusal = TYTO_REFUSAL_NONE;
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
               ++self->num_broken >= BROKEN_IN_A_ROW) {
        self->refusal = self->has_keys ? TYTO_REFUSAL_OTHER_KEY : TYTO_REFUSAL_WANTS_KEYS;
    }
}

enum tyto_refusal tyto_handshakes_look(struct tyto_handshakes *self)
{
    uint8_t frame[6], address[1];
    while (self->monitor &&
           zmq_recv(self->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) == (int)sizeof(frame)) {
        uint16_t event;
        (void)zmq_recv(self->monitor, address, sizeof(address), ZMQ_DONTWAIT);
        memcpy(&event, frame, sizeof(event));
        take(self, event);
    }
    return self->refusal;
}

enum tyto_refusal tyto_handshakes_news(struct tyto_handshakes *self, uint64_t now_ns)
{
    const enum tyto_refusal refusal = tyto_handshakes_look(self);
    if (refusal && refusal == self->told && now_ns - self->told_ns < TELL_AGAIN_NS)
        return TYTO_REFUSAL_NONE;
    if (refusal && refusal != self->told)
        self->tried_ns = now_ns;
    self->told = refusal;
    self->told_ns = now_ns;
    return refusal;
}

bool tyto_handshakes_want_retry(struct tyto_handshakes *self, uint64_t now_ns)
{
    if (!self->refusal || now_ns - self->tried_ns < RETRY_NS)
        return false;
    self->tried_ns = now_ns;
    return true;
}
