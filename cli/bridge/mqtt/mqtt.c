/* SPDX-License-Identifier: MIT */
#include "cli/bridge/mqtt/mqtt.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bridge/core/letter.h"
#include "cli/bridge/core/pause.h"
#include "cli/bridge/mqtt/address.h"
#include "cli/bridge/mqtt/home.h"
#include "cli/bridge/mqtt/pictures.h"
#include "cli/bridge/mqtt/security.h"

enum {
    QOS = 1,
    KEEPALIVE_S = 20,
    CONNECT_MS = 15000, /* from the first packet to the broker's word */
    MAX_MIDS = 65536,
    MAX_OTHERS = 64, /* messages on their way that belong to no delivery */
    MAX_INFLIGHT = 3 * TYTO_MQTT_MAX_WINDOW + MAX_OTHERS,
};

enum link { DOWN, CONNECTING, UP };

/* One delivery on its way. */
struct slot {
    bool is_used, is_over; /* over: its report waits */
    uint64_t ticket;
    uint32_t num_unacked;
    char refusal[128]; /* "": none of it was refused */
};

struct mqtt {
    struct tyto_mqtt_params params;
    struct tyto_mqtt_address address;
    struct mosquitto *mosq;
    struct tyto_home *home;
    enum link link;
    uint64_t next_ns; /* DOWN: when to connect; CONNECTING: when to give up */
    uint32_t num_failed;
    bool was_told; /* that the broker is away */
    bool hears_tytod, is_status_due;
    struct slot slots[TYTO_MQTT_MAX_WINDOW];
    /* Whom a message's acknowledgement is for: 1 + slot, or OTHER. */
    uint8_t owners[MAX_MIDS];
    uint32_t num_others;
    struct tyto_mqtt_pictures *pictures; /* NULL: none are wanted */
};

enum { OTHER = 255 };

/* --- the connection ----------------------------------------------------------------------------
 */

/* It broke, or did not come about; why: in a few words. */
static void go_down(struct mqtt *mqtt, const char *why)
{
    if (mqtt->pictures)
        tyto_mqtt_pictures_broke(mqtt->pictures);
    const uint64_t ms = tyto_bridge_pause_ms(mqtt->params.retry_first_ms,
                                             mqtt->params.retry_last_ms, mqtt->num_failed);
    if (!mqtt->was_told)
        tyto_log_write(mqtt->params.log, TYTO_LOG_WARNING, "mqtt",
                       "no connection to the broker at %s:%u (%s); tried again until there is one",
                       mqtt->address.host, mqtt->address.port, why);
    mqtt->was_told = true;
    mqtt->num_failed++;
    mqtt->link = DOWN;
    mqtt->next_ns = tyto_clock_mono_ns() + ms * TYTO_NS_PER_MS;
}

static void on_connect(struct mosquitto *mosq, void *user, int code)
{
    struct mqtt *mqtt = user;
    (void)mosq;
    if (code != 0) {
        go_down(mqtt, mosquitto_connack_string(code));
        return;
    }
    mqtt->link = UP;
    mqtt->num_failed = 0;
    mqtt->is_status_due = true;
    mqtt->was_told = false;
    tyto_log_write(mqtt->params.log, TYTO_LOG_INFO, "mqtt", "connected to the broker");
    tyto_home_tell_again(mqtt->home);
    if (mqtt->pictures)
        tyto_mqtt_pictures_connected(mqtt->pictures);
    if (mqtt->params.discovery_prefix) {
        char topic[TYTO_HOME_TOPIC_BYTES];
        tyto_home_status_topic(mqtt->params.discovery_prefix, topic);
        (void)mosquitto_subscribe(mqtt->mosq, NULL, topic, QOS);
    }
}

static void on_disconnect(struct mosquitto *mosq, void *user, int code)
{
    struct mqtt *mqtt = user;
    (void)mosq;
    if (mqtt->link != DOWN)
        go_down(mqtt, code == 0 ? "closed" : mosquitto_strerror(code));
}

/* Home Assistant says when it was started: what it was told before is gone. */
static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message)
{
    struct mqtt *mqtt = user;
    (void)mosq;
    if (message->payloadlen == 6 && memcmp(message->payload, "online", 6) == 0)
        tyto_home_tell_again(mqtt->home);
}

static void on_publish(struct mosquitto *mosq, void *user, int mid)
{
    struct mqtt *mqtt = user;
    (void)mosq;
    if (mid <= 0 || mid >= MAX_MIDS)
        return;
    if (mqtt->pictures)
        tyto_mqtt_pictures_acked(mqtt->pictures, mid);
    const uint8_t owner = mqtt->owners[mid];
    mqtt->owners[mid] = 0;
    if (owner == OTHER && mqtt->num_others > 0)
        mqtt->num_others--;
    if (owner == 0 || owner == OTHER)
        return;
    struct slot *slot = &mqtt->slots[owner - 1];
    if (slot->is_used && slot->num_unacked > 0 && --slot->num_unacked == 0)
        slot->is_over = true;
}

static void connect_now(struct mqtt *mqtt)
{
    const struct tyto_mqtt_address *address = &mqtt->address;
    mqtt->link = CONNECTING;
    mqtt->next_ns = tyto_clock_mono_ns() + CONNECT_MS * TYTO_NS_PER_MS;
    const int code = mosquitto_connect_async(mqtt->mosq, address->host, address->port, KEEPALIVE_S);
    if (code != MOSQ_ERR_SUCCESS && mqtt->link == CONNECTING)
        go_down(mqtt, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Sends, or leaves it to the library to send when there is a connection again; *ret_mid: the
 * message's number. */
static int publish_as(struct mqtt *mqtt, uint8_t owner, const char *topic, const char *payload,
                      bool is_retained, int *ret_mid)
{
    int mid = 0;
    const int code =
        mosquitto_publish(mqtt->mosq, &mid, topic, (int)strlen(payload), payload, QOS, is_retained);
    const bool is_kept = code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_NO_CONN ||
                         code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_ERRNO;
    if (!is_kept || mid <= 0 || mid >= MAX_MIDS)
        return code == MOSQ_ERR_SUCCESS ? MOSQ_ERR_UNKNOWN : code;
    mqtt->owners[mid] = owner;
    if (owner == OTHER)
        mqtt->num_others++;
    else
        mqtt->slots[owner - 1].num_unacked++;
    *ret_mid = mid;
    return MOSQ_ERR_SUCCESS;
}

static int publish(struct mqtt *mqtt, uint8_t owner, const char *topic, const char *payload,
                   bool is_retained)
{
    int mid = 0;
    return publish_as(mqtt, owner, topic, payload, is_retained, &mid);
}

static void publish_status(struct mqtt *mqtt)
{
    char topic[TYTO_HOME_TOPIC_BYTES];
    tyto_home_status_topic(mqtt->params.prefix, topic);
    const char *status = mqtt->hears_tytod ? "online" : "offline";
    if (publish(mqtt, OTHER, topic, status, true) == MOSQ_ERR_SUCCESS)
        mqtt->is_status_due = false;
}

/* What Home Assistant is to know, a bounded number of messages at a time. */
static void publish_home(struct mqtt *mqtt)
{
    struct tyto_home_message message;
    while (mqtt->link == UP && mqtt->num_others < MAX_OTHERS &&
           !tyto_home_next(mqtt->home, &message)) {
        (void)publish(mqtt, OTHER, message.topic, message.payload, message.is_retained);
        free(message.payload);
    }
}

static void publish_picture(struct mqtt *mqtt, const struct tyto_event_picture *picture)
{
    const struct tyto_thumbnail *about = &picture->about;
    char topic[TYTO_HOME_TOPIC_BYTES];
    char *payload = tyto_bridge_picture_text(about);
    int mid = 0;
    tyto_home_camera_topic(mqtt->params.prefix, about->camera, "picture", topic);
    if (payload && mosquitto_publish(mqtt->mosq, NULL, topic, (int)about->num_bytes, picture->jpeg,
                                     0, true) == MOSQ_ERR_SUCCESS) {
        tyto_home_camera_topic(mqtt->params.prefix, about->camera, "picture/event", topic);
        if (publish_as(mqtt, OTHER, topic, payload, true, &mid) == MOSQ_ERR_SUCCESS)
            tyto_mqtt_pictures_sent(mqtt->pictures, picture, mid);
    }
    free(payload);
}

static void publish_pictures(struct mqtt *mqtt)
{
    const struct tyto_event_picture *picture = NULL;
    while (mqtt->link == UP && mqtt->num_others < MAX_OTHERS &&
           (picture = tyto_mqtt_pictures_next(mqtt->pictures)) != NULL)
        publish_picture(mqtt, picture);
}

static int publish_sensor(struct mqtt *mqtt, uint8_t owner, const struct tyto_event *event)
{
    char topic[TYTO_HOME_TOPIC_BYTES];
    if (!tyto_home_take_event(mqtt->home, event))
        return MOSQ_ERR_SUCCESS;
    const bool is_on =
        event->phase == TYTO_EVENT_PHASE_NEW || event->phase == TYTO_EVENT_PHASE_UPDATE;
    tyto_home_class_topic(mqtt->params.prefix, event->camera, event->class_name, topic);
    return publish(mqtt, owner, topic, is_on ? "ON" : "OFF", true);
}

static int publish_event(struct mqtt *mqtt, uint8_t owner, const struct tyto_parcel *parcel)
{
    const struct tyto_event *event = &parcel->message->u.event;
    char topic[TYTO_HOME_TOPIC_BYTES];
    const int code = publish_sensor(mqtt, owner, event);
    if (code != MOSQ_ERR_SUCCESS || parcel->is_snapshot ||
        !tyto_phases_want(mqtt->params.phases, event->phase))
        return code;
    char *payload = tyto_bridge_letter_text(parcel->message);
    if (!payload)
        return MOSQ_ERR_NOMEM;
    tyto_home_camera_topic(mqtt->params.prefix, event->camera, "events", topic);
    const int event_code = publish(mqtt, owner, topic, payload, false);
    free(payload);
    return event_code;
}

static int publish_state(struct mqtt *mqtt, uint8_t owner, const struct tyto_message *message)
{
    const struct tyto_camera_state *state = &message->u.camera_state;
    const bool is_live = state->status == TYTO_CAMERA_STATUS_LIVE;
    char topic[TYTO_HOME_TOPIC_BYTES];
    char *payload = tyto_bridge_letter_text(message);
    if (!payload)
        return MOSQ_ERR_NOMEM;
    tyto_home_camera_topic(mqtt->params.prefix, state->camera, "state", topic);
    const int code = publish(mqtt, owner, topic, payload, true);
    free(payload);
    if (code != MOSQ_ERR_SUCCESS)
        return code;
    tyto_home_camera_topic(mqtt->params.prefix, state->camera, "availability", topic);
    return publish(mqtt, owner, topic, is_live ? "online" : "offline", true);
}

/* --- the sink ----------------------------------------------------------------------------------
 */

static bool wants(void *self, const struct tyto_parcel *parcel)
{
    (void)self;
    (void)parcel;
    return true; /* sensors and states follow every message */
}

static bool is_ready(void *self)
{
    const struct mqtt *mqtt = self;
    return mqtt->link == UP;
}

static struct slot *find_free(struct mqtt *mqtt)
{
    for (uint32_t i = 0; i < mqtt->params.window; i++) {
        if (!mqtt->slots[i].is_used)
            return &mqtt->slots[i];
    }
    return NULL;
}

static enum tyto_err put(void *self, const struct tyto_parcel *parcel, struct tyto_fault *ret_fault)
{
    struct mqtt *mqtt = self;
    const struct tyto_message *message = parcel->message;
    struct slot *slot = find_free(mqtt);
    (void)ret_fault;
    if (!slot)
        return TYTO_ERR_INTERNAL;
    *slot = (struct slot){.is_used = true, .ticket = parcel->ticket};
    const uint8_t owner = (uint8_t)(1 + (slot - mqtt->slots));
    const bool is_event = message->kind == TYTO_MESSAGE_EVENT;
    const char *camera = is_event ? message->u.event.camera : message->u.camera_state.camera;
    if (tyto_home_add_camera(mqtt->home, camera))
        return TYTO_ERR_NOMEM;
    if (is_event)
        tyto_home_add_class(mqtt->home, message->u.event.class_name);
    const int code =
        is_event ? publish_event(mqtt, owner, parcel) : publish_state(mqtt, owner, message);
    if (code == MOSQ_ERR_NOMEM)
        return TYTO_ERR_NOMEM;
    if (code != MOSQ_ERR_SUCCESS)
        snprintf(slot->refusal, sizeof(slot->refusal), "%s", mosquitto_strerror(code));
    slot->is_over = slot->num_unacked == 0;
    return TYTO_OK;
}

static void note(void *self, const struct tyto_feed_item *item)
{
    struct mqtt *mqtt = self;
    const bool heard = mqtt->hears_tytod;
    if (item->kind == TYTO_FEED_CONNECTED || item->kind == TYTO_FEED_ALIVE ||
        item->kind == TYTO_FEED_RESTARTED)
        mqtt->hears_tytod = true;
    else if (item->kind == TYTO_FEED_SILENT || item->kind == TYTO_FEED_REFUSED)
        mqtt->hears_tytod = false;
    else if (item->kind == TYTO_FEED_LOST)
        tyto_home_forget_events(mqtt->home); /* ENDs may be among what is lost */
    else if (item->kind == TYTO_FEED_MESSAGE && item->message.kind == TYTO_MESSAGE_MODEL_STATE &&
             item->message.u.model_state.outcome != TYTO_MODEL_OUTCOME_REJECTED) {
        const struct tyto_model_state *model = &item->message.u.model_state;
        for (uint32_t i = 0; i < model->num_names; i++)
            tyto_home_add_class(mqtt->home, model->class_names[i]);
    }
    mqtt->is_status_due |= heard != mqtt->hears_tytod;
}

static void take_picture(void *self, const struct tyto_event_picture *picture)
{
    struct mqtt *mqtt = self;
    const char *camera = picture->about.camera;
    if (tyto_mqtt_pictures_add(mqtt->pictures, picture) &&
        !tyto_home_add_camera(mqtt->home, camera))
        tyto_home_add_picture(mqtt->home, camera);
}

static void wait_ms(int timeout_ms)
{
    if (timeout_ms > 0)
        (void)poll(NULL, 0, timeout_ms);
}

static enum tyto_err turn(void *self, int timeout_ms, struct tyto_fault *ret_fault)
{
    struct mqtt *mqtt = self;
    const uint64_t now_ns = tyto_clock_mono_ns();
    (void)ret_fault;
    if (mqtt->link == CONNECTING && now_ns >= mqtt->next_ns)
        go_down(mqtt, "no answer in time");
    if (mqtt->link == DOWN && now_ns >= mqtt->next_ns)
        connect_now(mqtt);
    if (mqtt->link == UP && mqtt->is_status_due)
        publish_status(mqtt);
    if (mqtt->link == UP)
        publish_home(mqtt);
    if (mqtt->link == UP && mqtt->pictures)
        publish_pictures(mqtt);
    if (mqtt->link == DOWN) {
        wait_ms(timeout_ms);
        return TYTO_OK;
    }
    const int code = mosquitto_loop(mqtt->mosq, timeout_ms, 1);
    if (code == MOSQ_ERR_NOMEM)
        return TYTO_ERR_NOMEM;
    if (code != MOSQ_ERR_SUCCESS && mqtt->link != DOWN)
        go_down(mqtt, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
    return TYTO_OK;
}

static bool report(void *self, struct tyto_delivery_report *ret_report)
{
    struct mqtt *mqtt = self;
    for (uint32_t i = 0; i < mqtt->params.window; i++) {
        struct slot *slot = &mqtt->slots[i];
        if (!slot->is_used || !slot->is_over)
            continue;
        *ret_report = (struct tyto_delivery_report){.ticket = slot->ticket};
        if (slot->refusal[0]) {
            ret_report->outcome = TYTO_DELIVERY_REFUSED;
            snprintf(ret_report->text, sizeof(ret_report->text), "%s", slot->refusal);
        }
        slot->is_used = false;
        return true;
    }
    return false;
}

/* --- begin and end -----------------------------------------------------------------------------
 */

static void say_goodbye(struct mqtt *mqtt, int timeout_ms)
{
    const uint64_t wait_ms = timeout_ms > 0 ? (unsigned)timeout_ms : 0;
    const uint64_t end_ns = tyto_clock_mono_ns() + wait_ms * TYTO_NS_PER_MS;
    mqtt->hears_tytod = false;
    publish_status(mqtt);
    while (mqtt->link == UP && mqtt->num_others > 0 && tyto_clock_mono_ns() < end_ns) {
        if (mosquitto_loop(mqtt->mosq, 50, 1) != MOSQ_ERR_SUCCESS)
            break;
    }
    const bool is_up = mqtt->link == UP;
    mqtt->link = DOWN; /* wanted: nothing to tell about it */
    if (is_up)
        (void)mosquitto_disconnect(mqtt->mosq);
}

static void destroy(void *self, int timeout_ms)
{
    struct mqtt *mqtt = self;
    if (mqtt->mosq && mqtt->link == UP)
        say_goodbye(mqtt, timeout_ms);
    if (mqtt->mosq)
        mosquitto_destroy(mqtt->mosq);
    tyto_home_destroy(&mqtt->home);
    tyto_mqtt_pictures_destroy(&mqtt->pictures);
    free(mqtt);
    (void)mosquitto_lib_cleanup();
}

static enum tyto_err set_up(struct mqtt *mqtt, struct tyto_fault *ret_fault)
{
    const struct tyto_mqtt_params *params = &mqtt->params;
    const struct tyto_home_params home = {params->prefix, params->discovery_prefix,
                                          params->version};
    char topic[TYTO_HOME_TOPIC_BYTES];
    mqtt->mosq = mosquitto_new(params->client_id, true, mqtt);
    if (!mqtt->mosq || tyto_home_create(&home, &mqtt->home) ||
        (params->max_picture_bytes > 0 &&
         tyto_mqtt_pictures_create(params->max_picture_bytes, params->log, &mqtt->pictures)))
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = tyto_mqtt_secure(mqtt->mosq, params, &mqtt->address, ret_fault);
    if (err)
        return err;
    tyto_home_status_topic(params->prefix, topic);
    if (mosquitto_will_set(mqtt->mosq, topic, 7, "offline", QOS, true) != MOSQ_ERR_SUCCESS ||
        mosquitto_max_inflight_messages_set(mqtt->mosq, MAX_INFLIGHT) != MOSQ_ERR_SUCCESS)
        return TYTO_ERR_NOMEM;
    mosquitto_connect_callback_set(mqtt->mosq, on_connect);
    mosquitto_disconnect_callback_set(mqtt->mosq, on_disconnect);
    mosquitto_publish_callback_set(mqtt->mosq, on_publish);
    mosquitto_message_callback_set(mqtt->mosq, on_message);
    return TYTO_OK;
}

enum tyto_err tyto_mqtt_create(const struct tyto_mqtt_params *params, struct tyto_sink *ret_sink,
                               struct tyto_fault *ret_fault)
{
    struct tyto_mqtt_address address;
    enum tyto_err err = tyto_mqtt_address_parse(params->url, &address, ret_fault);
    if (!err &&
        (!tyto_home_prefix_is_valid(params->prefix) ||
         (params->discovery_prefix && !tyto_home_prefix_is_valid(params->discovery_prefix))))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                             "a prefix must be letters, digits, _ and -, in levels with / between, "
                             "at most %d",
                             TYTO_HOME_PREFIX_MAX);
    if (!err && (params->window < 1 || params->window > TYTO_MQTT_MAX_WINDOW))
        err = TYTO_ERR_INVALID;
    if (err)
        return err;
    struct mqtt *mqtt = calloc(1, sizeof(*mqtt));
    if (!mqtt || mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
        free(mqtt);
        return TYTO_ERR_NOMEM;
    }
    mqtt->params = *params;
    mqtt->address = address;
    err = set_up(mqtt, ret_fault);
    if (err) {
        destroy(mqtt, 0);
        return err;
    }
    *ret_sink = (struct tyto_sink){.self = mqtt,
                                   .name = "mqtt",
                                   .window = params->window,
                                   .wants = wants,
                                   .is_ready = is_ready,
                                   .put = put,
                                   .note = note,
                                   .picture = mqtt->pictures ? take_picture : NULL,
                                   .turn = turn,
                                   .report = report,
                                   .destroy = destroy};
    return TYTO_OK;
}
