/* SPDX-License-Identifier: MIT */
/* The query socket with keys: who may ask, what he is told of, and what a reload ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/query.h"
#include "client/tyto.h"
#include "daemon/access/access.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "files/key_file.h"
#include "proto/query.h"

enum { VIEWER, DOOR, DOG, CHIEF, STRANGER, NUM_USERS, WAIT_S = 60, NUM_EACH = 20 };

static struct {
    char public_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
} users[NUM_USERS], server_keys;
static char folder[64], key_path[96], clients_path[96], journal_path[96], endpoint[108],
    query_endpoint[108];
static struct tyto_access *access_to;
static struct tyto_journal *journal;
static struct tyto_publisher *publisher;
static struct tyto_query_server *server;
static char hall_event[TYTO_ULID_CHARS + 1], door_event[TYTO_ULID_CHARS + 1];

static const struct tyto_log test_log = {.sink = tyto_log_stderr, .max_level = TYTO_LOG_INFO};

/* Without those from `num` on; the first of them with `key`'s key. */
static void write_clients(int num, int key)
{
    static const char *const rights[][3] = {{"viewer", "viewer", ""},
                                            {"door", "viewer", "ev/door/ st/door/"},
                                            {"dog", "viewer", "ev/door/dog/"},
                                            {"chief", "admin", ""}};
    FILE *file = fopen(clients_path, "we");
    assert_non_null(file);
    for (int i = 0; i < num; i++)
        assert_true(fprintf(file, "%s %s %s %s\n", rights[i][0], rights[i][1],
                            users[i == 0 ? key : i].public_key, rights[i][2]) > 0);
    assert_int_equal(fclose(file), 0);
}

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void publish(const char *camera, const char *class_name, bool has_end, char *ret_id)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV,
                               .begin_unix_ns = 1000 * (int64_t)TYTO_NS_PER_S};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", class_name);
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    memcpy(ret_id, event.id, sizeof(event.id));
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
    if (!has_end)
        return;
    event.phase = TYTO_EVENT_PHASE_END;
    event.rev++;
    event.has_end = true;
    event.end_unix_ns = event.begin_unix_ns + 1;
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
}

static void wait_until_sent(uint64_t seq)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_publisher_counts counts;
    do {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(1000);
        tyto_publisher_get_counts(publisher, &counts);
    } while (counts.last_seq < seq);
}

/* bytes_per_s: of a key; 0: the usual. */
static void start_server(uint32_t bytes_per_s)
{
    const char *endpoints[] = {query_endpoint};
    struct tyto_fault fault = {.text = ""};
    const struct tyto_query_server_params params = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .journal_path = journal_path,
                                                    .hello = tell_hello,
                                                    .user = publisher,
                                                    .access = access_to,
                                                    .user_bytes_per_s = bytes_per_s,
                                                    .user_burst_bytes = bytes_per_s,
                                                    .log = &test_log};
    if (tyto_query_server_create(&params, &server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    tyto_publisher_set_query(publisher, endpoints, 1);
}

/* Each 20 times in turn: hall/cat, door/dog, door/cat, NEW and END; then a hall/dog that is open.
 */
static int make_world(void **state)
{
    (void)state;
    const char *endpoints[] = {endpoint};
    struct tyto_fault fault = {.text = ""};
    char id[TYTO_ULID_CHARS + 1];
    snprintf(folder, sizeof(folder), "/tmp/tyto-keys-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(key_path, sizeof(key_path), "%s/server.key", folder);
    snprintf(clients_path, sizeof(clients_path), "%s/clients", folder);
    snprintf(journal_path, sizeof(journal_path), "%s/journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query", folder);
    for (int i = 0; i < NUM_USERS; i++)
        assert_int_equal(tyto_client_make_keys(users[i].public_key, users[i].secret_key), TYTO_OK);
    assert_int_equal(tyto_client_make_keys(server_keys.public_key, server_keys.secret_key),
                     TYTO_OK);
    assert_int_equal(tyto_key_file_write(key_path, true, server_keys.secret_key, &fault), TYTO_OK);
    write_clients(4, 0);
    const struct tyto_journal_params kept = {.path = journal_path};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = 100,
                                                 .log = &test_log,
                                                 .version = "test"};
    struct tyto_publisher_params with = params;
    if (tyto_access_create(key_path, clients_path, &test_log, &access_to, &fault) != TYTO_OK ||
        tyto_journal_open(&kept, &journal, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    with.journal = journal;
    with.access = access_to;
    if (tyto_publisher_create(&with, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    for (int i = 0; i < NUM_EACH; i++) {
        publish("hall", "cat", true, id);
        publish("door", "dog", true, door_event);
        publish("door", "cat", true, id);
    }
    publish("hall", "dog", false, hall_event);
    wait_until_sent(6 * NUM_EACH + 1);
    start_server(0);
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    static const char *const names[] = {"server.key",     "clients",     "journal",
                                        "journal-wal",    "journal-shm", "journal.lock",
                                        "journal.reserve"};
    char name[128];
    tyto_query_server_destroy(&server);
    tyto_publisher_destroy(&publisher);
    tyto_journal_close(&journal);
    tyto_access_destroy(&access_to);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

static enum tyto_err try_as(int user, struct tyto_query **ret_query, enum tyto_refusal *ret_refusal)
{
    const struct tyto_query_params params = {.endpoint = endpoint,
                                             .timeout_ms = WAIT_S * 1000,
                                             .server_key = server_keys.public_key,
                                             .secret_key = users[user].secret_key,
                                             .ret_refusal = ret_refusal};
    return tyto_query_create(&params, ret_query);
}

/* Who comes before the next heartbeat may be told of no query socket yet. */
static struct tyto_query *ask_as(int user)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_query *query = NULL;
    enum tyto_err err = TYTO_ERR_UNSUPPORTED;
    while (err == TYTO_ERR_UNSUPPORTED && tyto_clock_mono_ns() < until_ns)
        err = try_as(user, &query, NULL);
    assert_int_equal(err, TYTO_OK);
    return query;
}

struct taken {
    uint32_t num;
    bool saw_hall, saw_other_than_dog;
};

static bool take(void *user, const struct tyto_message *message)
{
    struct taken *taken = user;
    assert_int_equal(message->kind, TYTO_MESSAGE_EVENT);
    taken->num++;
    taken->saw_hall |= strcmp(message->u.event.camera, "hall") == 0;
    taken->saw_other_than_dog |= strcmp(message->u.event.class_name, "dog") != 0;
    return true;
}

static enum tyto_err replay(struct tyto_query *query, const char *prefix, struct taken *ret_taken)
{
    const struct tyto_query_range range = {
        .from_seq = 1, .prefixes = &prefix, .num_prefixes = prefix != NULL};
    uint64_t next_seq = 0, num_missing = 0;
    *ret_taken = (struct taken){.num = 0};
    const enum tyto_err err =
        tyto_query_replay(query, &range, take, ret_taken, &next_seq, &num_missing);
    if (!err) {
        assert_int_equal(next_seq, 6 * NUM_EACH + 2);
        assert_int_equal(num_missing, 0); /* what is withheld is there */
    }
    return err;
}

/* --- what is told ----------------------------------------------------------------------------- */

static void a_replay_holds_what_may_be_read_and_counts_the_rest(void **state)
{
    (void)state;
    static const struct {
        int user;
        const char *prefix;
        uint32_t num, num_withheld;
    } cases[] = {
        {VIEWER, NULL, 6 * NUM_EACH + 1, 0},
        {CHIEF, NULL, 6 * NUM_EACH + 1, 0},
        {DOOR, NULL, 4 * NUM_EACH, 2 * NUM_EACH + 1},
        {DOOR, "ev/door/", 4 * NUM_EACH, 0},
        {DOOR, "ev/", 4 * NUM_EACH, 2 * NUM_EACH + 1},
        {DOG, "ev/door/", 2 * NUM_EACH, 2 * NUM_EACH},
        {DOG, NULL, 2 * NUM_EACH, 4 * NUM_EACH + 1},
    };
    struct taken taken;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_query *query = ask_as(cases[i].user);
        assert_int_equal(replay(query, cases[i].prefix, &taken), TYTO_OK);
        assert_int_equal(taken.num, cases[i].num);
        assert_int_equal(tyto_query_num_withheld(query), cases[i].num_withheld);
        assert_true(cases[i].user == VIEWER || cases[i].user == CHIEF || !taken.saw_hall);
        assert_true(cases[i].user != DOG || !taken.saw_other_than_dog);
        tyto_query_destroy(&query);
    }
    struct tyto_query *door = ask_as(DOOR);
    assert_int_equal(replay(door, "ev/hall/", &taken), TYTO_ERR_CLOSED);
    assert_non_null(strstr(tyto_query_error_text(door), "may read none"));
    assert_int_equal(replay(door, "ev/no-such-camera/", &taken), TYTO_ERR_CLOSED);
    tyto_query_destroy(&door);
}

static void lists_single_events_and_snapshots_hold_what_may_be_read(void **state)
{
    (void)state;
    static const char *const hall = "hall";
    struct tyto_query_filter filter = {.num_cameras = 0};
    struct taken taken = {.num = 0};
    struct tyto_query *door = ask_as(DOOR), *viewer = ask_as(VIEWER);
    uint64_t seq = 0;
    assert_int_equal(tyto_query_list(door, &filter, NULL, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 2 * NUM_EACH);
    assert_false(taken.saw_hall);
    filter.cameras = &hall;
    filter.num_cameras = 1;
    assert_int_equal(tyto_query_list(door, &filter, NULL, take, &taken), TYTO_ERR_CLOSED);
    assert_int_equal(tyto_query_list(viewer, &filter, NULL, take, &taken), TYTO_OK);
    assert_true(taken.saw_hall);
    taken = (struct taken){.num = 0};
    assert_int_equal(tyto_query_get(door, door_event, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 2);
    assert_int_equal(tyto_query_get(door, hall_event, take, &taken), TYTO_ERR_NOT_FOUND);
    assert_int_equal(tyto_query_get(viewer, hall_event, take, &taken), TYTO_OK);
    taken = (struct taken){.num = 0};
    assert_int_equal(tyto_query_snapshot(door, take, &taken, &seq), TYTO_OK);
    assert_int_equal(taken.num, 0);
    assert_int_equal(seq, 6 * NUM_EACH + 1);
    assert_int_equal(tyto_query_snapshot(viewer, take, &taken, &seq), TYTO_OK);
    assert_true(taken.saw_hall);
    tyto_query_destroy(&door);
    tyto_query_destroy(&viewer);
}

/* --- who is let in ---------------------------------------------------------------------------- */

static void who_is_refused_is_told_why(void **state)
{
    (void)state;
    struct tyto_query *query = NULL;
    enum tyto_refusal refusal = TYTO_REFUSAL_NONE;
    struct tyto_hello hello;
    assert_int_equal(try_as(STRANGER, &query, &refusal), TYTO_ERR_CLOSED);
    assert_int_equal(refusal, TYTO_REFUSAL_UNKNOWN_KEY);
    struct tyto_query_params params = {
        .endpoint = endpoint, .timeout_ms = WAIT_S * 1000, .ret_refusal = &refusal};
    assert_int_equal(tyto_query_create(&params, &query), TYTO_ERR_CLOSED);
    assert_int_equal(refusal, TYTO_REFUSAL_WANTS_KEYS);
    params.server_key = users[STRANGER].public_key; /* not tytod's */
    params.secret_key = users[VIEWER].secret_key;
    assert_int_equal(tyto_query_create(&params, &query), TYTO_ERR_CLOSED);
    assert_int_equal(refusal, TYTO_REFUSAL_OTHER_KEY);
    params.secret_key = NULL;
    assert_int_equal(tyto_query_create(&params, &query), TYTO_ERR_INVALID);
    params.server_key = server_keys.public_key;
    params.secret_key = users[STRANGER].secret_key;
    params.query_endpoint = query_endpoint; /* the socket itself, without a word before */
    assert_int_equal(tyto_query_create(&params, &query), TYTO_OK);
    assert_int_equal(tyto_query_hello(query, &hello), TYTO_ERR_CLOSED);
    assert_string_equal(tyto_query_error_text(query), tyto_refusal_text(TYTO_REFUSAL_UNKNOWN_KEY));
    tyto_query_destroy(&query);
}

static void a_subscriber_is_told_why_and_let_in_when_it_may(void **state)
{
    (void)state;
    const struct tyto_client_params params = {.endpoint = endpoint,
                                              .server_key = server_keys.public_key,
                                              .secret_key = users[STRANGER].secret_key};
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_client *client = NULL;
    struct tyto_fault fault;
    static struct tyto_message message;
    assert_int_equal(tyto_client_create(&params, &client), TYTO_OK);
    while (tyto_client_next(client, 100, &message) != TYTO_OK)
        assert_true(tyto_clock_mono_ns() < until_ns);
    assert_int_equal(message.kind, TYTO_MESSAGE_REFUSED);
    assert_int_equal(message.refusal, TYTO_REFUSAL_UNKNOWN_KEY);
    write_clients(4, STRANGER); /* the viewer has his key now */
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
    while (tyto_client_next(client, 100, &message) != TYTO_OK)
        assert_true(tyto_clock_mono_ns() < until_ns);
    assert_int_equal(message.kind, TYTO_MESSAGE_CONNECTED);
    tyto_client_destroy(&client);
    write_clients(4, VIEWER);
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
}

/* He shook hands before, and asks for the first time afterwards. */
static void a_reload_ends_what_an_old_key_may_do(void **state)
{
    (void)state;
    struct tyto_query *spoken = ask_as(VIEWER), *silent = ask_as(VIEWER), *door = ask_as(DOOR);
    struct tyto_fault fault;
    struct tyto_hello hello;
    struct taken taken;
    assert_int_equal(replay(spoken, NULL, &taken), TYTO_OK);
    assert_int_equal(replay(door, NULL, &taken), TYTO_OK);
    write_clients(4, STRANGER); /* of the same name and rights, with another key */
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
    assert_int_equal(tyto_query_hello(spoken, &hello), TYTO_ERR_CLOSED);
    assert_int_equal(tyto_query_hello(silent, &hello), TYTO_ERR_CLOSED);
    assert_int_equal(replay(door, NULL, &taken), TYTO_OK);
    struct tyto_query *renewed = ask_as(STRANGER);
    assert_int_equal(replay(renewed, NULL, &taken), TYTO_OK);
    tyto_query_destroy(&renewed);
    tyto_query_destroy(&spoken);
    tyto_query_destroy(&silent);
    tyto_query_destroy(&door);
    write_clients(4, VIEWER);
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
}

/* More than there is room for, who never shake hands. */
static void who_says_nothing_makes_room(void **state)
{
    (void)state;
    enum { NUM = 2 * TYTO_QUERY_SERVER_MAX_PEERS };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fds[NUM];
    struct taken taken;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", query_endpoint + 6);
    for (int i = 0; i < NUM; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    /* Room is made by and by: whoever comes before that is sent away, and comes again. */
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_query *viewer = ask_as(VIEWER);
    while (replay(viewer, NULL, &taken) != TYTO_OK) {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(100000);
        tyto_query_destroy(&viewer);
        viewer = ask_as(VIEWER);
    }
    assert_int_equal(taken.num, 6 * NUM_EACH + 1);
    tyto_query_destroy(&viewer);
    for (int i = 0; i < NUM; i++)
        close(fds[i]);
}

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
    const enum stranger kind = idx % NUM_STRANGERS;
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
        cmocka_unit_test(a_replay_holds_what_may_be_read_and_counts_the_rest),
        cmocka_unit_test(lists_single_events_and_snapshots_hold_what_may_be_read),
        cmocka_unit_test(who_is_refused_is_told_why),
        cmocka_unit_test(a_subscriber_is_told_why_and_let_in_when_it_may),
        cmocka_unit_test(a_reload_ends_what_an_old_key_may_do),
        cmocka_unit_test(who_says_nothing_makes_room),
        cmocka_unit_test(a_key_has_its_share_over_all_its_connections),
        cmocka_unit_test(a_key_s_requests_are_counted_over_all_its_connections),
        cmocka_unit_test(a_key_s_bytes_are_counted_over_all_its_connections),
        cmocka_unit_test(strangers_are_not_let_in_and_disturb_nobody),
    };
    if (argc > 1)
        num_strangers = (uint32_t)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
