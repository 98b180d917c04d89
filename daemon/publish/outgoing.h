/* SPDX-License-Identifier: MIT */
/* A message on its way: numbered, stamped and packed once, and shared by who sends it, who commits
 * it and who is asked for it meanwhile. */
#ifndef TYTO_DAEMON_PUBLISH_OUTGOING_H
#define TYTO_DAEMON_PUBLISH_OUTGOING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

struct tyto_outgoing {
    atomic_int num_refs;
    struct tyto_envelope envelope;
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes; /* 0: it is out of its limits, and not sent */
    uint8_t bytes[];
};

struct tyto_sender { /* what every message says of who sends it */
    uint8_t log_id[TYTO_UUID_BYTES], boot_id[TYTO_UUID_BYTES];
};

/* Stamps the envelope with the time, and packs it. *ret_outgoing has one reference. INVALID, FULL:
 * it is out of its limits (and there, with num_bytes 0); NOMEM: it is not. */
TYTO_MUST_CHECK
enum tyto_err tyto_outgoing_make(const struct tyto_sender *sender,
                                 const struct tyto_envelope *envelope,
                                 struct tyto_outgoing **ret_outgoing);
/* One that an earlier run has made: bytes are the envelope as it was sent. INVALID, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_outgoing_of(const struct tyto_envelope *envelope, const uint8_t *bytes,
                               size_t num_bytes, struct tyto_outgoing **ret_outgoing);
void tyto_outgoing_release(struct tyto_outgoing *outgoing);

#endif
