/* SPDX-License-Identifier: MIT */
/* The only file of the daemon that knows ZeroMQ. */
#include "daemon/publish/publisher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/ring.h"
#include "daemon/publish/counters.h"
#include "daemon/publish/endpoint.h"

enum {
    DEBUG_QUEUE_ITEMS = 256,
    MAX_SUBSCRIPTIONS = 32768, /* of all subscribers together: 64 clients with 500 filters */
    LINGER_MS = 1000,
    MAX_PER_TURN = 1024, /* then heartbeat and subscriptions get their turn */
    FULL_WAIT_MS = 1000,
};

struct tyto_publisher {
    struct tyto_log log;
    void *context;
    void *socket;           /* of the thread once it runs */
    struct tyto_ring *ring; /* of struct tyto_envelope *, owned by the ring */
    struct tyto_ring *debug_ring;
    pthread_t thread;
    bool is_running;
    uint32_t heartbeat_ms;
    char version[32];
    char ipc_paths[TYTO_PUBLISHER_MAX_ENDPOINTS][108]; /* removed at the end */

    /* Of the thread alone. */
    uint8_t log_id[TYTO_UUID_BYTES], boot_id[TYTO_UUID_BYTES];
    uint64_t seq;
    uint64_t num_lost_told; /* lost events that seq has already skipped */
    struct tyto_counters *counters;
    bool has_model;
    struct tyto_model_state model; /* the one that serves */
    bool is_repeat_due;            /* someone has subscribed to states since the last heartbeat */

    /* Read by any thread. */
    atomic_uint_fast64_t last_seq, num_events, num_lost, num_bad;
    atomic_uint_fast32_t num_subscriptions, num_debug_subscriptions;
};

/* --- sending ------------------------------------------------------------------- */

static void send_two(struct tyto_publisher *publisher, const char *topic, const void *bytes,
                     size_t num_bytes)
{
    /* An XPUB without NODROP never blocks and never answers EAGAIN; DONTWAIT makes sure. */
    if (zmq_send(publisher->socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(publisher->socket, bytes, num_bytes, ZMQ_DONTWAIT) < 0)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher", "sending %s failed: %s", topic,
                       zmq_strerror(errno));
}

static bool send_envelope(struct tyto_publisher *publisher, struct tyto_envelope *envelope)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes = 0;
    memcpy(envelope->log_id, publisher->log_id, TYTO_UUID_BYTES);
    memcpy(envelope->boot_id, publisher->boot_id, TYTO_UUID_BYTES);
    envelope->publish_unix_ns = (int64_t)tyto_clock_unix_ns();
    envelope->publish_mono_ns = (int64_t)tyto_clock_mono_ns();
    envelope->schema_minor = TYTO_SCHEMA_MINOR;
    enum tyto_err err = tyto_envelope_topic(envelope, topic, sizeof(topic));
    if (err == TYTO_OK)
        err = tyto_envelope_pack(envelope, bytes, sizeof(bytes), &num_bytes);
    if (err != TYTO_OK) {
        atomic_fetch_add(&publisher->num_bad, 1);
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                       "a message of kind %d is out of its limits: %s", (int)envelope->kind,
                       tyto_err_text(err));
        return false;
    }
    send_two(publisher, topic, bytes, num_bytes);
    return true;
}

/* Gives the message its place in the log. A journal commits here, then returns. */
static enum tyto_err number_message(struct tyto_publisher *publisher,
                                    struct tyto_envelope *envelope)
{
    const uint64_t num_lost = atomic_load(&publisher->num_lost);
    publisher->seq += num_lost - publisher->num_lost_told;
    publisher->num_lost_told = num_lost;
    const bool is_event = envelope->kind == TYTO_ENVELOPE_EVENT;
    const char *camera = NULL;
    if (is_event)
        camera = envelope->body.event.camera;
    else if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE)
        camera = envelope->body.camera_state.camera;
    if (camera) {
        const char *class_name = is_event ? envelope->body.event.class_name : NULL;
        const enum tyto_err err = tyto_counters_next(publisher->counters, camera, class_name,
                                                     &envelope->cam_seq, &envelope->class_seq);
        if (err != TYTO_OK)
            return err;
    }
    if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE) {
        tyto_counters_keep_state(publisher->counters, &envelope->body.camera_state);
    } else if (envelope->kind == TYTO_ENVELOPE_MODEL_STATE &&
               envelope->body.model_state.outcome != TYTO_MODEL_OUTCOME_REJECTED) {
        publisher->model = envelope->body.model_state;
        publisher->has_model = true;
    }
    envelope->seq = ++publisher->seq;
    atomic_store(&publisher->last_seq, publisher->seq);
    return TYTO_OK;
}

/* Takes the envelope. */
static void publish_one(struct tyto_publisher *publisher, struct tyto_envelope *envelope)
{
    const bool is_numbered = envelope->kind != TYTO_ENVELOPE_DEBUG_SCORES;
    const enum tyto_err err = is_numbered ? number_message(publisher, envelope) : TYTO_OK;
    if (err != TYTO_OK)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                       "a message could not be numbered: %s", tyto_err_text(err));
    else if (send_envelope(publisher, envelope) && is_numbered)
        atomic_fetch_add(&publisher->num_events, 1);
    free(envelope);
}

/* CLOSED when the ring is closed and empty. */
static enum tyto_err publish_waiting(struct tyto_publisher *publisher, struct tyto_ring *ring)
{
    enum tyto_err err = TYTO_OK;
    for (int i = 0; err == TYTO_OK && i < MAX_PER_TURN; i++) {
        void *item;
        err = tyto_ring_pop(ring, &item);
        if (err == TYTO_OK)
            publish_one(publisher, item);
    }
    return err;
}

static void send_heartbeat(struct tyto_publisher *publisher)
{
    const uint32_t num_cameras = tyto_counters_num_cameras(publisher->counters);
    const uint32_t each = TYTO_HEARTBEAT_MAX_CAMERAS;
    const uint32_t num_parts = num_cameras == 0 ? 1 : (num_cameras + each - 1) / each;
    for (uint32_t part = 0; part < num_parts; part++) {
        struct tyto_envelope envelope;
        memset(&envelope, 0, sizeof(envelope));
        envelope.kind = TYTO_ENVELOPE_HEARTBEAT;
        struct tyto_heartbeat *heartbeat = &envelope.body.heartbeat;
        heartbeat->last_seq = publisher->seq;
        heartbeat->num_dropped = publisher->num_lost_told;
        heartbeat->part = part;
        heartbeat->num_parts = num_parts;
        heartbeat->interval_ms = publisher->heartbeat_ms;
        memcpy(heartbeat->model_digest, publisher->model.digest, sizeof(heartbeat->model_digest));
        for (uint32_t i = part * each; i < num_cameras && i < (part + 1) * each; i++) {
            struct tyto_camera_seq *camera = &heartbeat->cameras[heartbeat->num_cameras++];
            tyto_counters_get_camera(publisher->counters, i, camera);
        }
        (void)send_envelope(publisher, &envelope);
    }
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
        (void)send_envelope(publisher, &envelope);
    }
    envelope.kind = TYTO_ENVELOPE_CAMERA_STATE;
    for (uint32_t i = 0; i < tyto_counters_num_cameras(publisher->counters); i++) {
        const struct tyto_camera_state *state = tyto_counters_get_state(publisher->counters, i);
        if (!state)
            continue;
        envelope.body.camera_state = *state;
        (void)send_envelope(publisher, &envelope);
    }
    publisher->is_repeat_due = false;
}

/* Each new subscriber gets this at once; renewed with every heartbeat. */
static void renew_welcome(struct tyto_publisher *publisher)
{
    static const char topic[] = "hello/";
    struct tyto_hello hello;
    memset(&hello, 0, sizeof(hello));
    hello.schema_major = TYTO_SCHEMA_MAJOR;
    hello.schema_minor = TYTO_SCHEMA_MINOR;
    memcpy(hello.log_id, publisher->log_id, TYTO_UUID_BYTES);
    memcpy(hello.boot_id, publisher->boot_id, TYTO_UUID_BYTES);
    hello.seq = publisher->seq;
    hello.server_unix_ns = (int64_t)tyto_clock_unix_ns();
    hello.heartbeat_ms = publisher->heartbeat_ms;
    snprintf(hello.version, sizeof(hello.version), "%s", publisher->version);
    uint8_t bytes[sizeof(topic) - 1 + TYTO_ENVELOPE_MAX_BYTES];
    size_t num_bytes = 0;
    memcpy(bytes, topic, sizeof(topic) - 1);
    const enum tyto_err err =
        tyto_hello_pack(&hello, bytes + sizeof(topic) - 1, TYTO_ENVELOPE_MAX_BYTES, &num_bytes);
    if (err != TYTO_OK || zmq_setsockopt(publisher->socket, ZMQ_XPUB_WELCOME_MSG, bytes,
                                         sizeof(topic) - 1 + num_bytes) != 0)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher", "no welcome message: %s",
                       err != TYTO_OK ? tyto_err_text(err) : zmq_strerror(errno));
}

/* --- subscriptions --------------------------------------------------------------- */

static void take_subscription(struct tyto_publisher *publisher, const uint8_t *bytes, size_t len)
{
    /* With XPUB_MANUAL nothing is subscribed unless we say so: the place where
     * roles will be checked. The first byte says subscribe (1) or not (0). */
    if (len < 1 || bytes[0] > 1)
        return;
    const char *prefix = (const char *)bytes + 1;
    const bool is_debug = len >= 5 && memcmp(prefix, "dbg/", 4) == 0;
    if (bytes[0] == 0) {
        if (zmq_setsockopt(publisher->socket, ZMQ_UNSUBSCRIBE, prefix, len - 1) != 0)
            return;
        if (atomic_load(&publisher->num_subscriptions) > 0)
            atomic_fetch_sub(&publisher->num_subscriptions, 1);
        if (is_debug && atomic_load(&publisher->num_debug_subscriptions) > 0)
            atomic_fetch_sub(&publisher->num_debug_subscriptions, 1);
        return;
    }
    if (len - 1 > TYTO_TOPIC_MAX_BYTES ||
        atomic_load(&publisher->num_subscriptions) >= MAX_SUBSCRIPTIONS) {
        tyto_log_write(&publisher->log, TYTO_LOG_WARNING, "publisher",
                       "a subscription was refused (%zu bytes long, %u held)", len - 1,
                       (unsigned)atomic_load(&publisher->num_subscriptions));
        return;
    }
    if (zmq_setsockopt(publisher->socket, ZMQ_SUBSCRIBE, prefix, len - 1) != 0)
        return;
    atomic_fetch_add(&publisher->num_subscriptions, 1);
    if (len < 4 || memcmp(prefix, "st/", 3) == 0 || memcmp(prefix, "md/", 3) == 0)
        publisher->is_repeat_due = true;
    if (is_debug)
        atomic_fetch_add(&publisher->num_debug_subscriptions, 1);
}

static void take_upstream(struct tyto_publisher *publisher)
{
    uint8_t bytes[1024];
    for (;;) {
        const int len = zmq_recv(publisher->socket, bytes, sizeof(bytes), ZMQ_DONTWAIT);
        if (len < 0)
            return; /* EAGAIN: no more */
        if ((size_t)len <= sizeof(bytes))
            take_subscription(publisher, bytes, (size_t)len);
    }
}

/* --- the thread -------------------------------------------------------------------- */

static void *run(void *user)
{
    struct tyto_publisher *publisher = user;
    uint64_t next_beat_ns = tyto_clock_mono_ns();
    bool is_closed = false;
    while (!is_closed) {
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (now_ns >= next_beat_ns) {
            send_heartbeat(publisher);
            renew_welcome(publisher);
            if (publisher->is_repeat_due)
                repeat_states(publisher);
            next_beat_ns = now_ns + publisher->heartbeat_ms * TYTO_NS_PER_MS;
        }
        zmq_pollitem_t items[] = {
            {publisher->socket, 0, ZMQ_POLLIN, 0},
            {NULL, tyto_ring_fd(publisher->ring), ZMQ_POLLIN, 0},
            {NULL, tyto_ring_fd(publisher->debug_ring), ZMQ_POLLIN, 0},
        };
        const long wait_ms = (long)((next_beat_ns - now_ns) / TYTO_NS_PER_MS) + 1;
        if (zmq_poll(items, 3, wait_ms) < 0 && errno != EINTR)
            break;
        take_upstream(publisher);
        (void)publish_waiting(publisher, publisher->debug_ring);
        is_closed = publish_waiting(publisher, publisher->ring) == TYTO_ERR_CLOSED;
    }
    send_heartbeat(publisher); /* so that a lost last event is noticed */
    zmq_close(publisher->socket);
    publisher->socket = NULL;
    return NULL;
}

/* --- making ------------------------------------------------------------------------- */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_options(void *socket, uint32_t send_hwm)
{
    const int64_t max_inbound_bytes = 65536;
    return set_int(socket, ZMQ_SNDHWM, (int)send_hwm) && set_int(socket, ZMQ_XPUB_VERBOSER, 1) &&
           set_int(socket, ZMQ_XPUB_MANUAL, 1) && set_int(socket, ZMQ_XPUB_NODROP, 0) &&
           set_int(socket, ZMQ_LINGER, LINGER_MS) && set_int(socket, ZMQ_IPV6, 1) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_inbound_bytes, sizeof(max_inbound_bytes)) ==
               0 &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, 5000) && set_int(socket, ZMQ_HEARTBEAT_IVL, 2000) &&
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 6000) &&
           set_int(socket, ZMQ_HEARTBEAT_TTL, 6000) && set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(socket, ZMQ_BACKLOG, 64);
}

static enum tyto_err bind_one(struct tyto_publisher *publisher, const char *endpoint, uint32_t idx,
                              struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_publisher_check_endpoint(endpoint, ret_fault);
    if (err != TYTO_OK)
        return err;
    const bool is_ipc = strncmp(endpoint, "ipc://", 6) == 0;
    const enum tyto_err ipc_err =
        is_ipc ? tyto_publisher_prepare_ipc(endpoint, ret_fault) : TYTO_OK;
    if (ipc_err != TYTO_OK)
        return ipc_err;
    if (zmq_bind(publisher->socket, endpoint) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot bind %s: %s%s",
                              endpoint, zmq_strerror(errno),
                              errno == EADDRINUSE ? " (does another tytod run? use --endpoint)"
                                                  : "");
    if (is_ipc) {
        snprintf(publisher->ipc_paths[idx], sizeof(publisher->ipc_paths[idx]), "%s", endpoint + 6);
        if (chmod(endpoint + 6, 0660) != 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot chmod %s: %s",
                                  endpoint + 6, strerror(errno));
    }
    return TYTO_OK;
}

static enum tyto_err make_uuid(uint8_t ret_uuid[TYTO_UUID_BYTES])
{
    if (getrandom(ret_uuid, TYTO_UUID_BYTES, 0) != TYTO_UUID_BYTES)
        return TYTO_ERR_IO;
    ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x40); /* version 4 */
    ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
    return TYTO_OK;
}

static enum tyto_err open_socket(struct tyto_publisher *publisher,
                                 const struct tyto_publisher_params *params,
                                 struct tyto_fault *ret_fault)
{
    publisher->context = zmq_ctx_new();
    publisher->socket = publisher->context ? zmq_socket(publisher->context, ZMQ_XPUB) : NULL;
    if (!publisher->socket ||
        !set_options(publisher->socket, params->send_hwm ? params->send_hwm : 1000))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no ZeroMQ socket: %s",
                              zmq_strerror(errno));
    renew_welcome(publisher); /* before anyone can connect */
    for (uint32_t i = 0; i < params->num_endpoints; i++) {
        const enum tyto_err err = bind_one(publisher, params->endpoints[i], i, ret_fault);
        if (err != TYTO_OK)
            return err;
    }
    return TYTO_OK;
}

static enum tyto_err start(struct tyto_publisher *publisher,
                           const struct tyto_publisher_params *params, struct tyto_fault *ret_fault)
{
    enum tyto_err err = make_uuid(publisher->boot_id);
    if (err == TYTO_OK)
        err = make_uuid(publisher->log_id); /* without a journal a log lives as long as we do */
    if (err == TYTO_OK)
        err = tyto_ring_create(params->queue_items ? params->queue_items : 8192, &publisher->ring);
    if (err == TYTO_OK)
        err = tyto_ring_create(DEBUG_QUEUE_ITEMS, &publisher->debug_ring);
    if (err == TYTO_OK)
        err = tyto_counters_create(&publisher->counters);
    if (err == TYTO_OK)
        err = open_socket(publisher, params, ret_fault);
    if (err != TYTO_OK)
        return err;
    /* The socket moves to the thread; pthread_create is the full fence that takes. */
    if (pthread_create(&publisher->thread, NULL, run, publisher) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "no thread: %s",
                              strerror(errno));
    publisher->is_running = true;
    return TYTO_OK;
}

enum tyto_err tyto_publisher_create(const struct tyto_publisher_params *params,
                                    struct tyto_publisher **ret_publisher,
                                    struct tyto_fault *ret_fault)
{
    if (params->num_endpoints < 1 || params->num_endpoints > TYTO_PUBLISHER_MAX_ENDPOINTS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "1..%d endpoints are needed", TYTO_PUBLISHER_MAX_ENDPOINTS);
    struct tyto_publisher *publisher = calloc(1, sizeof(*publisher));
    if (!publisher)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    if (params->log)
        publisher->log = *params->log;
    publisher->heartbeat_ms =
        params->heartbeat_ms ? params->heartbeat_ms : TYTO_PUBLISHER_DEFAULT_HEARTBEAT_MS;
    snprintf(publisher->version, sizeof(publisher->version), "%s",
             params->version ? params->version : "");
    if (ret_fault)
        memset(ret_fault, 0, sizeof(*ret_fault));
    const enum tyto_err err = start(publisher, params, ret_fault);
    if (err != TYTO_OK) {
        if (ret_fault && !ret_fault->text[0])
            (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
        tyto_publisher_destroy(&publisher);
        return err;
    }
    *ret_publisher = publisher;
    return TYTO_OK;
}

static void drain(struct tyto_ring *ring)
{
    void *item;
    while (ring && tyto_ring_pop(ring, &item) == TYTO_OK)
        free(item);
}

void tyto_publisher_destroy(struct tyto_publisher **publisher)
{
    if (!publisher || !*publisher)
        return;
    struct tyto_publisher *self = *publisher;
    if (self->is_running) {
        tyto_ring_close(self->ring);
        pthread_join(self->thread, NULL);
    }
    if (self->socket)
        zmq_close(self->socket);
    if (self->context)
        zmq_ctx_term(self->context); /* waits up to LINGER_MS */
    for (int i = 0; i < TYTO_PUBLISHER_MAX_ENDPOINTS; i++) {
        if (self->ipc_paths[i][0])
            (void)unlink(self->ipc_paths[i]);
    }
    drain(self->ring);
    drain(self->debug_ring);
    tyto_ring_destroy(&self->ring);
    tyto_ring_destroy(&self->debug_ring);
    tyto_counters_destroy(&self->counters);
    free(self);
    *publisher = NULL;
}

/* --- handing in ----------------------------------------------------------------------- */

static struct tyto_envelope *new_envelope(enum tyto_envelope_kind kind)
{
    struct tyto_envelope *envelope = calloc(1, sizeof(*envelope));
    if (envelope)
        envelope->kind = kind;
    return envelope;
}

static enum tyto_err push(struct tyto_publisher *publisher, struct tyto_envelope *envelope)
{
    enum tyto_err err = envelope ? tyto_ring_push(publisher->ring, envelope) : TYTO_ERR_NOMEM;
    for (int ms = 0; err == TYTO_ERR_FULL && ms < FULL_WAIT_MS; ms++) {
        const struct timespec one_ms = {0, 1000000};
        nanosleep(&one_ms, NULL);
        err = tyto_ring_push(publisher->ring, envelope);
    }
    if (err != TYTO_OK) {
        atomic_fetch_add(&publisher->num_lost, 1);
        free(envelope);
    }
    return err;
}

enum tyto_err tyto_publisher_event(struct tyto_publisher *publisher, const struct tyto_event *event)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_EVENT);
    if (envelope)
        envelope->body.event = *event;
    return push(publisher, envelope);
}

enum tyto_err tyto_publisher_camera_state(struct tyto_publisher *publisher,
                                          const struct tyto_camera_state *state)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_CAMERA_STATE);
    if (envelope)
        envelope->body.camera_state = *state;
    return push(publisher, envelope);
}

enum tyto_err tyto_publisher_model_state(struct tyto_publisher *publisher,
                                         const struct tyto_model_state *state)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_MODEL_STATE);
    if (envelope)
        envelope->body.model_state = *state;
    return push(publisher, envelope);
}

void tyto_publisher_debug(struct tyto_publisher *publisher, const struct tyto_debug_scores *debug)
{
    struct tyto_envelope *envelope = new_envelope(TYTO_ENVELOPE_DEBUG_SCORES);
    if (!envelope)
        return;
    envelope->body.debug_scores = *debug;
    void *dropped = NULL;
    if (tyto_ring_push_drop_oldest(publisher->debug_ring, envelope, &dropped) != TYTO_OK)
        free(envelope);
    free(dropped);
}

bool tyto_publisher_wants_debug(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_debug_subscriptions) > 0;
}

void tyto_publisher_get_counts(const struct tyto_publisher *publisher,
                               struct tyto_publisher_counts *ret_counts)
{
    ret_counts->last_seq = atomic_load(&publisher->last_seq);
    ret_counts->num_events = atomic_load(&publisher->num_events);
    ret_counts->num_lost = atomic_load(&publisher->num_lost) + atomic_load(&publisher->num_bad);
    ret_counts->num_dropped = tyto_ring_num_dropped(publisher->debug_ring);
    ret_counts->num_subscriptions = (uint32_t)atomic_load(&publisher->num_subscriptions);
}
