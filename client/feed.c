/* SPDX-License-Identifier: MIT */
/* The sockets of a feed. What it does with what comes in is follow.h's. */
#include "client/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/text.h"
#include "client/ask.h"
#include "client/follow.h"
#include "client/pulse.h"
#include "client/sub.h"

enum {
    RECV_HWM = 1000,
    MAX_AT_ONCE = 256, /* messages taken before it is looked what they bring */
    MIN_TURNS = 16,    /* even where there is no time to wait */
    BUSY_WAIT_MS = 50,
    ANSWER_MS = 5000,
    PATIENCE_MS = 30000,
};

struct tyto_feed {
    void *context;
    struct tyto_sub sub;
    struct tyto_ask ask;
    char query_endpoint[300]; /* "": not known */
    bool is_query_given;      /* by the caller */
    char server_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
    bool has_keys;
    uint32_t num_prefixes;
    char (*prefixes)[TYTO_TOPIC_MAX_BYTES];
    struct tyto_pulse pulse;
    struct tyto_follow follow;
    struct tyto_sub_frame frame;
    struct tyto_request request;
    struct tyto_reply reply;
    struct tyto_feed_item item;
    struct tyto_hello hello;
    bool has_hello;
    bool is_silent_due, is_alive_due, is_refused_due;
    char text[512];
};

/* --- life ----------------------------------------------------------------------------------------
 */

static const char *const all_prefixes[] = {"ev/", "st/", "md/"};
enum { NUM_ALL = sizeof(all_prefixes) / sizeof(all_prefixes[0]) };

static bool is_prefix(const char *prefix)
{
    for (int i = 0; i < NUM_ALL; i++) {
        if (strncmp(prefix, all_prefixes[i], strlen(all_prefixes[i])) == 0)
            return strlen(prefix) < TYTO_TOPIC_MAX_BYTES;
    }
    return false;
}

static enum tyto_err copy_prefixes(struct tyto_feed *feed, const struct tyto_feed_params *params)
{
    if (params->num_prefixes > TYTO_FEED_MAX_PREFIXES)
        return TYTO_ERR_INVALID;
    feed->prefixes = calloc(params->num_prefixes + 1, sizeof(*feed->prefixes));
    if (!feed->prefixes)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < params->num_prefixes; i++) {
        if (!is_prefix(params->prefixes[i]))
            return TYTO_ERR_INVALID;
        snprintf(feed->prefixes[i], TYTO_TOPIC_MAX_BYTES, "%s", params->prefixes[i]);
    }
    feed->num_prefixes = params->num_prefixes;
    return TYTO_OK;
}

static bool subscribe_all(struct tyto_feed *feed)
{
    bool ok = tyto_sub_subscribe(&feed->sub, "hello/") && tyto_sub_subscribe(&feed->sub, "hb/");
    for (uint32_t i = 0; ok && i < feed->num_prefixes; i++)
        ok = tyto_sub_subscribe(&feed->sub, feed->prefixes[i]);
    for (int i = 0; ok && feed->num_prefixes == 0 && i < NUM_ALL; i++)
        ok = tyto_sub_subscribe(&feed->sub, all_prefixes[i]);
    return ok;
}

static enum tyto_err copy_texts(struct tyto_feed *feed, const struct tyto_feed_params *params)
{
    if (!params->server_key != !params->secret_key)
        return TYTO_ERR_INVALID;
    feed->has_keys = params->server_key != NULL;
    if (feed->has_keys && (strlen(params->server_key) >= sizeof(feed->server_key) ||
                           strlen(params->secret_key) >= sizeof(feed->secret_key)))
        return TYTO_ERR_INVALID;
    snprintf(feed->server_key, sizeof(feed->server_key), "%s",
             feed->has_keys ? params->server_key : "");
    snprintf(feed->secret_key, sizeof(feed->secret_key), "%s",
             feed->has_keys ? params->secret_key : "");
    feed->is_query_given = params->query_endpoint != NULL;
    if (feed->is_query_given && strlen(params->query_endpoint) >= sizeof(feed->query_endpoint))
        return TYTO_ERR_INVALID;
    snprintf(feed->query_endpoint, sizeof(feed->query_endpoint), "%s",
             feed->is_query_given ? params->query_endpoint : "");
    return TYTO_OK;
}

static enum tyto_err open_dealer(struct tyto_feed *feed)
{
    const uint64_t last_id = feed->ask.last_id; /* an answer of before is none to what comes */
    tyto_ask_close(&feed->ask);
    const enum tyto_err err = tyto_ask_open(&feed->ask, feed->context, feed->query_endpoint,
                                            feed->has_keys ? feed->server_key : NULL,
                                            feed->has_keys ? feed->secret_key : NULL);
    feed->ask.last_id = last_id;
    return err;
}

static enum tyto_err start(struct tyto_feed *feed, const struct tyto_feed_params *params)
{
    const char *endpoint = params->endpoint ? params->endpoint : TYTO_CLIENT_DEFAULT_ENDPOINT;
    const uint64_t answer_ms = params->answer_ms > 0 ? (uint64_t)params->answer_ms : ANSWER_MS;
    const uint64_t patience_ms =
        params->patience_ms > 0 ? (uint64_t)params->patience_ms : PATIENCE_MS;
    const struct tyto_follow_params follow = {
        .is_filtered = params->num_prefixes > 0,
        .start = params->start,
        .since_unix_ns = params->since_unix_ns,
        .position = params->position,
        .with_snapshot = params->with_snapshot,
        .answer_ns = answer_ms * TYTO_NS_PER_MS,
        .patience_ns = params->patience_ms < 0 ? UINT64_MAX : patience_ms * TYTO_NS_PER_MS,
    };
    tyto_pulse_init(&feed->pulse);
    tyto_follow_init(&feed->follow, &follow);
    enum tyto_err err = copy_prefixes(feed, params);
    if (!err)
        err = copy_texts(feed, params);
    if (err)
        return err;
    feed->context = zmq_ctx_new();
    if (!feed->context)
        return TYTO_ERR_NOMEM;
    err = tyto_sub_open(&feed->sub, feed->context, endpoint, RECV_HWM, params->server_key,
                        params->secret_key);
    if (!err && !subscribe_all(feed))
        err = TYTO_ERR_IO;
    if (!err)
        err = tyto_sub_connect(&feed->sub);
    return !err && feed->is_query_given ? open_dealer(feed) : err;
}

enum tyto_err tyto_feed_open(const struct tyto_feed_params *params, struct tyto_feed **ret_feed)
{
    struct tyto_feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = start(feed, params);
    if (err)
        tyto_feed_close(&feed);
    else
        *ret_feed = feed;
    return err;
}

void tyto_feed_close(struct tyto_feed **feed)
{
    if (!feed || !*feed)
        return;
    tyto_follow_finish(&(*feed)->follow);
    tyto_ask_close(&(*feed)->ask);
    tyto_sub_close(&(*feed)->sub);
    if ((*feed)->context)
        zmq_ctx_term((*feed)->context);
    explicit_bzero((*feed)->secret_key, sizeof((*feed)->secret_key));
    free((*feed)->prefixes);
    free(*feed);
    *feed = NULL;
}

/* --- what comes in -------------------------------------------------------------------------------
 */

static void note_life(struct tyto_feed *feed, uint64_t now_ns)
{
    feed->is_alive_due |= tyto_pulse_heard(&feed->pulse, now_ns) == TYTO_PULSE_ALIVE;
}

static void take_hello(struct tyto_feed *feed, uint64_t now_ns, const struct tyto_hello *hello)
{
    struct tyto_follow_log log = {.last_seq = hello->seq, .oldest_seq = hello->oldest_seq};
    char found[sizeof(feed->query_endpoint)];
    memcpy(log.log_id, hello->log_id, TYTO_UUID_BYTES);
    feed->hello = *hello;
    feed->has_hello = true;
    tyto_pulse_set_beat(&feed->pulse, hello->heartbeat_ms);
    note_life(feed, now_ns);
    tyto_follow_heard(&feed->follow, now_ns, hello->boot_id, &log, false);
    bool may_ask = feed->is_query_given;
    if (!may_ask && tyto_ask_choose(hello, feed->sub.endpoint, found, sizeof(found))) {
        const bool is_new = !feed->ask.dealer || strcmp(found, feed->query_endpoint) != 0;
        memcpy(feed->query_endpoint, found, sizeof(found));
        may_ask = !is_new || open_dealer(feed) == TYTO_OK;
    }
    tyto_follow_set_may_ask(&feed->follow, may_ask);
}

static void take_envelope(struct tyto_feed *feed, uint64_t now_ns)
{
    const struct tyto_envelope *envelope = &feed->frame.u.envelope;
    const struct tyto_follow *follow = &feed->follow;
    const struct tyto_heartbeat *beat = &envelope->body.heartbeat;
    const bool is_beat = envelope->kind == TYTO_ENVELOPE_HEARTBEAT;
    const bool is_new =
        !follow->has_boot || memcmp(follow->boot_id, envelope->boot_id, TYTO_UUID_BYTES) != 0;
    struct tyto_follow_log log = {.last_seq = is_beat ? beat->last_seq : envelope->seq,
                                  .oldest_seq = is_beat ? beat->oldest_seq : follow->oldest};
    memcpy(log.log_id, envelope->log_id, TYTO_UUID_BYTES);
    note_life(feed, now_ns);
    if (is_beat)
        tyto_pulse_set_beat(&feed->pulse, beat->interval_ms);
    /* A daemon that has just begun may publish before it has a hello to say. */
    if (is_beat || is_new)
        tyto_follow_heard(&feed->follow, now_ns, envelope->boot_id, &log, is_beat);
    /* Until it does it is asked where the one before it was. */
    if (is_new && feed->ask.dealer)
        tyto_follow_set_may_ask(&feed->follow, true);
    if (!is_beat)
        tyto_follow_live(&feed->follow, envelope, feed->frame.bytes, feed->frame.num_bytes);
}

/* True: there may be more. */
static bool take_published(struct tyto_feed *feed)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    for (int i = 0; i < MAX_AT_ONCE; i++) {
        switch (tyto_sub_receive(&feed->sub, &feed->frame)) {
        case TYTO_SUB_NONE:
            return i > 0;
        case TYTO_SUB_HELLO:
            take_hello(feed, now_ns, &feed->frame.u.hello);
            break;
        case TYTO_SUB_ENVELOPE:
            take_envelope(feed, now_ns);
            break;
        case TYTO_SUB_MALFORMED:
            feed->follow.counts.num_malformed++;
            break;
        }
    }
    return true;
}

static bool take_answer(struct tyto_feed *feed)
{
    if (!feed->ask.dealer || feed->follow.fetch != TYTO_FOLLOW_ASKED)
        return false;
    const enum tyto_err err = tyto_ask_receive(&feed->ask, feed->follow.fetch_id, 0, &feed->reply);
    if (err == TYTO_ERR_FORMAT)
        feed->follow.counts.num_malformed++;
    if (err)
        return err == TYTO_ERR_FORMAT;
    tyto_follow_reply(&feed->follow, tyto_clock_mono_ns(), &feed->reply);
    return true;
}

static void look_for_refusal(struct tyto_feed *feed, uint64_t now_ns)
{
    const enum tyto_refusal refusal = tyto_sub_look(&feed->sub, now_ns);
    if (!refusal)
        return;
    feed->is_refused_due = true;
    snprintf(feed->text, sizeof(feed->text), "%s: %s", feed->sub.endpoint,
             tyto_refusal_text(refusal));
}

/* --- what goes out -------------------------------------------------------------------------------
 */

static void send_credit(struct tyto_feed *feed, uint64_t id)
{
    struct tyto_request *credit = &feed->request;
    memset(credit, 0, sizeof(*credit));
    credit->id = id;
    credit->kind = TYTO_REQUEST_CREDIT;
    credit->credit = 1;
    (void)!tyto_ask_send(&feed->ask, credit); /* one that is lost shows as an answer that is late */
}

static void ask(struct tyto_feed *feed, uint64_t now_ns)
{
    uint64_t id = 0;
    if (tyto_follow_wants_new_socket(&feed->follow) && feed->ask.dealer)
        (void)!open_dealer(feed);
    if (tyto_follow_wants_credit(&feed->follow, &id) && feed->ask.dealer)
        send_credit(feed, id);
    if (!tyto_follow_wants(&feed->follow, now_ns, &feed->request))
        return;
    feed->request.prefixes = feed->prefixes;
    feed->request.num_prefixes = feed->num_prefixes;
    const bool is_sent = (feed->ask.dealer || open_dealer(feed) == TYTO_OK) &&
                         tyto_ask_send(&feed->ask, &feed->request) == TYTO_OK;
    tyto_follow_asked(&feed->follow, now_ns, is_sent ? feed->request.id : 0);
}

static void look(struct tyto_feed *feed)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const enum tyto_pulse_change change = tyto_pulse_look(&feed->pulse, now_ns);
    if (change == TYTO_PULSE_RECONNECT)
        tyto_sub_reconnect(&feed->sub);
    feed->is_silent_due |= change == TYTO_PULSE_SILENT;
    tyto_follow_set_silent(&feed->follow, feed->pulse.is_silent);
    look_for_refusal(feed, now_ns);
    tyto_follow_look(&feed->follow, now_ns);
    ask(feed, now_ns);
}

/* --- what is given -------------------------------------------------------------------------------
 */

/* True: about the link itself. */
static bool give_notice(struct tyto_feed *feed)
{
    bool *const due[] = {&feed->is_refused_due, &feed->is_silent_due, &feed->is_alive_due};
    static const enum tyto_feed_kind kinds[] = {TYTO_FEED_REFUSED, TYTO_FEED_SILENT,
                                                TYTO_FEED_ALIVE};
    for (int i = 0; i < 3; i++) {
        if (!*due[i])
            continue;
        *due[i] = false;
        memset(&feed->item, 0, sizeof(feed->item));
        feed->item.kind = kinds[i];
        feed->item.text = i == 0 ? feed->text : "";
        return true;
    }
    return false;
}

static bool give(struct tyto_feed *feed, const struct tyto_feed_item **ret_item)
{
    *ret_item = &feed->item;
    if (give_notice(feed))
        return true;
    if (tyto_follow_next(&feed->follow, &feed->item) != TYTO_OK)
        return false;
    if (feed->item.kind == TYTO_FEED_CONNECTED || feed->item.kind == TYTO_FEED_RESTARTED) {
        feed->item.message.has_hello = feed->has_hello;
        feed->item.message.u.hello = feed->hello;
    }
    return true;
}

static long wait_ms(const struct tyto_feed *feed, uint64_t begin_ns, int timeout_ms)
{
    const struct tyto_follow *follow = &feed->follow;
    const bool is_busy = follow->fetch != TYTO_FOLLOW_IDLE || follow->held.num > 0 ||
                         follow->known > follow->last || !feed->pulse.is_connected;
    const long ms = tyto_pulse_wait_ms(&feed->pulse, begin_ns, timeout_ms);
    return is_busy && ms > BUSY_WAIT_MS ? BUSY_WAIT_MS : ms;
}

static bool wait(struct tyto_feed *feed, long ms)
{
    zmq_pollitem_t items[3] = {{feed->sub.socket, 0, ZMQ_POLLIN, 0},
                               {feed->sub.handshakes.monitor, 0, ZMQ_POLLIN, 0},
                               {feed->ask.dealer, 0, ZMQ_POLLIN, 0}};
    return zmq_poll(items, feed->ask.dealer ? 3 : 2, ms) >= 0;
}

enum tyto_err tyto_feed_next(struct tyto_feed *feed, int timeout_ms,
                             const struct tyto_feed_item **ret_item)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint32_t num_turns = 0;; num_turns++) {
        if (give(feed, ret_item))
            return TYTO_OK;
        const bool has_published = take_published(feed);
        const bool has_answer = take_answer(feed);
        look(feed);
        const long ms = wait_ms(feed, begin_ns, timeout_ms);
        if (has_published || has_answer) {
            /* What is not for the caller does not hold him up beyond his time. */
            if (ms == 0 && num_turns >= MIN_TURNS)
                return give(feed, ret_item) ? TYTO_OK : TYTO_ERR_TIMEOUT;
            continue;
        }
        if (give(feed, ret_item))
            return TYTO_OK;
        if (ms == 0)
            return TYTO_ERR_TIMEOUT;
        if (!wait(feed, ms))
            return errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
    }
}

int tyto_feed_fd(const struct tyto_feed *feed)
{
    return tyto_sub_fd(&feed->sub);
}

/* --- positions, counts ---------------------------------------------------------------------------
 */

enum tyto_err tyto_feed_get_position(const struct tyto_feed *feed,
                                     struct tyto_feed_position *ret_position)
{
    return tyto_follow_position(&feed->follow, ret_position);
}

void tyto_feed_position_format(const struct tyto_feed_position *position,
                               char ret_text[TYTO_FEED_POSITION_CHARS + 1])
{
    for (int i = 0; i < TYTO_UUID_BYTES; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", position->log_id[i]);
    snprintf(ret_text + 2 * TYTO_UUID_BYTES, TYTO_FEED_POSITION_CHARS + 1 - 2 * TYTO_UUID_BYTES,
             " %llu", (unsigned long long)position->seq);
}

enum tyto_err tyto_feed_position_parse(const char *text, struct tyto_feed_position *ret_position)
{
    struct tyto_feed_position position = {.seq = 0};
    if (strspn(text, "0123456789abcdef") != 2 * (size_t)TYTO_UUID_BYTES)
        return TYTO_ERR_FORMAT;
    for (int i = 0; i < TYTO_UUID_BYTES; i++)
        position.log_id[i] =
            (uint8_t)(tyto_text_hex_digit(text[2 * i]) << 4 | tyto_text_hex_digit(text[2 * i + 1]));
    const char *number = text + 2 * TYTO_UUID_BYTES;
    char *end = NULL;
    if (number[0] != ' ' || number[1] < '0' || number[1] > '9')
        return TYTO_ERR_FORMAT;
    errno = 0;
    position.seq = strtoull(number + 1, &end, 10);
    if (errno != 0 || *end != '\0')
        return TYTO_ERR_FORMAT;
    *ret_position = position;
    return TYTO_OK;
}

void tyto_feed_get_counts(const struct tyto_feed *feed, struct tyto_feed_counts *ret_counts)
{
    *ret_counts = feed->follow.counts;
    ret_counts->num_held = feed->follow.held.num;
}

const char *tyto_feed_loss_name(enum tyto_feed_loss loss)
{
    switch (loss) {
    case TYTO_FEED_TOO_OLD:
        return "too old";
    case TYTO_FEED_OTHER_LOG:
        return "other log";
    case TYTO_FEED_UNREACHABLE:
        return "unreachable";
    case TYTO_FEED_NOT_KEPT:
        break;
    }
    return "not kept";
}
