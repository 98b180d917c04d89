/* SPDX-License-Identifier: MIT */
/* The query socket with keys: what one key may cost over all its connections, and what those cost
 * who have none.
 *
 *   test_query_shares [NUM_STRANGERS] */
#include "tests/unit/query/keys_world.h"

#include <stdlib.h>

#include <zmq.h>

#include "proto/query.h"

/* --- what a key may cost -----------------------------------------------------------------------
 */

static void *connect_as(void *context, int user)
{
    char public_key[TYTO_CLIENT_KEY_BYTES];
    const int zero = 0, wait_ms = WAIT_S * 1000;
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    assert_non_null(dealer);
    assert_int_equal(zmq_curve_public(public_key, users[user].secret_key), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, server_keys.public_key, 40), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, public_key, 40), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, users[user].secret_key, 40), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof(zero)), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms)), 0);
    assert_int_equal(zmq_connect(dealer, query_endpoint), 0);
    return dealer;
}

/* A replay that stands after its first chunk. True: that came; false: RATE_LIMITED with text. */
static bool begins_replay(void *dealer, char ret_text[TYTO_STATE_TEXT_MAX])
{
    static uint8_t bytes[TYTO_REPLY_MAX_BYTES];
    static struct tyto_reply reply;
    const struct tyto_request request = {
        .id = 1, .kind = TYTO_REQUEST_REPLAY, .from_seq = 1, .credit = 1};
    size_t num_bytes = 0;
    assert_int_equal(tyto_request_pack(&request, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_int_equal(zmq_send(dealer, bytes, num_bytes, 0), (int)num_bytes);
    const int num = zmq_recv(dealer, bytes, sizeof(bytes), 0);
    assert_in_range(num, 1, sizeof(bytes));
    assert_int_equal(tyto_reply_unpack(bytes, (size_t)num, &reply), TYTO_OK);
    const bool is_chunk = reply.kind == TYTO_REPLY_CHUNK;
    assert_false(is_chunk && reply.is_last);
    if (!is_chunk) {
        assert_int_equal(reply.kind, TYTO_REPLY_ERROR);
        assert_int_equal(reply.error, TYTO_QUERY_RATE_LIMITED);
        snprintf(ret_text, TYTO_STATE_TEXT_MAX, "%.*s", TYTO_STATE_TEXT_MAX - 1, reply.text);
    }
    tyto_reply_clear(&reply);
    return is_chunk;
}

static void a_key_has_its_share_over_all_its_connections(void **state)
{
    (void)state;
    enum { NUM = TYTO_QUERY_SERVER_USER_JOBS };
    char text[TYTO_STATE_TEXT_MAX] = "";
    void *context = zmq_ctx_new(), *dealers[NUM];
    for (int i = 0; i < NUM; i++) {
        dealers[i] = connect_as(context, VIEWER);
        assert_true(begins_replay(dealers[i], text));
    }
    void *more = connect_as(context, VIEWER), *other = connect_as(context, CHIEF);
    assert_false(begins_replay(more, text));
    assert_non_null(strstr(text, "your key"));
    assert_true(begins_replay(other, text));
    zmq_close(dealers[0]); /* then there is room */
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    while (!begins_replay(more, text)) {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(600000); /* two replays a second are allowed to each connection */
    }
    for (int i = 1; i < NUM; i++)
        zmq_close(dealers[i]);
    zmq_close(more);
    zmq_close(other);
    zmq_ctx_term(context);
}

/* Sends a hello; the answer's error, TYTO_OK's place taken by 0. */
static enum tyto_query_error ask_hello(void *dealer, char ret_text[TYTO_STATE_TEXT_MAX])
{
    static uint8_t bytes[TYTO_REPLY_MAX_BYTES];
    static struct tyto_reply reply;
    const struct tyto_request request = {.id = 1, .kind = TYTO_REQUEST_HELLO};
    size_t num_bytes = 0;
    assert_int_equal(tyto_request_pack(&request, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_int_equal(zmq_send(dealer, bytes, num_bytes, 0), (int)num_bytes);
    const int num = zmq_recv(dealer, bytes, sizeof(bytes), 0);
    assert_in_range(num, 1, sizeof(bytes));
    assert_int_equal(tyto_reply_unpack(bytes, (size_t)num, &reply), TYTO_OK);
    const enum tyto_query_error error = reply.kind == TYTO_REPLY_ERROR ? reply.error : 0;
    snprintf(ret_text, TYTO_STATE_TEXT_MAX, "%.*s", TYTO_STATE_TEXT_MAX - 1, reply.text);
    tyto_reply_clear(&reply);
    return error;
}

/* Fewer on each connection than one may send, more on all of them than one key may. */
static void a_key_s_requests_are_counted_over_all_its_connections(void **state)
{
    (void)state;
    enum { NUM = 40, EACH = 60 };
    char text[TYTO_STATE_TEXT_MAX] = "";
    void *context = zmq_ctx_new(), *dealers[NUM];
    uint32_t num_refused = 0;
    int num = 0;
    while (num < NUM && num_refused == 0) {
        dealers[num] = connect_as(context, DOG);
        for (int i = 0; i < EACH && num_refused == 0; i++)
            num_refused += ask_hello(dealers[num], text) == TYTO_QUERY_RATE_LIMITED;
        num++;
    }
    assert_int_equal(num_refused, 1);
    assert_non_null(strstr(text, "by your key"));
    void *other = connect_as(context, CHIEF);
    assert_int_equal(ask_hello(other, text), 0);
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    while (ask_hello(dealers[0], text) != 0) {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(100000);
    }
    for (int i = 0; i < num; i++)
        zmq_close(dealers[i]);
    zmq_close(other);
    zmq_ctx_term(context);
}

/* What was begun goes on when there is something again; what is new is refused. */
static void a_key_s_bytes_are_counted_over_all_its_connections(void **state)
{
    (void)state;
    enum { BYTES_PER_S = 8192 };
    char text[TYTO_STATE_TEXT_MAX] = "";
    struct taken taken;
    assert_true(tyto_query_server_destroy(&server));
    start_server(BYTES_PER_S);
    void *context = zmq_ctx_new(), *dealer = connect_as(context, VIEWER);
    struct tyto_query *first = ask_as(VIEWER), *chief = ask_as(CHIEF);
    assert_int_equal(replay(first, NULL, &taken), TYTO_OK);
    assert_int_equal(taken.num, 6 * NUM_EACH + 1);
    assert_int_equal(ask_hello(dealer, text), TYTO_QUERY_RATE_LIMITED);
    assert_non_null(strstr(text, "its share of bytes"));
    assert_int_equal(replay(chief, NULL, &taken), TYTO_OK);
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    while (ask_hello(dealer, text) != 0) {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(100000);
    }
    tyto_query_destroy(&first);
    tyto_query_destroy(&chief);
    zmq_close(dealer);
    zmq_ctx_term(context);
    assert_true(tyto_query_server_destroy(&server));
    start_server(0);
}

/* --- strangers -----------------------------------------------------------------------------------
 */

enum stranger {
    UNKNOWN_KEY,   /* a good one that nobody has written down */
    BORROWED_NAME, /* a client's public key without its secret one */
    OTHER_SERVER,  /* a client that takes us for somebody else */
    NO_KEY,
    NUM_STRANGERS
};
enum { STRANGERS_AT_ONCE = 16 };

static uint32_t num_strangers = 160;

struct dialled {
    void *socket, *monitor;
    bool is_over;
    int events; /* that happened */
};

static struct dialled dial(void *context, int idx)
{
    char address[32], public_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
    const enum stranger kind = (enum stranger)(idx % NUM_STRANGERS);
    const int zero = 0, is_sub = idx / NUM_STRANGERS % 2;
    struct dialled dialled = {zmq_socket(context, is_sub ? ZMQ_SUB : ZMQ_DEALER),
                              zmq_socket(context, ZMQ_PAIR), false, 0};
    assert_int_equal(tyto_client_make_keys(public_key, secret_key), TYTO_OK);
    const char *server_key = kind == OTHER_SERVER ? public_key : server_keys.public_key;
    const char *mine = kind == BORROWED_NAME ? users[CHIEF].public_key : public_key;
    if (kind != NO_KEY) {
        assert_int_equal(zmq_setsockopt(dialled.socket, ZMQ_CURVE_SERVERKEY, server_key, 40), 0);
        assert_int_equal(zmq_setsockopt(dialled.socket, ZMQ_CURVE_PUBLICKEY, mine, 40), 0);
        assert_int_equal(zmq_setsockopt(dialled.socket, ZMQ_CURVE_SECRETKEY, secret_key, 40), 0);
    }
    (void)snprintf(address, sizeof(address), "inproc://stranger-%d", idx);
    assert_int_equal(zmq_socket_monitor(dialled.socket, address, ZMQ_EVENT_ALL), 0);
    assert_int_equal(zmq_connect(dialled.monitor, address), 0);
    assert_int_equal(zmq_setsockopt(dialled.socket, ZMQ_LINGER, &zero, sizeof(zero)), 0);
    if (is_sub)
        assert_int_equal(zmq_setsockopt(dialled.socket, ZMQ_SUBSCRIBE, "", 0), 0);
    assert_int_equal(zmq_connect(dialled.socket, is_sub ? endpoint : query_endpoint), 0);
    return dialled;
}

/* True: it was turned away. */
static bool look(struct dialled *dialled)
{
    uint8_t news[6], rest[64];
    uint16_t event;
    while (!dialled->is_over &&
           zmq_recv(dialled->monitor, news, sizeof(news), ZMQ_DONTWAIT) == (int)sizeof(news)) {
        (void)zmq_recv(dialled->monitor, rest, sizeof(rest), ZMQ_DONTWAIT);
        memcpy(&event, news, sizeof(event));
        dialled->events |= event;
        assert_int_not_equal(event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        dialled->is_over = event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL ||
                           event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
                           event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
                           event == ZMQ_EVENT_DISCONNECTED;
    }
    assert_int_equal(zmq_recv(dialled->socket, rest, sizeof(rest), ZMQ_DONTWAIT), -1);
    return dialled->is_over;
}

/* By hand, more of them: test_query_keys 10000 */
static void strangers_are_not_let_in_and_disturb_nobody(void **state)
{
    (void)state;
    struct tyto_query_server_counts before, after;
    struct tyto_query *viewer = ask_as(VIEWER);
    struct tyto_hello hello;
    uint64_t num_asked = 0, longest_ns = 0;
    tyto_query_server_get_counts(server, &before);
    for (uint32_t done = 0; done < num_strangers; done += STRANGERS_AT_ONCE) {
        struct dialled all[STRANGERS_AT_ONCE];
        void *context = zmq_ctx_new();
        const uint64_t begin_ns = tyto_clock_mono_ns();
        uint32_t num_over = 0;
        for (int i = 0; i < STRANGERS_AT_ONCE; i++)
            all[i] = dial(context, (int)done + i);
        const uint64_t asked_ns = tyto_clock_mono_ns();
        assert_int_equal(tyto_query_hello(viewer, &hello), TYTO_OK);
        const uint64_t took_ns = tyto_clock_mono_ns() - asked_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        num_asked++;
        while (num_over < STRANGERS_AT_ONCE) {
            num_over = 0;
            for (int i = 0; i < STRANGERS_AT_ONCE; i++) {
                num_over += look(&all[i]);
                if (!all[i].is_over && tyto_clock_mono_ns() - begin_ns > WAIT_S * TYTO_NS_PER_S)
                    fail_msg("stranger %u was not turned away, %x happened", done + (uint32_t)i,
                             (unsigned)all[i].events);
            }
            usleep(1000);
        }
        for (int i = 0; i < STRANGERS_AT_ONCE; i++) {
            (void)zmq_socket_monitor(all[i].socket, NULL, 0);
            zmq_close(all[i].monitor);
            zmq_close(all[i].socket);
        }
        zmq_ctx_term(context);
        if (done % 1600 == 0 && done > 0)
            usleep(1000000); /* the viewer, too, has his limits */
    }
    tyto_query_server_get_counts(server, &after);
    assert_int_equal(after.num_requests - before.num_requests, num_asked);
    printf("%u strangers; who has a key was answered within %.0f ms\n", num_strangers,
           (double)longest_ns / 1e6);
    tyto_query_destroy(&viewer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_its_share_over_all_its_connections),
        cmocka_unit_test(a_key_s_requests_are_counted_over_all_its_connections),
        cmocka_unit_test(a_key_s_bytes_are_counted_over_all_its_connections),
        cmocka_unit_test(strangers_are_not_let_in_and_disturb_nobody),
    };
    if (argc > 1)
        num_strangers = (uint32_t)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
