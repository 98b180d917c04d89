/* SPDX-License-Identifier: MIT */
/* Requests with changed bytes against the query socket: the server and the connection survive, and
 * what is answered can be read. test_query_mutated [NUM] [SEED]; the same requests on every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "daemon/scores/block.h"

enum {
    DEFAULT_NUM = 4000,
    EACH = 80, /* of one connection: fewer than it may send at once */
    NUM_EVENTS = 300,
    WAIT_S = 120,
    LAST_ID = 0x7fffffff,
};

static uint64_t num_requests = DEFAULT_NUM, random_state = 1;
static char folder[64], path[96], endpoint[108], query_endpoint[108];
static struct tyto_journal *journal;
static struct tyto_publisher *publisher;
static struct tyto_query_server *server;
static char event_id[TYTO_ULID_CHARS + 1];

static uint32_t below(uint32_t limit)
{
    return tyto_random_below(&random_state, limit);
}

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void publish_some(void)
{
    struct tyto_event event = {.modality = TYTO_MODALITY_AV, .camera = "yard", .class_name = "dog"};
    for (int i = 0; i < NUM_EVENTS; i++) {
        if (i % 2 == 0)
            assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
        event.phase = i % 2 ? TYTO_EVENT_PHASE_END : TYTO_EVENT_PHASE_NEW;
        event.reason = i % 2 ? TYTO_EVENT_REASON_OFFSET : TYTO_EVENT_REASON_ONSET;
        event.begin_unix_ns = 1000 + i / 2;
        event.rev = (uint32_t)i % 2;
        event.has_end = i % 2;
        event.end_unix_ns = event.begin_unix_ns + 1;
        assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
    }
    memcpy(event_id, event.id, sizeof(event_id));
}

/* A row of scores that is whole, and one whose bytes are cut. */
static void keep_some(void)
{
    static struct tyto_reply rules;
    static const float thresholds[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    static uint8_t packed[4096], bytes[4096];
    static const uint8_t codes[2] = {7, 0};
    size_t num_packed = 0, num_bytes = 0;
    const struct tyto_segment_scores segment = {
        .end_unix_ns = 1, .has_heard_seen = true, .joint = codes, .heard = codes, .seen = codes};
    rules.id = 1;
    rules.kind = TYTO_REPLY_SCORES;
    rules.num_classes = 2;
    rules.class_names[0] = "dog";
    rules.class_names[1] = "cat";
    rules.decision = (struct tyto_decision){.thresholds = thresholds, .max_duration_ns = 1};
    assert_int_equal(tyto_reply_pack(&rules, packed, sizeof(packed), &num_packed), TYTO_OK);
    for (int i = 0; i < 20; i++)
        num_bytes += tyto_scores_segment_write(&segment, 2, bytes + num_bytes);
    for (int i = 0; i < 2; i++) {
        struct tyto_journal_scores *row =
            tyto_journal_scores_new("yard", packed, num_packed, num_bytes);
        assert_non_null(row);
        row->num_bytes = i == 0 ? num_bytes : num_bytes - 3;
        memcpy(row->bytes, bytes, row->num_bytes);
        row->end_unix_ns = 1;
        tyto_publisher_keep_scores(publisher, row);
    }
}

static int make_world(void **state)
{
    (void)state;
    const char *endpoints[] = {endpoint}, *query_endpoints[] = {query_endpoint};
    struct tyto_fault fault = {.text = ""};
    snprintf(folder, sizeof(folder), "/tmp/tyto-mutated-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query", folder);
    const struct tyto_journal_params kept = {.path = path, .max_score_bytes = 1 << 20};
    if (tyto_journal_open(&kept, &journal, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_publisher_params params = {
        .endpoints = endpoints, .num_endpoints = 1, .heartbeat_ms = 100, .journal = journal};
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_query_server_params asked = {.endpoints = query_endpoints,
                                                   .num_endpoints = 1,
                                                   .journal_path = path,
                                                   .hello = tell_hello,
                                                   .user = publisher};
    if (tyto_query_server_create(&asked, &server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    publish_some();
    keep_some();
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve"};
    assert_true(tyto_query_server_destroy(&server));
    assert_true(tyto_publisher_destroy(&publisher));
    tyto_journal_close(&journal);
    for (int i = 0; i < 5; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

/* --- requests --------------------------------------------------------------------------------- */

static size_t make_request(uint64_t id, uint8_t bytes[TYTO_REQUEST_MAX_BYTES])
{
    static const enum tyto_request_kind kinds[] = {
        TYTO_REQUEST_HELLO,  TYTO_REQUEST_SNAPSHOT, TYTO_REQUEST_REPLAY,
        TYTO_REQUEST_CREDIT, TYTO_REQUEST_LIST,     TYTO_REQUEST_GET,
        TYTO_REQUEST_SCHEMA, TYTO_REQUEST_SCORES,   TYTO_REQUEST_FIND};
    static struct tyto_request request;
    char prefixes[2][TYTO_TOPIC_MAX_BYTES] = {"ev/yard/", "st/"};
    size_t num_bytes = 0;
    memset(&request, 0, sizeof(request));
    request.id = id;
    request.kind = kinds[below(9)];
    request.credit = 1 + below(TYTO_QUERY_MAX_CREDIT);
    request.prefixes = prefixes;
    request.num_prefixes = below(3);
    request.from_seq = below(NUM_EVENTS);
    request.to_seq = below(2 * NUM_EVENTS);
    request.since_unix_ns = below(2) ? below(2000) : 0;
    request.from_unix_ns = below(2) ? below(2000) : 0;
    request.to_unix_ns = below(2) ? below(2000) : 0;
    request.num_cameras = request.kind == TYTO_REQUEST_SCORES ? 1 : below(2);
    request.num_classes = below(2);
    snprintf(request.cameras[0], sizeof(request.cameras[0]), "yard");
    snprintf(request.classes[0], sizeof(request.classes[0]), "dog");
    request.limit = below(TYTO_REPLY_MAX_ENVELOPES + 1);
    request.is_newest_first = below(2);
    request.cursor.num_bytes = below(3) ? 0 : below(2) ? 12 : 34;
    for (uint32_t i = 0; i < request.cursor.num_bytes; i++)
        request.cursor.bytes[i] = (uint8_t)(below(3) ? 0 : below(256));
    memcpy(request.event_id, event_id, sizeof(event_id));
    request.like = (struct tyto_embeddings){
        .space = 1 + below(2), .has_sound = below(2), .has_picture = below(2)};
    request.among = (enum tyto_among)below(3);
    if (tyto_request_pack(&request, bytes, TYTO_REQUEST_MAX_BYTES, &num_bytes) != TYTO_OK)
        fail_msg("request of kind %d", request.kind);
    return num_bytes;
}

static size_t change(uint8_t bytes[TYTO_REQUEST_MAX_BYTES], size_t num_bytes)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x08, 0x12, 0x3a};
    const uint32_t num = below(2) ? below(2) : below(6);
    for (uint32_t i = 0; i < num && num_bytes > 0; i++) {
        const size_t at = below((uint32_t)num_bytes);
        const uint8_t flipped = (uint8_t)(bytes[at] ^ (1u << below(8)));
        bytes[at] = edges[below(8)];
        if (below(2))
            bytes[at] = flipped;
    }
    if (below(8) == 0)
        num_bytes = below((uint32_t)num_bytes + 1);
    if (below(16) == 0) { /* and something behind it */
        const size_t more = below(200);
        for (size_t i = 0; i < more && num_bytes < TYTO_REQUEST_MAX_BYTES; i++)
            bytes[num_bytes++] = (uint8_t)below(256);
    }
    return num_bytes;
}

/* --- replies ---------------------------------------------------------------------------------- */

/* One reply of what has come. False: none. */
static bool take_reply(void *dealer, uint64_t *ret_id)
{
    static struct tyto_reply reply;
    zmq_msg_t message;
    zmq_msg_init(&message);
    const bool is_there = zmq_msg_recv(&message, dealer, ZMQ_DONTWAIT) >= 0;
    if (is_there) {
        assert_int_equal(tyto_reply_unpack(zmq_msg_data(&message), zmq_msg_size(&message), &reply),
                         TYTO_OK);
        assert_false(zmq_msg_more(&message));
        if (reply.kind == TYTO_REPLY_ERROR) {
            assert_true(reply.error >= TYTO_QUERY_BAD_REQUEST);
            assert_true(reply.error <= TYTO_QUERY_INTERNAL);
            assert_true(reply.text[0]);
        }
        *ret_id = reply.id;
        tyto_reply_clear(&reply);
    }
    zmq_msg_close(&message);
    return is_there;
}

static void send_some(void *dealer, uint64_t num)
{
    uint8_t bytes[TYTO_REQUEST_MAX_BYTES];
    uint64_t id = 0;
    for (uint64_t i = 0; i < num; i++) {
        const size_t num_bytes = change(bytes, make_request(i + 1, bytes));
        const int more = below(50) == 0 ? ZMQ_SNDMORE : 0;
        assert_true(zmq_send(dealer, bytes, num_bytes, more) >= 0);
        if (more)
            assert_true(zmq_send(dealer, "", 0, 0) >= 0);
        while (take_reply(dealer, &id))
            ;
    }
}

/* A good one at the end is answered by the same connection. */
static void survive(void *dealer)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    const struct tyto_request request = {.id = LAST_ID, .kind = TYTO_REQUEST_HELLO};
    uint8_t bytes[TYTO_REQUEST_MAX_BYTES];
    size_t num_bytes = 0;
    uint64_t id = 0;
    assert_int_equal(tyto_request_pack(&request, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_true(zmq_send(dealer, bytes, num_bytes, 0) >= 0);
    while (id != LAST_ID) {
        zmq_pollitem_t item = {dealer, 0, ZMQ_POLLIN, 0};
        assert_true(tyto_clock_mono_ns() < until_ns);
        (void)zmq_poll(&item, 1, 100);
        (void)take_reply(dealer, &id);
    }
}

static void changed_requests_do_no_harm(void **state)
{
    (void)state;
    const int no_wait = 0;
    void *context = zmq_ctx_new();
    struct tyto_query_server_counts counts;
    for (uint64_t done = 0; done < num_requests; done += EACH) {
        void *dealer = zmq_socket(context, ZMQ_DEALER);
        assert_non_null(dealer);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
        assert_int_equal(zmq_connect(dealer, query_endpoint), 0);
        send_some(dealer, EACH);
        survive(dealer);
        zmq_close(dealer);
    }
    zmq_ctx_term(context);
    tyto_query_server_get_counts(server, &counts);
    printf("%llu requests, %llu refused, %llu replays of %llu messages\n",
           (unsigned long long)counts.num_requests, (unsigned long long)counts.num_refused,
           (unsigned long long)counts.num_replays, (unsigned long long)counts.num_replayed);
    assert_true(counts.num_refused > 0 && counts.num_refused < counts.num_requests);
    assert_true(counts.num_replays > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changed_requests_do_no_harm)};
    if (argc > 1)
        num_requests = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        random_state = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
