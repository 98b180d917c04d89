/* SPDX-License-Identifier: MIT */
/* One SUB socket. What the caller has to be told besides the messages (loss,
 * silence, restart) waits in a small queue in front of the message that showed it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/ask.h"
#include "client/gaps.h"
#include "client/tyto.h"

enum {
    MAX_NOTICES = 4,
    MAX_TOLD = 256,
    MAX_ENDS = 256,
    MIN_OTHERS = 1024, /* messages looked at, even where there is no time to wait */
    SILENT_BEATS = 3,
    RECONNECT_BEATS = 10,
    DEFAULT_BEAT_MS = 1000,
    MAX_BEAT_MS = 60000, /* what a daemon may claim */
};

struct tyto_client {
    void *context, *socket;
    char endpoint[256];
    char cameras[TYTO_CLIENT_MAX_CAMERAS][TYTO_ID_MAX + 1];
    uint32_t num_cameras;
    char classes[TYTO_CLIENT_MAX_CLASSES][TYTO_ID_MAX + 1];
    uint32_t num_classes;
    struct tyto_gaps gaps;
    /* Whose state has been told: repeats, which come whenever anyone subscribes, stay out. */
    char told_cameras[MAX_TOLD][TYTO_ID_MAX + 1];
    uint32_t num_told;
    bool is_model_told;
    /* ENDs of an earlier run come to everyone again whenever anyone subscribes: ids of the last. */
    char told_ends[MAX_ENDS][TYTO_ULID_CHARS + 1];
    uint32_t num_ends;
    struct tyto_client_counts counts;
    bool is_connected; /* something was heard, ever */
    bool is_silent;
    bool has_boot;
    uint8_t boot_id[TYTO_UUID_BYTES];
    uint32_t beat_ms;
    uint64_t last_heard_ns; /* anything from the daemon */
    uint64_t last_look_ns;  /* for silence */
    bool has_slept;         /* since something was heard */
    uint64_t last_reconnect_ns;
    struct tyto_message notices[MAX_NOTICES];
    uint32_t num_notices;
    struct tyto_message held; /* the message behind the notices */
    bool is_held;
};

/* --- what to tell -------------------------------------------------------------------- */

static struct tyto_message *add_notice(struct tyto_client *client, enum tyto_message_kind kind)
{
    /* The last one is overwritten rather than lost silently; four is the most one
     * frame can cause. */
    if (client->num_notices == MAX_NOTICES)
        client->num_notices--;
    struct tyto_message *notice = &client->notices[client->num_notices++];
    memset(notice, 0, sizeof(*notice));
    notice->kind = kind;
    return notice;
}

static void note_life(struct tyto_client *client, const struct tyto_hello *hello,
                      const uint8_t boot_id[TYTO_UUID_BYTES])
{
    client->last_heard_ns = tyto_clock_mono_ns();
    client->has_slept = false;
    if (!client->is_connected) {
        client->is_connected = true;
        struct tyto_message *notice = add_notice(client, TYTO_MESSAGE_CONNECTED);
        notice->has_hello = hello != NULL;
        if (hello)
            notice->u.hello = *hello;
    } else if (client->is_silent) {
        (void)add_notice(client, TYTO_MESSAGE_ALIVE);
    }
    client->is_silent = false;
    if (client->has_boot && memcmp(client->boot_id, boot_id, TYTO_UUID_BYTES) != 0) {
        tyto_gaps_restart(&client->gaps);
        client->num_told = 0;
        client->is_model_told = false;
        (void)add_notice(client, TYTO_MESSAGE_RESTARTED);
    }
    memcpy(client->boot_id, boot_id, TYTO_UUID_BYTES);
    client->has_boot = true;
}

static void note_lost(struct tyto_client *client, uint64_t num_lost)
{
    if (num_lost == 0)
        return;
    client->counts.num_lost += num_lost;
    add_notice(client, TYTO_MESSAGE_LOST)->num_lost = num_lost;
}

static void set_beat(struct tyto_client *client, uint32_t beat_ms)
{
    if (beat_ms > 0 && beat_ms <= MAX_BEAT_MS)
        client->beat_ms = beat_ms;
}

/* --- what comes in --------------------------------------------------------------------- */

static bool is_wanted(const struct tyto_client *client, const char *class_name)
{
    for (uint32_t i = 0; i < client->num_classes; i++) {
        if (strcmp(client->classes[i], class_name) == 0)
            return true;
    }
    return client->num_classes == 0;
}

/* An END of an earlier run may be one that has been told: by that run, or when somebody came. */
static bool is_known_end(struct tyto_client *client, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_END)
        return false;
    const bool may_repeat = event->reason == TYTO_EVENT_REASON_RECOVERED;
    for (uint32_t i = 0; i < MAX_ENDS && may_repeat; i++) {
        if (strcmp(client->told_ends[i], event->id) == 0)
            return true;
    }
    memcpy(client->told_ends[client->num_ends++ % MAX_ENDS], event->id, sizeof(event->id));
    return false;
}

/* True when this repeats what the caller has been given. */
static bool is_known_repeat(struct tyto_client *client, const struct tyto_envelope *envelope)
{
    if (envelope->kind == TYTO_ENVELOPE_EVENT)
        return is_known_end(client, &envelope->body.event);
    if (envelope->kind == TYTO_ENVELOPE_MODEL_STATE) {
        const bool is_repeat = envelope->seq == 0 && client->is_model_told;
        client->is_model_told = true;
        return is_repeat;
    }
    if (envelope->kind != TYTO_ENVELOPE_CAMERA_STATE)
        return false;
    const char *camera = envelope->body.camera_state.camera;
    for (uint32_t i = 0; i < client->num_told; i++) {
        if (strcmp(client->told_cameras[i], camera) == 0)
            return envelope->seq == 0;
    }
    if (client->num_told < MAX_TOLD)
        snprintf(client->told_cameras[client->num_told++], TYTO_ID_MAX + 1, "%s", camera);
    return false;
}

/* Turns an envelope into the held message, if it is one for the caller. */
static void hold_message(struct tyto_client *client, const struct tyto_envelope *envelope)
{
    if (envelope->kind == TYTO_ENVELOPE_EVENT &&
        !is_wanted(client, envelope->body.event.class_name)) {
        client->counts.num_filtered++;
        return;
    }
    if (!tyto_message_of(envelope, &client->held))
        return;
    client->counts.num_received++;
    client->is_held = true;
}

static void take_envelope(struct tyto_client *client, const struct tyto_envelope *envelope)
{
    note_life(client, NULL, envelope->boot_id);
    if (envelope->kind == TYTO_ENVELOPE_HEARTBEAT) {
        set_beat(client, envelope->body.heartbeat.interval_ms);
        note_lost(client, tyto_gaps_heartbeat(&client->gaps, &envelope->body.heartbeat));
        return;
    }
    if (envelope->kind != TYTO_ENVELOPE_DEBUG_SCORES)
        note_lost(client, tyto_gaps_message(&client->gaps, envelope));
    if (is_known_repeat(client, envelope))
        return;
    hold_message(client, envelope);
}

static void take_hello(struct tyto_client *client, const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_hello hello;
    if (tyto_hello_unpack(bytes, num_bytes, &hello) != TYTO_OK ||
        hello.schema_major != TYTO_SCHEMA_MAJOR) {
        client->counts.num_malformed++;
        return;
    }
    set_beat(client, hello.heartbeat_ms);
    note_life(client, &hello, hello.boot_id);
}

/* Reads one whole message; true when there was one. */
static bool receive(struct tyto_client *client)
{
    static const char hello_topic[] = "hello/";
    enum { HELLO_TOPIC_BYTES = sizeof(hello_topic) - 1 };
    uint8_t first[HELLO_TOPIC_BYTES + TYTO_ENVELOPE_MAX_BYTES];
    uint8_t second[TYTO_ENVELOPE_MAX_BYTES];
    const int num_first = zmq_recv(client->socket, first, sizeof(first), ZMQ_DONTWAIT);
    if (num_first < 0)
        return false;
    int num_second = -1;
    int has_more = 0;
    size_t option_bytes = sizeof(has_more);
    for (int frame = 1;
         zmq_getsockopt(client->socket, ZMQ_RCVMORE, &has_more, &option_bytes) == 0 && has_more;
         frame++) {
        uint8_t surplus[1]; /* further frames are attachments: not for us */
        if (frame == 1)
            num_second = zmq_recv(client->socket, second, sizeof(second), ZMQ_DONTWAIT);
        else
            (void)zmq_recv(client->socket, surplus, sizeof(surplus), ZMQ_DONTWAIT);
    }
    if (num_second < 0) {
        if (num_first >= HELLO_TOPIC_BYTES && (size_t)num_first <= sizeof(first) &&
            memcmp(first, hello_topic, HELLO_TOPIC_BYTES) == 0)
            take_hello(client, first + HELLO_TOPIC_BYTES, (size_t)num_first - HELLO_TOPIC_BYTES);
        else
            client->counts.num_malformed++;
        return true;
    }
    struct tyto_envelope envelope;
    if ((size_t)num_second > sizeof(second) ||
        tyto_envelope_unpack(second, (size_t)num_second, &envelope) != TYTO_OK)
        client->counts.num_malformed++;
    else
        take_envelope(client, &envelope);
    return true;
}

/* --- silence ----------------------------------------------------------------------------- */

static void look_for_silence(struct tyto_client *client)
{
    if (!client->is_connected)
        return;
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t beat_ns = client->beat_ms * TYTO_NS_PER_MS;
    /* Who did not look for a while (a process that was stopped, a machine that slept) cannot say
     * that it was quiet: what came meanwhile waits in the socket, and is not to go with a new
     * connection. */
    if (now_ns - client->last_look_ns > 2 * beat_ns && !client->has_slept) {
        client->has_slept = true;
        client->last_heard_ns = now_ns;
    }
    client->last_look_ns = now_ns;
    const uint64_t quiet_ns = now_ns - client->last_heard_ns;
    if (quiet_ns > SILENT_BEATS * beat_ns && !client->is_silent) {
        client->is_silent = true;
        (void)add_notice(client, TYTO_MESSAGE_SILENT);
    }
    if (quiet_ns > RECONNECT_BEATS * beat_ns &&
        now_ns - client->last_reconnect_ns > RECONNECT_BEATS * beat_ns) {
        client->last_reconnect_ns = now_ns;
        client->counts.num_connects++;
        (void)zmq_disconnect(client->socket, client->endpoint);
        (void)zmq_connect(client->socket, client->endpoint);
    }
}

static bool give_next(struct tyto_client *client, struct tyto_message *ret_message)
{
    if (client->num_notices > 0) {
        *ret_message = client->notices[0];
        client->num_notices--;
        memmove(client->notices, client->notices + 1,
                client->num_notices * sizeof(client->notices[0]));
        return true;
    }
    if (client->is_held) {
        *ret_message = client->held;
        client->is_held = false;
        return true;
    }
    return false;
}

static long poll_time_ms(const struct tyto_client *client, uint64_t begin_ns, int timeout_ms)
{
    /* Wakes at least every half beat, to notice silence. */
    const long beat_ms = client->beat_ms / 2 + 1;
    if (timeout_ms < 0)
        return beat_ms;
    const uint64_t spent_ms = (tyto_clock_mono_ns() - begin_ns) / TYTO_NS_PER_MS;
    const long left_ms = spent_ms >= (uint64_t)timeout_ms ? 0 : timeout_ms - (long)spent_ms;
    return left_ms < beat_ms ? left_ms : beat_ms;
}

enum tyto_err tyto_client_next(struct tyto_client *client, int timeout_ms,
                               struct tyto_message *ret_message)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint32_t num_others = 0;; num_others++) {
        if (give_next(client, ret_message))
            return TYTO_OK;
        /* Messages that are not for the caller do not hold him up beyond his time. */
        const bool is_late =
            num_others >= MIN_OTHERS && poll_time_ms(client, begin_ns, timeout_ms) == 0;
        if (!is_late && receive(client))
            continue;
        look_for_silence(client);
        if (client->num_notices > 0)
            continue;
        const long wait_ms = poll_time_ms(client, begin_ns, timeout_ms);
        if (wait_ms == 0)
            return TYTO_ERR_TIMEOUT;
        zmq_pollitem_t item = {client->socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, wait_ms) < 0)
            return errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
    }
}

/* --- making --------------------------------------------------------------------------------- */

static bool subscribe(struct tyto_client *client, const char *prefix)
{
    return zmq_setsockopt(client->socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0;
}

static bool subscribe_camera(struct tyto_client *client, const char *camera, bool debug)
{
    char topic[TYTO_TOPIC_MAX_BYTES];
    snprintf(topic, sizeof(topic), "st/%s/", camera);
    bool ok = subscribe(client, topic);
    snprintf(topic, sizeof(topic), "dbg/%s/", camera);
    ok = ok && (!debug || subscribe(client, topic));
    if (client->gaps.level == TYTO_GAP_CAMERA)
        return ok && tyto_event_topic(camera, NULL, topic, sizeof(topic)) == TYTO_OK &&
               subscribe(client, topic);
    for (uint32_t i = 0; ok && i < client->num_classes; i++)
        ok = tyto_event_topic(camera, client->classes[i], topic, sizeof(topic)) == TYTO_OK &&
             subscribe(client, topic);
    return ok;
}

static bool subscribe_all(struct tyto_client *client, bool debug)
{
    bool ok = subscribe(client, "hello/") && subscribe(client, "hb/") && subscribe(client, "md/");
    if (client->gaps.level == TYTO_GAP_ALL)
        return ok && subscribe(client, "ev/") && subscribe(client, "st/") &&
               (!debug || subscribe(client, "dbg/"));
    for (uint32_t i = 0; ok && i < client->num_cameras; i++)
        ok = subscribe_camera(client, client->cameras[i], debug);
    return ok;
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

enum tyto_err tyto_client_make_keys(char ret_public[TYTO_CLIENT_KEY_BYTES],
                                    char ret_secret[TYTO_CLIENT_KEY_BYTES])
{
    return zmq_curve_keypair(ret_public, ret_secret) == 0 ? TYTO_OK : TYTO_ERR_UNSUPPORTED;
}

static bool set_keys(void *socket, const struct tyto_client_params *params)
{
    char public_key[TYTO_CLIENT_KEY_BYTES];
    if (!params->server_key && !params->secret_key)
        return true;
    return params->server_key && params->secret_key &&
           strlen(params->server_key) + 1 == TYTO_CLIENT_KEY_BYTES &&
           strlen(params->secret_key) + 1 == TYTO_CLIENT_KEY_BYTES &&
           zmq_curve_public(public_key, params->secret_key) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, params->server_key, TYTO_CLIENT_KEY_BYTES) ==
               0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, sizeof(public_key)) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, params->secret_key, TYTO_CLIENT_KEY_BYTES) ==
               0;
}

static enum tyto_err open_socket(struct tyto_client *client,
                                 const struct tyto_client_params *params)
{
    client->context = zmq_ctx_new();
    client->socket = client->context ? zmq_socket(client->context, ZMQ_SUB) : NULL;
    if (!client->socket)
        return TYTO_ERR_NOMEM;
    const int64_t max_bytes = 1024 * 1024; /* attachments may come along */
    const int recv_hwm = params->recv_hwm ? (int)params->recv_hwm : 10000;
    if (!set_int(client->socket, ZMQ_RCVHWM, recv_hwm) ||
        !set_int(client->socket, ZMQ_SNDHWM, 2000) || !set_int(client->socket, ZMQ_LINGER, 0) ||
        !set_int(client->socket, ZMQ_RECONNECT_IVL, 250) ||
        !set_int(client->socket, ZMQ_RECONNECT_IVL_MAX, 8000) ||
        !set_int(client->socket, ZMQ_CONNECT_TIMEOUT, 3000) ||
        !set_int(client->socket, ZMQ_IPV6, 1) ||
        zmq_setsockopt(client->socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) != 0)
        return TYTO_ERR_IO;
    if (!set_keys(client->socket, params))
        return TYTO_ERR_INVALID;
    /* First subscribe, then connect: otherwise the welcome message is filtered away. */
    if (!subscribe_all(client, params->debug))
        return TYTO_ERR_IO;
    return zmq_connect(client->socket, client->endpoint) == 0 ? TYTO_OK : TYTO_ERR_INVALID;
}

static bool copy_ids(char (*ret_ids)[TYTO_ID_MAX + 1], const char *const *ids, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        if (!tyto_id_is_valid(ids[i]))
            return false;
        snprintf(ret_ids[i], sizeof(ret_ids[i]), "%s", ids[i]);
    }
    return true;
}

static enum tyto_err start(struct tyto_client *client, const struct tyto_client_params *params)
{
    const char *endpoint = params->endpoint ? params->endpoint : TYTO_CLIENT_DEFAULT_ENDPOINT;
    if (strlen(endpoint) >= sizeof(client->endpoint) ||
        params->num_cameras > TYTO_CLIENT_MAX_CAMERAS ||
        params->num_classes > TYTO_CLIENT_MAX_CLASSES ||
        (params->num_cameras > 0 &&
         params->num_cameras * (params->num_classes + 2) > TYTO_CLIENT_MAX_FILTERS) ||
        !copy_ids(client->cameras, params->cameras, params->num_cameras) ||
        !copy_ids(client->classes, params->classes, params->num_classes))
        return TYTO_ERR_INVALID;
    snprintf(client->endpoint, sizeof(client->endpoint), "%s", endpoint);
    client->num_cameras = params->num_cameras;
    client->num_classes = params->num_classes;
    client->beat_ms = DEFAULT_BEAT_MS;
    enum tyto_gap_level level = TYTO_GAP_ALL;
    if (params->num_cameras > 0)
        level = params->num_classes > 0 ? TYTO_GAP_CLASS : TYTO_GAP_CAMERA;
    tyto_gaps_init(&client->gaps, level);
    return open_socket(client, params);
}

enum tyto_err tyto_client_create(const struct tyto_client_params *params,
                                 struct tyto_client **ret_client)
{
    struct tyto_client *client = calloc(1, sizeof(*client));
    if (!client)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = start(client, params);
    if (err)
        tyto_client_destroy(&client);
    else
        *ret_client = client;
    return err;
}

void tyto_client_destroy(struct tyto_client **client)
{
    if (!client || !*client)
        return;
    if ((*client)->socket)
        zmq_close((*client)->socket);
    if ((*client)->context)
        zmq_ctx_term((*client)->context);
    free(*client);
    *client = NULL;
}

int tyto_client_fd(const struct tyto_client *client)
{
    int fd = -1;
    size_t fd_bytes = sizeof(fd);
    if (zmq_getsockopt(client->socket, ZMQ_FD, &fd, &fd_bytes) != 0)
        return -1;
    return fd;
}

void tyto_client_get_counts(const struct tyto_client *client, struct tyto_client_counts *ret_counts)
{
    *ret_counts = client->counts;
}
