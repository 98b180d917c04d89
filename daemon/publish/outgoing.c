/* SPDX-License-Identifier: MIT */
#include "daemon/publish/outgoing.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum tyto_err tyto_outgoing_make(const struct tyto_sender *sender,
                                 const struct tyto_envelope *envelope,
                                 struct tyto_outgoing **ret_outgoing)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    struct tyto_envelope told = *envelope;
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes = 0;
    memcpy(told.log_id, sender->log_id, TYTO_UUID_BYTES);
    memcpy(told.boot_id, sender->boot_id, TYTO_UUID_BYTES);
    told.publish_unix_ns = (int64_t)tyto_clock_unix_ns();
    told.publish_mono_ns = (int64_t)tyto_clock_mono_ns();
    told.schema_minor = TYTO_SCHEMA_MINOR;
    enum tyto_err err = tyto_envelope_topic(&told, topic, sizeof(topic));
    if (!err)
        err = tyto_envelope_pack(&told, bytes, sizeof(bytes), &num_bytes);
    if (err)
        num_bytes = 0;
    struct tyto_outgoing *outgoing =
        err != TYTO_ERR_NOMEM ? malloc(sizeof(*outgoing) + num_bytes) : NULL;
    if (!outgoing)
        return TYTO_ERR_NOMEM;
    atomic_init(&outgoing->num_refs, 1);
    outgoing->envelope = told;
    memcpy(outgoing->topic, topic, sizeof(topic));
    outgoing->num_bytes = num_bytes;
    memcpy(outgoing->bytes, bytes, num_bytes);
    *ret_outgoing = outgoing;
    return err;
}

void tyto_outgoing_release(struct tyto_outgoing *outgoing)
{
    if (outgoing && atomic_fetch_sub(&outgoing->num_refs, 1) == 1)
        free(outgoing);
}
