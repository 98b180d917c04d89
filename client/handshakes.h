/* SPDX-License-Identifier: MIT */
/* Whether the other end of a socket shakes hands. Of client/ alone. */
#ifndef TYTO_CLIENT_HANDSHAKES_H
#define TYTO_CLIENT_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/tyto.h"

/* All zeroes: not watched, nothing is known. */
struct tyto_handshakes {
    void *socket, *monitor; /* monitor: readable when there is something to look at */
    bool has_keys;
    uint32_t num_broken; /* one after the other */
    enum tyto_refusal refusal, told;
    uint64_t told_ns, tried_ns; /* tyto_clock_mono_ns() */
};

/* Before the socket connects. IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_handshakes_watch(struct tyto_handshakes *self, void *context, void *socket,
                                    bool has_keys);
/* Before the socket closes. */
void tyto_handshakes_forget(struct tyto_handshakes *self);
/* Takes what is new, and says how it is now: NONE also while nobody is there. */
enum tyto_refusal tyto_handshakes_look(struct tyto_handshakes *self);
/* The same where it is to be told: when it is another one, and once a minute. Else NONE. */
enum tyto_refusal tyto_handshakes_news(struct tyto_handshakes *self, uint64_t now_ns);
/* libzmq does not try again after a refusal. True, every five seconds: it is time to. */
bool tyto_handshakes_want_retry(struct tyto_handshakes *self, uint64_t now_ns);

#endif
