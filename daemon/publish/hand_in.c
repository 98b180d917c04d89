/* SPDX-License-Identifier: MIT */
/* From any thread into the queue. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/publish/internal.h"

enum { FULL_WAIT_MS = 1000 };

/* Memory that is not there is waited for as a place in the queue is. */
static struct tyto_envelope *new_envelope(enum tyto_envelope_kind kind, uint32_t wait_ms)
{
    struct tyto_envelope *envelope =
        tyto_calloc_within(sizeof(*envelope), wait_ms * TYTO_NS_PER_MS);
    if (envelope)
        envelope->kind = kind;
    return envelope;
}

static enum tyto_err push(struct tyto_publisher *publisher, struct tyto_envelope *envelope,
                          uint32_t wait_ms)
{
    return tyto_numbering_push(publisher->numbering, publisher->ring, envelope, wait_ms);
}

enum tyto_err tyto_publisher_hand_in_event(struct tyto_publisher *publisher,
                                           const struct tyto_event *event, uint32_t wait_ms)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_EVENT, wait_ms);
    if (!envelope) {
        if (wait_ms > 0) /* else it is tried again */
            tyto_numbering_skip(publisher->numbering, event->camera, event->class_name);
        return TYTO_ERR_NOMEM;
    }
    envelope->body.event = *event;
    return push(publisher, envelope, wait_ms);
}

enum tyto_err tyto_publisher_event(struct tyto_publisher *publisher, const struct tyto_event *event)
{
    return tyto_publisher_hand_in_event(publisher, event, FULL_WAIT_MS);
}

enum tyto_err tyto_publisher_camera_state(struct tyto_publisher *publisher,
                                          const struct tyto_camera_state *state)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_CAMERA_STATE, FULL_WAIT_MS);
    if (!envelope) {
        tyto_numbering_skip(publisher->numbering, state->camera, NULL);
        return TYTO_ERR_NOMEM;
    }
    envelope->body.camera_state = *state;
    return push(publisher, envelope, FULL_WAIT_MS);
}

enum tyto_err tyto_publisher_model_state(struct tyto_publisher *publisher,
                                         const struct tyto_model_state *state)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_MODEL_STATE, FULL_WAIT_MS);
    if (!envelope) {
        tyto_numbering_skip(publisher->numbering, NULL, NULL);
        return TYTO_ERR_NOMEM;
    }
    envelope->body.model_state = *state;
    return push(publisher, envelope, FULL_WAIT_MS);
}

void tyto_publisher_keep_scores(struct tyto_publisher *publisher,
                                struct tyto_journal_scores *scores)
{
    if (publisher->committer)
        tyto_committer_keep_scores(publisher->committer, scores);
    else
        tyto_journal_scores_free(&scores);
}

void tyto_publisher_free_thumbnail(struct tyto_thumbnail_message *message)
{
    if (!message)
        return;
    free(message->jpeg);
    free(message);
}

void tyto_publisher_thumbnail(struct tyto_publisher *publisher,
                              const struct tyto_thumbnail *thumbnail, uint8_t *jpeg)
{
    struct tyto_thumbnail_message *message = malloc(sizeof(*message));
    if (!message) {
        free(jpeg);
        return;
    }
    *message = (struct tyto_thumbnail_message){publisher, *thumbnail, jpeg};
    void *dropped = NULL;
    if (tyto_ring_push_drop_oldest(publisher->thumbnail_ring, message, &dropped) != TYTO_OK)
        dropped = message;
    if (dropped)
        atomic_fetch_add(&publisher->num_thumbnails_dropped, 1);
    tyto_publisher_free_thumbnail(dropped);
}

void tyto_publisher_debug(struct tyto_publisher *publisher, const struct tyto_debug_scores *debug)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_DEBUG_SCORES, 0);
    if (!envelope)
        return;
    envelope->body.debug_scores = *debug;
    void *dropped = NULL;
    if (tyto_ring_push_drop_oldest(publisher->debug_ring, envelope, &dropped) != TYTO_OK)
        free(envelope);
    free(dropped);
}
