/* SPDX-License-Identifier: MIT */
/* What goes out, and in which words. */
#include <string.h>

#include "base/clock.h"
#include "daemon/publish/internal.h"

/* Of pictures that subscribers have not fetched, together. */
enum { MAX_THUMBNAIL_BYTES = 32 << 20 };

/* ENDs of the run before are told when subscribers have had time to come back, and again to those
 * who come later. */
#define LEFT_AFTER_NS (2 * TYTO_NS_PER_S)
#define LEFT_UNTIL_NS (60 * TYTO_NS_PER_S)

static void send_bytes(struct tyto_publisher *publisher, const char *topic, const uint8_t *bytes,
                       size_t num_bytes)
{
    const enum tyto_err err = tyto_event_socket_send(&publisher->socket, topic, bytes, num_bytes);
    if (err)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher", "sending %s failed: %s", topic,
                       tyto_err_text(err));
}

/* Stamps and packs one that is not counted. False: it is out of its limits. */
static bool pack_uncounted(struct tyto_publisher *publisher, struct tyto_envelope *envelope,
                           char topic[TYTO_TOPIC_MAX_BYTES], uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES],
                           size_t *ret_num)
{
    memcpy(envelope->log_id, publisher->sender.log_id, TYTO_UUID_BYTES);
    memcpy(envelope->boot_id, publisher->sender.boot_id, TYTO_UUID_BYTES);
    envelope->publish_unix_ns = (int64_t)tyto_clock_unix_ns();
    envelope->publish_mono_ns = (int64_t)tyto_clock_mono_ns();
    envelope->schema_minor = TYTO_SCHEMA_MINOR;
    enum tyto_err err = tyto_envelope_topic(envelope, topic, TYTO_TOPIC_MAX_BYTES);
    if (!err)
        err = tyto_envelope_pack(envelope, bytes, TYTO_ENVELOPE_MAX_BYTES, ret_num);
    if (err) {
        atomic_fetch_add(&publisher->num_bad, 1);
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                       "a message of kind %d is out of its limits: %s", (int)envelope->kind,
                       tyto_err_text(err));
        return false;
    }
    return true;
}

bool tyto_publisher_send_uncounted(struct tyto_publisher *publisher, struct tyto_envelope *envelope)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes = 0;
    const bool ok = pack_uncounted(publisher, envelope, topic, bytes, &num_bytes);
    if (ok)
        send_bytes(publisher, topic, bytes, num_bytes);
    return ok;
}

/* On a thread of libzmq's, too. */
static void release_thumbnail(void *bytes, void *user)
{
    struct tyto_thumbnail_message *message = user;
    (void)bytes;
    atomic_fetch_sub(&message->publisher->thumbnail_bytes, message->thumbnail.num_bytes);
    tyto_publisher_free_thumbnail(message);
}

void tyto_publisher_send_thumbnail(struct tyto_publisher *publisher,
                                   struct tyto_thumbnail_message *message)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes = 0;
    struct tyto_envelope envelope;
    const uint32_t jpeg_bytes = message->thumbnail.num_bytes;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_THUMBNAIL;
    envelope.body.thumbnail = message->thumbnail;
    if (atomic_load(&publisher->thumbnail_bytes) + jpeg_bytes > MAX_THUMBNAIL_BYTES ||
        !pack_uncounted(publisher, &envelope, topic, bytes, &num_bytes)) {
        atomic_fetch_add(&publisher->num_thumbnails_dropped, 1);
        tyto_publisher_free_thumbnail(message);
        return;
    }
    atomic_fetch_add(&publisher->thumbnail_bytes, jpeg_bytes);
    const enum tyto_err err =
        tyto_event_socket_send_with(&publisher->socket, topic, bytes, num_bytes, message->jpeg,
                                    jpeg_bytes, release_thumbnail, message);
    atomic_fetch_add(err ? &publisher->num_thumbnails_dropped : &publisher->num_thumbnails, 1);
}

void tyto_publisher_send(struct tyto_publisher *publisher, struct tyto_outgoing *outgoing)
{
    const struct tyto_envelope *envelope = &outgoing->envelope;
    const struct tyto_event *event =
        envelope->kind == TYTO_ENVELOPE_EVENT ? &envelope->body.event : NULL;
    if (envelope->kind == TYTO_ENVELOPE_MODEL_STATE &&
        envelope->body.model_state.outcome != TYTO_MODEL_OUTCOME_REJECTED) {
        publisher->model = envelope->body.model_state;
        publisher->has_model = true;
    }
    if (event)
        tyto_open_events_before(publisher->open, event);
    if (outgoing->num_bytes > 0)
        send_bytes(publisher, outgoing->topic, outgoing->bytes, outgoing->num_bytes);
    if (event)
        tyto_open_events_after(publisher->open, event);
    tyto_numbering_note_sent(publisher->numbering, envelope);
    atomic_store(&publisher->last_seq, envelope->seq);
    atomic_fetch_add(outgoing->num_bytes > 0 ? &publisher->num_events : &publisher->num_bad, 1);
    tyto_outgoing_release(outgoing);
}

/* Nothing is on its way. The order matters: whatever leaves one place is in the next by then. */
static bool is_drained(const void *user)
{
    const struct tyto_publisher *publisher = user;
    if (tyto_ring_num_items(publisher->ring) > 0)
        return false;
    return !publisher->committer ||
           (tyto_committer_is_idle(publisher->committer) &&
            tyto_ring_num_items(tyto_committer_ring(publisher->committer)) == 0);
}

static uint64_t oldest_seq(const struct tyto_publisher *publisher)
{
    return publisher->journal ? tyto_journal_oldest_seq(publisher->journal) : 0;
}

static void send_heartbeat(struct tyto_publisher *publisher)
{
    const uint64_t last_seq = tyto_numbering_last_seq(publisher->numbering, is_drained, publisher);
    const uint32_t num_cameras = tyto_numbering_num_cameras(publisher->numbering);
    const uint32_t each = TYTO_HEARTBEAT_MAX_CAMERAS;
    const uint32_t num_parts = num_cameras == 0 ? 1 : (num_cameras + each - 1) / each;
    for (uint32_t part = 0; part < num_parts; part++) {
        struct tyto_envelope envelope;
        memset(&envelope, 0, sizeof(envelope));
        envelope.kind = TYTO_ENVELOPE_HEARTBEAT;
        struct tyto_heartbeat *heartbeat = &envelope.body.heartbeat;
        heartbeat->last_seq = last_seq;
        heartbeat->num_dropped = tyto_numbering_num_lost(publisher->numbering);
        heartbeat->oldest_seq = oldest_seq(publisher);
        heartbeat->part = part;
        heartbeat->num_parts = num_parts;
        heartbeat->interval_ms = publisher->heartbeat_ms;
        memcpy(heartbeat->model_digest, publisher->model.digest, sizeof(heartbeat->model_digest));
        for (uint32_t i = part * each; i < num_cameras && i < (part + 1) * each; i++) {
            struct tyto_camera_seq *camera = &heartbeat->cameras[heartbeat->num_cameras++];
            tyto_numbering_get_camera(publisher->numbering, i, camera);
        }
        (void)tyto_publisher_send_uncounted(publisher, &envelope);
    }
    atomic_store(&publisher->last_seq, last_seq);
}

/* For newcomers: the states as they are. To all, as XPUB knows no other way, and with
 * seq 0: not counted. At most once a heartbeat, however many come. */
static void repeat_states(struct tyto_publisher *publisher)
{
    struct tyto_envelope envelope;
    memset(&envelope, 0, sizeof(envelope));
    if (publisher->has_model) {
        envelope.kind = TYTO_ENVELOPE_MODEL_STATE;
        envelope.body.model_state = publisher->model;
        (void)tyto_publisher_send_uncounted(publisher, &envelope);
    }
    envelope.kind = TYTO_ENVELOPE_CAMERA_STATE;
    const uint32_t num_cameras = tyto_numbering_num_cameras(publisher->numbering);
    for (uint32_t i = 0; i < num_cameras; i++) {
        if (tyto_numbering_get_state(publisher->numbering, i, &envelope.body.camera_state))
            (void)tyto_publisher_send_uncounted(publisher, &envelope);
    }
    publisher->is_repeat_due = false;
}

/* Numbered like any other, once. False: the queue is full, to be tried again. */
static bool tell_left(struct tyto_publisher *publisher)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < tyto_open_events_num_left(publisher->open); i++) {
        const struct tyto_event *end = tyto_open_events_left(publisher->open, i);
        ok = tyto_publisher_hand_in_event(publisher, end, 0) == TYTO_OK;
        tyto_log_write(&publisher->log, TYTO_LOG_INFO, "publisher",
                       "event %s of %s was left open by an earlier run: ended", end->id,
                       end->camera);
    }
    return ok;
}

static void repeat_left(struct tyto_publisher *publisher)
{
    struct tyto_envelope envelope;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    for (uint32_t i = 0; i < tyto_open_events_num_left(publisher->open); i++) {
        envelope.body.event = *tyto_open_events_left(publisher->open, i);
        (void)tyto_publisher_send_uncounted(publisher, &envelope);
    }
    publisher->is_left_due = false;
}

static void look_after_left(struct tyto_publisher *publisher)
{
    const uint64_t age_ns = tyto_clock_mono_ns() - publisher->begin_ns;
    if (tyto_open_events_num_left(publisher->open) == 0 || age_ns < LEFT_AFTER_NS)
        return;
    if (!publisher->is_left_told) {
        publisher->is_left_told = tell_left(publisher);
        publisher->is_left_due = false;
    } else if (publisher->is_left_due) {
        repeat_left(publisher);
    }
    if (publisher->is_left_told && age_ns > LEFT_UNTIL_NS)
        tyto_open_events_drop_left(publisher->open);
}

/* Nobody else commits any more. */
static void send_last(struct tyto_publisher *publisher, const struct tyto_envelope *envelope)
{
    struct tyto_outgoing *outgoing = NULL;
    (void)!tyto_outgoing_make(&publisher->sender, envelope, &outgoing);
    if (!outgoing)
        return;
    if (publisher->committer)
        tyto_committer_commit(publisher->committer, outgoing);
    tyto_publisher_send(publisher, outgoing);
}

void tyto_publisher_end_open(struct tyto_publisher *publisher)
{
    struct tyto_envelope envelope;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    for (uint32_t i = 0; i < TYTO_OPEN_EVENTS_MAX; i++) {
        if (!tyto_open_events_next(publisher->open, TYTO_EVENT_REASON_SHUTDOWN,
                                   &envelope.body.event))
            break;
        if (tyto_numbering_number(publisher->numbering, &envelope) == TYTO_OK)
            send_last(publisher, &envelope);
        tyto_open_events_after(publisher->open, &envelope.body.event);
    }
    send_heartbeat(publisher); /* so that a lost last event is noticed */
}

void tyto_publisher_get_hello(struct tyto_publisher *publisher, struct tyto_hello *ret_hello)
{
    memset(ret_hello, 0, sizeof(*ret_hello));
    ret_hello->schema_major = TYTO_SCHEMA_MAJOR;
    ret_hello->schema_minor = TYTO_SCHEMA_MINOR;
    memcpy(ret_hello->log_id, publisher->sender.log_id, TYTO_UUID_BYTES);
    memcpy(ret_hello->boot_id, publisher->sender.boot_id, TYTO_UUID_BYTES);
    ret_hello->seq = atomic_load(&publisher->last_seq);
    ret_hello->oldest_seq = oldest_seq(publisher);
    ret_hello->server_unix_ns = (int64_t)tyto_clock_unix_ns();
    ret_hello->heartbeat_ms = publisher->heartbeat_ms;
    memcpy(ret_hello->version, publisher->version, sizeof(ret_hello->version));
    pthread_mutex_lock(&publisher->query_lock);
    ret_hello->num_query_endpoints = publisher->num_query_endpoints;
    memcpy(ret_hello->query_endpoints, publisher->query_endpoints,
           sizeof(ret_hello->query_endpoints));
    pthread_mutex_unlock(&publisher->query_lock);
}

/* Each new subscriber gets this at once; renewed with every heartbeat. */
void tyto_publisher_renew_welcome(struct tyto_publisher *publisher)
{
    static const char topic[] = "hello/";
    const bool is_due = atomic_exchange(&publisher->is_hello_due, false);
    struct tyto_hello hello;
    tyto_publisher_get_hello(publisher, &hello);
    uint8_t bytes[sizeof(topic) - 1 + TYTO_ENVELOPE_MAX_BYTES];
    size_t num_bytes = 0;
    memcpy(bytes, topic, sizeof(topic) - 1);
    enum tyto_err err =
        tyto_hello_pack(&hello, bytes + sizeof(topic) - 1, TYTO_ENVELOPE_MAX_BYTES, &num_bytes);
    if (!err)
        err = tyto_event_socket_welcome(&publisher->socket, bytes, sizeof(topic) - 1 + num_bytes);
    if (!err && is_due)
        err =
            tyto_event_socket_send_frame(&publisher->socket, bytes, sizeof(topic) - 1 + num_bytes);
    if (err)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher", "no welcome message: %s",
                       tyto_err_text(err));
}

void tyto_publisher_beat(struct tyto_publisher *publisher)
{
    send_heartbeat(publisher);
    tyto_publisher_renew_welcome(publisher);
    if (publisher->is_repeat_due)
        repeat_states(publisher);
    look_after_left(publisher);
}
