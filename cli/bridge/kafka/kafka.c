/* SPDX-License-Identifier: MIT */
#include "cli/bridge/kafka/kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge/core/letter.h"
#include "cli/bridge/kafka/brokers.h"

enum { LOG_LEVEL_ERR = 3 }; /* of syslog, as librdkafka counts */

struct kafka {
    rd_kafka_conf_t *conf; /* what each producer is made by */
    rd_kafka_t *producer;
    char topic[TYTO_KAFKA_TOPIC_MAX + 1], state_topic[TYTO_KAFKA_TOPIC_MAX + 1]; /* "": none */
    enum tyto_phases phases;
    const struct tyto_log *log;
    bool is_away;   /* the last word was that no broker is there */
    bool is_broken; /* the producer has given up for good: another one is made */
    struct tyto_delivery_report *reports; /* a ring of window */
    uint32_t window, first_report, num_reports;
};

/* --- what librdkafka says ------------------------------------------------------------------------
 */

static void add_report(struct kafka *kafka, uint64_t ticket, enum tyto_delivery outcome,
                       const char *text)
{
    /* Each ticket has one, and there are no more tickets than places. */
    if (kafka->num_reports == kafka->window)
        return;
    const uint32_t idx = (kafka->first_report + kafka->num_reports++) % kafka->window;
    kafka->reports[idx] = (struct tyto_delivery_report){.ticket = ticket, .outcome = outcome};
    snprintf(kafka->reports[idx].text, sizeof(kafka->reports[idx].text), "%s", text);
}

/* Whether the same message would be refused again, whatever is done on the other side. */
static bool is_for_good(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

static void report_failure(struct kafka *kafka, uint64_t ticket, rd_kafka_resp_err_t code)
{
    add_report(kafka, ticket, is_for_good(code) ? TYTO_DELIVERY_REFUSED : TYTO_DELIVERY_LATER,
               rd_kafka_err2str(code));
}

static void on_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *user)
{
    struct kafka *kafka = user;
    const uint64_t ticket = (uint64_t)(uintptr_t)message->_private;
    (void)producer;
    if (message->err) {
        report_failure(kafka, ticket, message->err);
        return;
    }
    if (kafka->is_away)
        tyto_log_write(kafka->log, TYTO_LOG_INFO, "kafka", "brokers take messages again");
    kafka->is_away = false;
    add_report(kafka, ticket, TYTO_DELIVERY_TAKEN, "");
}

static void on_error(rd_kafka_t *producer, int code, const char *text, void *user)
{
    struct kafka *kafka = user;
    char why[192] = "";
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(producer, why, sizeof(why));
        tyto_log_write(kafka->log, TYTO_LOG_WARNING, "kafka", "begins anew: %s", why);
        kafka->is_broken = true;
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && kafka->is_away)
        return;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        code == RD_KAFKA_RESP_ERR__SSL || !kafka->is_away)
        tyto_log_write(kafka->log, TYTO_LOG_WARNING, "kafka", "%s (%s); tried again until it works",
                       rd_kafka_err2str(code), text);
    kafka->is_away = true;
}

/* Its own lines tell of each try to connect; errors come to on_error as well. */
static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    const struct kafka *kafka = rd_kafka_opaque(producer);
    if (level < LOG_LEVEL_ERR)
        tyto_log_write(kafka->log, TYTO_LOG_WARNING, "kafka", "%s: %s", facility, text);
}

/* --- the sink ------------------------------------------------------------------------------------
 */

static bool wants(void *self, const struct tyto_parcel *parcel)
{
    const struct kafka *kafka = self;
    const struct tyto_message *message = parcel->message;
    if (parcel->is_snapshot)
        return false;
    if (message->kind == TYTO_MESSAGE_CAMERA_STATE)
        return kafka->state_topic[0] != '\0';
    return tyto_phases_want(kafka->phases, message->u.event.phase);
}

static bool is_ready(void *self)
{
    const struct kafka *kafka = self;
    return !kafka->is_broken;
}

static enum tyto_err put(void *self, const struct tyto_parcel *parcel, struct tyto_fault *ret_fault)
{
    struct kafka *kafka = self;
    const struct tyto_message *message = parcel->message;
    const bool is_event = message->kind == TYTO_MESSAGE_EVENT;
    const struct tyto_event *event = &message->u.event;
    const char *key = is_event ? event->camera : message->u.camera_state.camera;
    char rev[16];
    char *value = tyto_bridge_letter_text(message);
    (void)ret_fault;
    if (!value)
        return TYTO_ERR_NOMEM;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    snprintf(rev, sizeof(rev), "%u", is_event ? event->rev : 0);
    if (is_event && (rd_kafka_header_add(headers, "tyto-event", -1, event->id, -1) ||
                     rd_kafka_header_add(headers, "tyto-rev", -1, rev, -1))) {
        rd_kafka_headers_destroy(headers);
        free(value);
        return TYTO_ERR_NOMEM;
    }
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        kafka->producer, RD_KAFKA_V_TOPIC(is_event ? kafka->topic : kafka->state_topic),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)parcel->ticket), RD_KAFKA_V_END);
    free(value);
    if (code) {
        rd_kafka_headers_destroy(headers); /* taken only where it went well */
        report_failure(kafka, parcel->ticket, code);
    }
    return TYTO_OK;
}

static enum tyto_err make_producer(struct kafka *kafka, struct tyto_fault *ret_fault)
{
    char why[192] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->conf);
    if (!conf)
        return TYTO_ERR_NOMEM;
    kafka->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (kafka->producer)
        return TYTO_OK;
    rd_kafka_conf_destroy(conf); /* taken only where it went well */
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "librdkafka: %s", why);
}

/* What the old producer still held is reported as failed, and so delivered by the new one. */
static enum tyto_err begin_anew(struct kafka *kafka, struct tyto_fault *ret_fault)
{
    rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(kafka->producer) > 0 && rd_kafka_poll(kafka->producer, 1000) > 0)
        ;
    rd_kafka_destroy(kafka->producer);
    kafka->producer = NULL;
    kafka->is_broken = false;
    return make_producer(kafka, ret_fault);
}

static enum tyto_err turn(void *self, int timeout_ms, struct tyto_fault *ret_fault)
{
    struct kafka *kafka = self;
    (void)rd_kafka_poll(kafka->producer, kafka->num_reports > 0 ? 0 : timeout_ms);
    return kafka->is_broken ? begin_anew(kafka, ret_fault) : TYTO_OK;
}

static bool report(void *self, struct tyto_delivery_report *ret_report)
{
    struct kafka *kafka = self;
    if (kafka->num_reports == 0)
        return false;
    *ret_report = kafka->reports[kafka->first_report];
    kafka->first_report = (kafka->first_report + 1) % kafka->window;
    kafka->num_reports--;
    return true;
}

/* --- begin and end -------------------------------------------------------------------------------
 */

static void destroy(void *self, int timeout_ms)
{
    struct kafka *kafka = self;
    (void)timeout_ms;
    if (kafka->producer) {
        /* What is not acknowledged by now is delivered by the next run. */
        rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                            RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_destroy_flags(kafka->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    if (kafka->conf)
        rd_kafka_conf_destroy(kafka->conf);
    free(kafka->reports);
    free(kafka);
}

/* Nothing of the value is told: it may be a password. */
static bool set(rd_kafka_conf_t *conf, const char *key, const char *value,
                struct tyto_fault *ret_fault)
{
    char why[192] = "";
    if (!value || rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return true;
    (void)tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                         "this librdkafka does not take %s", key);
    return false;
}

static enum tyto_err set_security(rd_kafka_conf_t *conf, const struct tyto_kafka_params *params,
                                  const struct tyto_kafka_brokers *brokers,
                                  struct tyto_fault *ret_fault)
{
    static const char *const mechanisms[] = {[TYTO_SASL_SCRAM_512] = "SCRAM-SHA-512",
                                             [TYTO_SASL_SCRAM_256] = "SCRAM-SHA-256",
                                             [TYTO_SASL_PLAIN] = "PLAIN"};
    static const char *const protocols[2][2] = {{"plaintext", "ssl"},
                                                {"sasl_plaintext", "sasl_ssl"}};
    const bool has_user = params->user != NULL;
    if (has_user != (params->password != NULL))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a user needs a password, and a password a user");
    if (has_user && !brokers->is_secure && !brokers->is_this_machine && !params->allows_plain)
        return tyto_fault_set(
            ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL",
            "is not kafkas: everybody on the way could read or guess the password "
            "(--plain sends it nevertheless)");
    if (!set(conf, "security.protocol", protocols[has_user][brokers->is_secure], ret_fault) ||
        (has_user && (!set(conf, "sasl.mechanisms", mechanisms[params->sasl], ret_fault) ||
                      !set(conf, "sasl.username", params->user, ret_fault) ||
                      !set(conf, "sasl.password", params->password, ret_fault))))
        return TYTO_ERR_UNSUPPORTED;
    if (brokers->is_secure &&
        (!set(conf, "ssl.ca.location", params->ca_file, ret_fault) ||
         !set(conf, "ssl.certificate.location", params->cert_file, ret_fault) ||
         !set(conf, "ssl.key.location", params->key_file, ret_fault) ||
         !set(conf, "ssl.key.password", params->key_password, ret_fault)))
        return TYTO_ERR_UNSUPPORTED;
    return TYTO_OK;
}

static enum tyto_err set_up(struct kafka *kafka, const struct tyto_kafka_params *params,
                            const struct tyto_kafka_brokers *brokers, struct tyto_fault *ret_fault)
{
    char first_ms[16], last_ms[16];
    snprintf(first_ms, sizeof(first_ms), "%u", params->retry_first_ms);
    snprintf(last_ms, sizeof(last_ms), "%u", params->retry_last_ms);
    kafka->conf = rd_kafka_conf_new();
    if (!kafka->conf)
        return TYTO_ERR_NOMEM;
    /* The library gives up nothing by itself: how long to try is the bridge's to say, for ever.
     * Keys go to the partition that Java's clients choose. One request is under way at a time:
     * with several, librdkafka takes one that a broken connection left in doubt for stored as soon
     * as a later one is, which holds only where the broker checks the producer's sequence. */
    if (!set(kafka->conf, "bootstrap.servers", brokers->text, ret_fault) ||
        !set(kafka->conf, "client.id", "tyto", ret_fault) ||
        !set(kafka->conf, "enable.idempotence", "true", ret_fault) ||
        !set(kafka->conf, "max.in.flight.requests.per.connection", "1", ret_fault) ||
        !set(kafka->conf, "message.timeout.ms", "0", ret_fault) ||
        !set(kafka->conf, "linger.ms", "0", ret_fault) ||
        !set(kafka->conf, "partitioner", "murmur2_random", ret_fault) ||
        !set(kafka->conf, "reconnect.backoff.ms", first_ms, ret_fault) ||
        !set(kafka->conf, "reconnect.backoff.max.ms", last_ms, ret_fault))
        return TYTO_ERR_UNSUPPORTED;
    const enum tyto_err err = set_security(kafka->conf, params, brokers, ret_fault);
    if (err)
        return err;
    rd_kafka_conf_set_opaque(kafka->conf, kafka);
    rd_kafka_conf_set_dr_msg_cb(kafka->conf, on_delivered);
    rd_kafka_conf_set_error_cb(kafka->conf, on_error);
    rd_kafka_conf_set_log_cb(kafka->conf, on_log);
    return make_producer(kafka, ret_fault);
}

enum tyto_err tyto_kafka_create(const struct tyto_kafka_params *params, struct tyto_sink *ret_sink,
                                struct tyto_fault *ret_fault)
{
    struct tyto_kafka_brokers brokers;
    const char *state_topic = params->state_topic ? params->state_topic : "";
    enum tyto_err err = tyto_kafka_brokers_parse(params->url, &brokers, ret_fault);
    if (!err && (!tyto_kafka_topic_is_valid(params->topic) ||
                 (state_topic[0] && !tyto_kafka_topic_is_valid(state_topic))))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                             "a topic must be letters, digits, '.', '_' and '-', at most %d",
                             TYTO_KAFKA_TOPIC_MAX);
    if (!err && (params->window < 1 || params->window > TYTO_SINK_MAX_WINDOW))
        err = TYTO_ERR_INVALID;
    if (err)
        return err;
    struct kafka *kafka = calloc(1, sizeof(*kafka));
    if (!kafka)
        return TYTO_ERR_NOMEM;
    kafka->log = params->log;
    kafka->phases = params->phases;
    kafka->window = params->window;
    snprintf(kafka->topic, sizeof(kafka->topic), "%s", params->topic);
    snprintf(kafka->state_topic, sizeof(kafka->state_topic), "%s", state_topic);
    kafka->reports = calloc(params->window, sizeof(*kafka->reports));
    err = kafka->reports ? set_up(kafka, params, &brokers, ret_fault) : TYTO_ERR_NOMEM;
    if (err) {
        destroy(kafka, 0);
        return err;
    }
    *ret_sink = (struct tyto_sink){.self = kafka,
                                   .name = "kafka",
                                   .window = params->window,
                                   .wants = wants,
                                   .is_ready = is_ready,
                                   .put = put,
                                   .turn = turn,
                                   .report = report,
                                   .destroy = destroy};
    return TYTO_OK;
}
