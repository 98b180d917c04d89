/* SPDX-License-Identifier: MIT */
/* A feed on real sockets, against a peer made by hand: one that does not answer, one that asks for
 * keys, one that comes later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "base/clock.h"
#include "client/feed.h"
#include "proto/query.h"
#include "tests/folder.h"

enum { DEADLINE_MS = 60000 };

static char folder[FOLDER_MAX], endpoint[128], query_endpoint[128];

struct peer {
    void *context, *xpub, *router;
    uint64_t last_seq;
};

static int count;

static void open_peer(struct peer *peer, const char *secret_key)
{
    const int yes = 1, no_wait = 0;
    count++;
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events-%d", folder, count);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query-%d", folder, count);
    peer->last_seq = 0;
    peer->context = zmq_ctx_new();
    peer->xpub = zmq_socket(peer->context, ZMQ_XPUB);
    peer->router = zmq_socket(peer->context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(peer->xpub, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
    assert_int_equal(zmq_setsockopt(peer->router, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
    if (secret_key) {
        assert_int_equal(zmq_setsockopt(peer->xpub, ZMQ_CURVE_SERVER, &yes, sizeof(yes)), 0);
        assert_int_equal(zmq_setsockopt(peer->xpub, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
    }
    assert_int_equal(zmq_bind(peer->xpub, endpoint), 0);
    assert_int_equal(zmq_bind(peer->router, query_endpoint), 0);
}

static void close_peer(struct peer *peer)
{
    zmq_close(peer->xpub);
    zmq_close(peer->router);
    zmq_ctx_term(peer->context);
}

static void send(struct peer *peer, const struct tyto_envelope *envelope)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    char topic[TYTO_TOPIC_MAX_BYTES];
    size_t num_bytes = 0;
    assert_int_equal(tyto_envelope_topic(envelope, topic, sizeof(topic)), TYTO_OK);
    assert_int_equal(tyto_envelope_pack(envelope, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_true(zmq_send(peer->xpub, topic, strlen(topic), ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(peer->xpub, bytes, num_bytes, 0) >= 0);
}

static struct tyto_envelope make_envelope(enum tyto_envelope_kind kind, uint64_t seq)
{
    struct tyto_envelope envelope = {.kind = kind, .seq = seq};
    memset(envelope.log_id, 1, TYTO_UUID_BYTES);
    memset(envelope.boot_id, 2, TYTO_UUID_BYTES);
    return envelope;
}

static void beat(struct peer *peer)
{
    struct tyto_envelope envelope = make_envelope(TYTO_ENVELOPE_HEARTBEAT, 0);
    envelope.body.heartbeat.last_seq = peer->last_seq;
    envelope.body.heartbeat.oldest_seq = 1;
    envelope.body.heartbeat.interval_ms = 1000;
    envelope.body.heartbeat.num_parts = 1;
    send(peer, &envelope);
}

static void publish(struct peer *peer, uint64_t seq)
{
    struct tyto_envelope envelope = make_envelope(TYTO_ENVELOPE_EVENT, seq);
    struct tyto_event *event = &envelope.body.event;
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event->id), TYTO_OK);
    snprintf(event->camera, sizeof(event->camera), "yard");
    snprintf(event->class_name, sizeof(event->class_name), "dog");
    event->phase = TYTO_EVENT_PHASE_NEW;
    event->reason = TYTO_EVENT_REASON_ONSET;
    event->modality = TYTO_MODALITY_AV;
    event->clock_quality = TYTO_CLOCK_QUALITY_ARRIVAL;
    send(peer, &envelope);
    peer->last_seq = seq;
}

/* Waits for an item of that kind; the peer beats meanwhile. */
static const struct tyto_feed_item *expect(struct tyto_feed *feed, struct peer *peer,
                                           enum tyto_feed_kind kind)
{
    const struct tyto_feed_item *item = NULL;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (tyto_clock_mono_ns() - begin_ns < DEADLINE_MS * TYTO_NS_PER_MS) {
        const enum tyto_err err = tyto_feed_next(feed, 100, &item);
        if (!err && item->kind == kind)
            return item;
        if (err)
            assert_int_equal(err, TYTO_ERR_TIMEOUT);
        else if (item->kind == TYTO_FEED_MESSAGE || item->kind == TYTO_FEED_LOST)
            fail_msg("kind %d came, kind %d did not", item->kind, kind);
        if (err && peer)
            beat(peer);
    }
    fail_msg("kind %d did not come", kind);
    return NULL;
}

static void expect_seq(struct tyto_feed *feed, struct peer *peer, uint64_t seq)
{
    assert_int_equal(expect(feed, peer, TYTO_FEED_MESSAGE)->message.seq, seq);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void a_query_socket_that_is_silent_holds_nobody_up_for_ever(void **state)
{
    (void)state;
    struct peer peer;
    struct tyto_feed *feed = NULL;
    open_peer(&peer, NULL);
    const struct tyto_feed_params params = {.endpoint = endpoint,
                                            .query_endpoint = query_endpoint,
                                            .answer_ms = 200,
                                            .patience_ms = 1000};
    assert_int_equal(tyto_feed_open(&params, &feed), TYTO_OK);
    (void)expect(feed, &peer, TYTO_FEED_CONNECTED);
    publish(&peer, 1);
    expect_seq(feed, &peer, 1);
    publish(&peer, 5);
    const struct tyto_feed_item *lost = expect(feed, &peer, TYTO_FEED_LOST);
    assert_int_equal(lost->why, TYTO_FEED_UNREACHABLE);
    assert_int_equal(lost->from_seq, 2);
    assert_int_equal(lost->to_seq, 4);
    assert_int_equal(lost->num_lost, 3);
    expect_seq(feed, &peer, 5);
    struct tyto_feed_counts counts;
    tyto_feed_get_counts(feed, &counts);
    assert_true(counts.num_replays >= 2); /* it asked again */
    tyto_feed_close(&feed);
    close_peer(&peer);
}

/* Takes what is asked and answers with these numbers. */
static void answer(struct peer *peer, uint64_t from, uint64_t to)
{
    static uint8_t envelopes[8][TYTO_ENVELOPE_MAX_BYTES], packed[TYTO_REPLY_MAX_BYTES];
    struct tyto_request request;
    struct tyto_reply reply = {.kind = TYTO_REPLY_CHUNK, .next_seq = to + 1, .is_last = true};
    uint8_t name[256], bytes[TYTO_REQUEST_MAX_BYTES];
    size_t num_bytes = 0;
    uint64_t id = 0;
    const int num_name = zmq_recv(peer->router, name, sizeof(name), 0);
    const int num = zmq_recv(peer->router, bytes, sizeof(bytes), 0);
    assert_true(num_name > 0 && num > 0);
    assert_int_equal(tyto_request_unpack(bytes, (size_t)num, &request, &id), TYTO_OK);
    assert_int_equal(request.kind, TYTO_REQUEST_REPLAY);
    assert_int_equal(request.from_seq, from);
    reply.id = request.id;
    tyto_request_clear(&request);
    for (uint64_t seq = from; seq <= to; seq++) {
        const struct tyto_envelope envelope = make_envelope(TYTO_ENVELOPE_MODEL_STATE, seq);
        const uint32_t i = reply.num_envelopes++;
        assert_int_equal(
            tyto_envelope_pack(&envelope, envelopes[i], TYTO_ENVELOPE_MAX_BYTES, &num_bytes),
            TYTO_OK);
        reply.envelopes[i] = (struct tyto_bytes){envelopes[i], num_bytes};
    }
    assert_int_equal(tyto_reply_pack(&reply, packed, sizeof(packed), &num_bytes), TYTO_OK);
    assert_true(zmq_send(peer->router, name, (size_t)num_name, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(peer->router, packed, num_bytes, 0) >= 0);
}

static void what_is_missing_is_asked_for_and_given_between(void **state)
{
    (void)state;
    struct peer peer;
    struct tyto_feed *feed = NULL;
    const struct tyto_feed_item *item = NULL;
    open_peer(&peer, NULL);
    const struct tyto_feed_params params = {
        .endpoint = endpoint, .query_endpoint = query_endpoint, .patience_ms = -1};
    assert_int_equal(tyto_feed_open(&params, &feed), TYTO_OK);
    (void)expect(feed, &peer, TYTO_FEED_CONNECTED);
    publish(&peer, 1);
    expect_seq(feed, &peer, 1);
    publish(&peer, 4);
    zmq_pollitem_t asked = {peer.router, 0, ZMQ_POLLIN, 0};
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (zmq_poll(&asked, 1, 0) == 0 &&
           tyto_clock_mono_ns() - begin_ns < DEADLINE_MS * TYTO_NS_PER_MS)
        assert_int_not_equal(
            tyto_feed_next(feed, 10, &item) == TYTO_OK && item->kind == TYTO_FEED_MESSAGE, true);
    publish(&peer, 5);
    answer(&peer, 2, 4);
    for (uint64_t seq = 2; seq <= 5; seq++)
        expect_seq(feed, &peer, seq);
    struct tyto_feed_position position;
    assert_int_equal(tyto_feed_get_position(feed, &position), TYTO_OK);
    assert_int_equal(position.seq, 5);
    tyto_feed_close(&feed);
    close_peer(&peer);
}

static void who_asks_for_keys_is_told_of(void **state)
{
    (void)state;
    struct peer peer;
    struct tyto_feed *feed = NULL;
    char server_public[41], server_secret[41], other_public[41], secret[41];
    assert_int_equal(zmq_curve_keypair(server_public, server_secret), 0);
    assert_int_equal(zmq_curve_keypair(other_public, secret), 0);
    open_peer(&peer, server_secret);
    struct tyto_feed_params params = {.endpoint = endpoint};
    assert_int_equal(tyto_feed_open(&params, &feed), TYTO_OK); /* none */
    assert_non_null(strstr(expect(feed, NULL, TYTO_FEED_REFUSED)->text, "keys"));
    tyto_feed_close(&feed);
    params.server_key = other_public; /* another daemon's */
    params.secret_key = secret;
    assert_int_equal(tyto_feed_open(&params, &feed), TYTO_OK);
    assert_non_null(strstr(expect(feed, NULL, TYTO_FEED_REFUSED)->text, "public key"));
    tyto_feed_close(&feed);
    params.server_key = server_public;
    assert_int_equal(tyto_feed_open(&params, &feed), TYTO_OK);
    (void)expect(feed, &peer, TYTO_FEED_CONNECTED);
    tyto_feed_close(&feed);
    close_peer(&peer);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct tyto_feed *feed = NULL;
    const char *prefixes[] = {"ev/yard/", "hb/"};
    const struct tyto_feed_params bad[] = {
        {.endpoint = "nonsense"},
        {.prefixes = prefixes, .num_prefixes = 2},
        {.prefixes = prefixes, .num_prefixes = TYTO_FEED_MAX_PREFIXES + 1},
        {.server_key = "0123456789012345678901234567890123456789"},
        {.server_key = "short", .secret_key = "short"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(tyto_feed_open(&bad[i], &feed), TYTO_ERR_INVALID);
        assert_null(feed);
    }
}

static void a_position_is_a_line_of_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "00112233445566778899aabbccddeeff",
                                      "00112233445566778899aabbccddeeff ",
                                      "00112233445566778899aabbccddeeff -1",
                                      "00112233445566778899aabbccddeeff 1x",
                                      "00112233445566778899aabbccddeeff 99999999999999999999",
                                      "0011223344556677889xaabbccddeeff 1"};
    struct tyto_feed_position position = {.seq = UINT64_MAX}, read;
    char text[TYTO_FEED_POSITION_CHARS + 1];
    for (int i = 0; i < TYTO_UUID_BYTES; i++)
        position.log_id[i] = (uint8_t)(17 * i);
    tyto_feed_position_format(&position, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff 18446744073709551615");
    assert_int_equal(tyto_feed_position_parse(text, &read), TYTO_OK);
    assert_memory_equal(&read, &position, sizeof(read));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tyto_feed_position_parse(bad[i], &read), TYTO_ERR_FORMAT);
}

static int make_folder(void **state)
{
    (void)state;
    return folder_make(folder, "feed");
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_socket_that_is_silent_holds_nobody_up_for_ever),
        cmocka_unit_test(what_is_missing_is_asked_for_and_given_between),
        cmocka_unit_test(who_asks_for_keys_is_told_of),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_position_is_a_line_of_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
