/* SPDX-License-Identifier: MIT */
#include "daemon/publish/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"

/* NULL: out of memory, for which what is to be told waits a second. */
static struct tyto_outgoing *new_outgoing(const struct tyto_envelope *envelope, const char *topic,
                                          const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_outgoing *outgoing =
        tyto_calloc_within(sizeof(*outgoing) + num_bytes, TYTO_NS_PER_S);
    if (!outgoing)
        return NULL;
    atomic_init(&outgoing->num_refs, 1);
    outgoing->envelope = *envelope;
    snprintf(outgoing->topic, sizeof(outgoing->topic), "%s", topic);
    outgoing->num_bytes = num_bytes;
    memcpy(outgoing->bytes, bytes, num_bytes);
    return outgoing;
}

enum tyto_err tyto_outgoing_of(const struct tyto_envelope *envelope, const uint8_t *bytes,
                               size_t num_bytes, struct tyto_outgoing **ret_outgoing)
{
    char topic[TYTO_TOPIC_MAX_BYTES];
    const enum tyto_err err = tyto_envelope_topic(envelope, topic, sizeof(topic));
    if (err)
        return err;
    *ret_outgoing = new_outgoing(envelope, topic, bytes, num_bytes);
    return *ret_outgoing ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_outgoing_make(const struct tyto_sender *sender,
                                 const struct tyto_envelope *envelope,
                                 struct tyto_outgoing **ret_outgoing)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    struct tyto_envelope told = *envelope;
    char topic[TYTO_TOPIC_MAX_BYTES] = "";
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
    *ret_outgoing = err != TYTO_ERR_NOMEM ? new_outgoing(&told, topic, bytes, num_bytes) : NULL;
    return *ret_outgoing ? err : TYTO_ERR_NOMEM;
}

void tyto_outgoing_release(struct tyto_outgoing *outgoing)
{
    if (outgoing && atomic_fetch_sub(&outgoing->num_refs, 1) == 1)
        free(outgoing);
}
