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
#include "client/pulse.h"
#include "client/repeats.h"
#include "client/sub.h"
#include "client/tyto.h"

enum {
    MAX_NOTICES = 4,
    MIN_OTHERS = 1024, /* messages looked at, even where there is no time to wait */
    DEFAULT_RECV_HWM = 10000,
};

struct tyto_client {
    void *context;
    struct tyto_sub sub;
    struct tyto_sub_frame frame;
    char cameras[TYTO_CLIENT_MAX_CAMERAS][TYTO_ID_MAX + 1];
    uint32_t num_cameras;
    char classes[TYTO_CLIENT_MAX_CLASSES][TYTO_ID_MAX + 1];
    uint32_t num_classes;
    struct tyto_gaps gaps;
    struct tyto_repeats repeats;
    struct tyto_pulse pulse;
    struct tyto_client_counts counts;
    bool has_boot;
    uint8_t boot_id[TYTO_UUID_BYTES];
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
    const enum tyto_pulse_change change = tyto_pulse_heard(&client->pulse, tyto_clock_mono_ns());
    if (change == TYTO_PULSE_FIRST) {
        struct tyto_message *notice = add_notice(client, TYTO_MESSAGE_CONNECTED);
        notice->has_hello = hello != NULL;
        if (hello)
            notice->u.hello = *hello;
    } else if (change == TYTO_PULSE_ALIVE) {
        (void)add_notice(client, TYTO_MESSAGE_ALIVE);
    }
    if (client->has_boot && memcmp(client->boot_id, boot_id, TYTO_UUID_BYTES) != 0) {
        tyto_gaps_restart(&client->gaps);
        tyto_repeats_restart(&client->repeats);
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

/* --- what comes in --------------------------------------------------------------------- */

static bool is_wanted(const struct tyto_client *client, const char *class_name)
{
    for (uint32_t i = 0; i < client->num_classes; i++) {
        if (strcmp(client->classes[i], class_name) == 0)
            return true;
    }
    return client->num_classes == 0;
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
        tyto_pulse_set_beat(&client->pulse, envelope->body.heartbeat.interval_ms);
        note_lost(client, tyto_gaps_heartbeat(&client->gaps, &envelope->body.heartbeat));
        return;
    }
    if (envelope->kind != TYTO_ENVELOPE_DEBUG_SCORES)
        note_lost(client, tyto_gaps_message(&client->gaps, envelope));
    if (tyto_repeats_take(&client->repeats, envelope))
        return;
    hold_message(client, envelope);
}

/* Reads one whole message; true when there was one. */
static bool receive(struct tyto_client *client)
{
    struct tyto_sub_frame *frame = &client->frame;
    switch (tyto_sub_receive(&client->sub, frame)) {
    case TYTO_SUB_NONE:
        return false;
    case TYTO_SUB_HELLO:
        tyto_pulse_set_beat(&client->pulse, frame->u.hello.heartbeat_ms);
        note_life(client, &frame->u.hello, frame->u.hello.boot_id);
        return true;
    case TYTO_SUB_ENVELOPE:
        take_envelope(client, &frame->u.envelope);
        return true;
    case TYTO_SUB_MALFORMED:
        break;
    }
    client->counts.num_malformed++;
    return true;
}

/* --- silence ----------------------------------------------------------------------------- */

static void look_for_silence(struct tyto_client *client)
{
    const enum tyto_pulse_change change = tyto_pulse_look(&client->pulse, tyto_clock_mono_ns());
    if (change == TYTO_PULSE_SILENT)
        (void)add_notice(client, TYTO_MESSAGE_SILENT);
    if (change == TYTO_PULSE_RECONNECT) {
        client->counts.num_connects++;
        tyto_sub_reconnect(&client->sub);
    }
}

static void look_for_refusal(struct tyto_client *client)
{
    const enum tyto_refusal refusal = tyto_sub_look(&client->sub, tyto_clock_mono_ns());
    if (refusal)
        add_notice(client, TYTO_MESSAGE_REFUSED)->refusal = refusal;
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

enum tyto_err tyto_client_next(struct tyto_client *client, int timeout_ms,
                               struct tyto_message *ret_message)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint32_t num_others = 0;; num_others++) {
        if (give_next(client, ret_message))
            return TYTO_OK;
        /* Messages that are not for the caller do not hold him up beyond his time. */
        const bool is_late = num_others >= MIN_OTHERS &&
                             tyto_pulse_wait_ms(&client->pulse, begin_ns, timeout_ms) == 0;
        if (!is_late && receive(client))
            continue;
        look_for_silence(client);
        look_for_refusal(client);
        if (client->num_notices > 0)
            continue;
        const long wait_ms = tyto_pulse_wait_ms(&client->pulse, begin_ns, timeout_ms);
        if (wait_ms == 0)
            return TYTO_ERR_TIMEOUT;
        zmq_pollitem_t items[] = {{client->sub.socket, 0, ZMQ_POLLIN, 0},
                                  {client->sub.handshakes.monitor, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, wait_ms) < 0)
            return errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
    }
}

/* --- making --------------------------------------------------------------------------------- */

static bool subscribe(struct tyto_client *client, const char *prefix)
{
    return tyto_sub_subscribe(&client->sub, prefix);
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

static enum tyto_err open_socket(struct tyto_client *client,
                                 const struct tyto_client_params *params, const char *endpoint)
{
    client->context = zmq_ctx_new();
    if (!client->context)
        return TYTO_ERR_NOMEM;
    const int recv_hwm = params->recv_hwm ? (int)params->recv_hwm : DEFAULT_RECV_HWM;
    enum tyto_err err = tyto_sub_open(&client->sub, client->context, endpoint, recv_hwm,
                                      params->server_key, params->secret_key);
    if (!err && !subscribe_all(client, params->debug))
        err = TYTO_ERR_IO;
    return !err ? tyto_sub_connect(&client->sub) : err;
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
    if (params->num_cameras > TYTO_CLIENT_MAX_CAMERAS ||
        params->num_classes > TYTO_CLIENT_MAX_CLASSES ||
        (params->num_cameras > 0 &&
         params->num_cameras * (params->num_classes + 2) > TYTO_CLIENT_MAX_FILTERS) ||
        !copy_ids(client->cameras, params->cameras, params->num_cameras) ||
        !copy_ids(client->classes, params->classes, params->num_classes))
        return TYTO_ERR_INVALID;
    client->num_cameras = params->num_cameras;
    client->num_classes = params->num_classes;
    tyto_pulse_init(&client->pulse);
    enum tyto_gap_level level = TYTO_GAP_ALL;
    if (params->num_cameras > 0)
        level = params->num_classes > 0 ? TYTO_GAP_CLASS : TYTO_GAP_CAMERA;
    tyto_gaps_init(&client->gaps, level);
    return open_socket(client, params, endpoint);
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
    tyto_sub_close(&(*client)->sub);
    if ((*client)->context)
        zmq_ctx_term((*client)->context);
    free(*client);
    *client = NULL;
}

int tyto_client_fd(const struct tyto_client *client)
{
    return tyto_sub_fd(&client->sub);
}

void tyto_client_get_counts(const struct tyto_client *client, struct tyto_client_counts *ret_counts)
{
    *ret_counts = client->counts;
}
