/* SPDX-License-Identifier: MIT */
#include "daemon/publish/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* What is to be told waits for memory so often, and so long each time. */
enum { MEMORY_TRIES = 100, MEMORY_WAIT_MS = 10 };

/* NULL: out of memory. */
static struct tyto_outgoing *new_outgoing(const struct tyto_envelope *envelope, const char *topic,
                                          const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_outgoing *outgoing = malloc(sizeof(*outgoing) + num_bytes);
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

static enum tyto_err make(const struct tyto_sender *sender, const struct tyto_envelope *envelope,
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

enum tyto_err tyto_outgoing_make(const struct tyto_sender *sender,
                                 const struct tyto_envelope *envelope,
                                 struct tyto_outgoing **ret_outgoing)
{
    const struct timespec moment = {.tv_nsec = MEMORY_WAIT_MS * (long)TYTO_NS_PER_MS};
    enum tyto_err err = make(sender, envelope, ret_outgoing);
    for (int i = 0; err == TYTO_ERR_NOMEM && i < MEMORY_TRIES; i++) {
        (void)nanosleep(&moment, NULL);
        err = make(sender, envelope, ret_outgoing);
    }
    return err;
}

void tyto_outgoing_release(struct tyto_outgoing *outgoing)
{
    if (outgoing && atomic_fetch_sub(&outgoing->num_refs, 1) == 1)
        free(outgoing);
}
