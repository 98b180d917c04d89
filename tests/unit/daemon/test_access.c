/* SPDX-License-Identifier: MIT */
/* Keys: who is let in, what he may read, and what a reload changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/tyto.h"
#include "daemon/access/access.h"
#include "daemon/publish/publisher.h"
#include "files/key_file.h"

enum { NUM_USERS = 3, WAIT_S = 60, HEARTBEAT_MS = 100, NUM_STRANGERS = 200 };

/* viewer, door, admin: as the file of clients has them */
static struct {
    char public_key[TYTO_CLIENT_KEY_BYTES], secret_key[TYTO_CLIENT_KEY_BYTES];
} users[NUM_USERS], server, stranger;
static char folder[64], key_path[96], clients_path[96], endpoint[108];
static struct tyto_access *access_to;
static struct tyto_publisher *publisher;

static void write_clients(const char *text)
{
    FILE *file = fopen(clients_path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_users(uint32_t num)
{
    static const char *const rights[NUM_USERS][3] = {
        {"viewer", "viewer", ""}, {"door", "viewer", "ev/door/ st/door/"}, {"chief", "admin", ""}};
    char text[1024] = "# a comment\n\n";
    for (uint32_t i = 0; i < num; i++) {
        const size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "%s %s %s %s\n", rights[i][0], rights[i][1],
                 users[i].public_key, rights[i][2]);
    }
    write_clients(text);
}

static int make_world(void **state)
{
    (void)state;
    struct tyto_fault fault = {.text = ""};
    snprintf(folder, sizeof(folder), "/tmp/tyto-access-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(key_path, sizeof(key_path), "%s/server.key", folder);
    snprintf(clients_path, sizeof(clients_path), "%s/clients", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events.sock", folder);
    for (int i = 0; i < NUM_USERS; i++) {
        if (tyto_client_make_keys(users[i].public_key, users[i].secret_key) != TYTO_OK)
            return 1;
    }
    return tyto_client_make_keys(server.public_key, server.secret_key) != TYTO_OK ||
           tyto_client_make_keys(stranger.public_key, stranger.secret_key) != TYTO_OK ||
           tyto_key_file_write(key_path, true, server.secret_key, &fault) != TYTO_OK;
}

static int remove_world(void **state)
{
    (void)state;
    (void)unlink(key_path);
    (void)unlink(clients_path);
    (void)rmdir(folder);
    return 0;
}

static const struct tyto_log test_log = {.sink = tyto_log_stderr, .max_level = TYTO_LOG_INFO};

static int start(void **state)
{
    (void)state;
    const char *endpoints[] = {endpoint};
    struct tyto_fault fault = {.text = ""};
    write_users(NUM_USERS);
    if (tyto_access_create(key_path, clients_path, &test_log, &access_to, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = HEARTBEAT_MS,
                                                 .access = access_to,
                                                 .max_users = 4,
                                                 .log = &test_log,
                                                 .version = "test"};
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    tyto_publisher_destroy(&publisher);
    tyto_access_destroy(&access_to);
    return 0;
}

static struct tyto_client *connect_as(const char *secret_key, const char *camera, bool debug)
{
    const struct tyto_client_params params = {.endpoint = endpoint,
                                              .cameras = &camera,
                                              .num_cameras = camera ? 1 : 0,
                                              .debug = debug,
                                              .server_key = secret_key ? server.public_key : NULL,
                                              .secret_key = secret_key};
    struct tyto_client *client = NULL;
    assert_int_equal(tyto_client_create(&params, &client), TYTO_OK);
    return client;
}

static void tell(const char *camera)
{
    struct tyto_camera_state state = {.status = TYTO_CAMERA_STATUS_LIVE};
    snprintf(state.camera, sizeof(state.camera), "%s", camera);
    assert_int_equal(tyto_publisher_camera_state(publisher, &state), TYTO_OK);
}

/* Until a message of that kind comes. */
static void wait_for(struct tyto_client *client, enum tyto_message_kind kind)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    static struct tyto_message message;
    do {
        if (tyto_clock_mono_ns() > until_ns)
            fail_msg("message %d did not come", kind);
    } while (tyto_client_next(client, 100, &message) != TYTO_OK || message.kind != kind);
}

/* That, and nothing else for a second. */
static void hears_only(struct tyto_client *client, enum tyto_refusal refusal)
{
    static struct tyto_message message;
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    while (tyto_client_next(client, 100, &message) != TYTO_OK)
        assert_true(tyto_clock_mono_ns() < until_ns);
    assert_int_equal(message.kind, TYTO_MESSAGE_REFUSED);
    assert_int_equal(message.refusal, refusal);
    assert_int_not_equal(tyto_client_next(client, 1000, &message), TYTO_OK);
}

/* --- who is let in ---------------------------------------------------------------------------- */

static void who_has_a_key_is_served_and_nobody_else(void **state)
{
    (void)state;
    struct tyto_client *viewer = connect_as(users[0].secret_key, NULL, false);
    struct tyto_client *other = connect_as(stranger.secret_key, NULL, false);
    struct tyto_client *keyless = connect_as(NULL, NULL, false);
    wait_for(viewer, TYTO_MESSAGE_CONNECTED);
    tell("door");
    wait_for(viewer, TYTO_MESSAGE_CAMERA_STATE);
    hears_only(other, TYTO_REFUSAL_UNKNOWN_KEY);
    hears_only(keyless, TYTO_REFUSAL_WANTS_KEYS);
    assert_true(tyto_access_num_refused(access_to) > 0);
    tyto_client_destroy(&viewer);
    tyto_client_destroy(&other);
    tyto_client_destroy(&keyless);
}

static void a_key_that_is_none_is_refused_by_the_client(void **state)
{
    (void)state;
    struct tyto_client *client = NULL;
    struct tyto_client_params params = {.endpoint = endpoint, .server_key = server.public_key};
    assert_int_equal(tyto_client_create(&params, &client), TYTO_ERR_INVALID);
    params.secret_key = "too short";
    assert_int_equal(tyto_client_create(&params, &client), TYTO_ERR_INVALID);
    assert_null(client);
}

/* A handshake each, as fast as they come. */
static void many_strangers_do_no_harm(void **state)
{
    (void)state;
    struct tyto_client *viewer = connect_as(users[0].secret_key, NULL, false);
    wait_for(viewer, TYTO_MESSAGE_CONNECTED);
    void *context = zmq_ctx_new();
    const int no_wait = 0;
    const uint64_t before = tyto_access_num_refused(access_to);
    for (uint32_t i = 0; i < NUM_STRANGERS; i++) {
        const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
        const uint64_t num = tyto_access_num_refused(access_to);
        void *sub = zmq_socket(context, ZMQ_SUB);
        assert_int_equal(zmq_setsockopt(sub, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
        assert_int_equal(zmq_setsockopt(sub, ZMQ_CURVE_SERVERKEY, server.public_key, 41), 0);
        assert_int_equal(zmq_setsockopt(sub, ZMQ_CURVE_PUBLICKEY, stranger.public_key, 41), 0);
        assert_int_equal(zmq_setsockopt(sub, ZMQ_CURVE_SECRETKEY, stranger.secret_key, 41), 0);
        assert_int_equal(zmq_connect(sub, endpoint), 0);
        while (tyto_access_num_refused(access_to) == num) {
            assert_true(tyto_clock_mono_ns() < until_ns);
            usleep(200);
        }
        zmq_close(sub);
    }
    assert_true(tyto_access_num_refused(access_to) >= before + NUM_STRANGERS);
    tell("door");
    wait_for(viewer, TYTO_MESSAGE_CAMERA_STATE);
    tyto_client_destroy(&viewer);
    zmq_ctx_term(context);
}

static void there_are_no_more_users_than_allowed(void **state)
{
    (void)state;
    struct tyto_client *clients[5];
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 4; i++) {
        clients[i] = connect_as(users[0].secret_key, NULL, false);
        wait_for(clients[i], TYTO_MESSAGE_CONNECTED);
    }
    clients[4] = connect_as(users[2].secret_key, NULL, false);
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    do { /* he is welcomed, but cut off when he subscribes */
        tyto_publisher_get_counts(publisher, &counts);
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(1000);
    } while (counts.num_cut_off == 0);
    tyto_client_destroy(&clients[0]);
    tell("door");
    wait_for(clients[4], TYTO_MESSAGE_CAMERA_STATE);
    for (int i = 1; i < 5; i++)
        tyto_client_destroy(&clients[i]);
}

/* --- what is read ----------------------------------------------------------------------------- */

static void what_is_beyond_his_prefixes_nobody_gets(void **state)
{
    (void)state;
    struct tyto_client *door = connect_as(users[1].secret_key, "door", false);
    struct tyto_client *hall = connect_as(users[1].secret_key, "hall", false);
    struct tyto_client *all = connect_as(users[1].secret_key, NULL, false);
    static struct tyto_message message;
    wait_for(door, TYTO_MESSAGE_CONNECTED); /* that he may always hear */
    wait_for(hall, TYTO_MESSAGE_CONNECTED);
    wait_for(all, TYTO_MESSAGE_CONNECTED);
    for (int i = 0; i < 3; i++) {
        tell("hall");
        tell("door");
    }
    wait_for(door, TYTO_MESSAGE_CAMERA_STATE);
    const uint64_t until_ns = tyto_clock_mono_ns() + TYTO_NS_PER_S;
    while (tyto_clock_mono_ns() < until_ns) {
        if (tyto_client_next(hall, 50, &message) == TYTO_OK)
            assert_int_not_equal(message.kind, TYTO_MESSAGE_CAMERA_STATE);
        if (tyto_client_next(all, 50, &message) == TYTO_OK)
            assert_int_not_equal(message.kind, TYTO_MESSAGE_CAMERA_STATE);
    }
    tyto_client_destroy(&door);
    tyto_client_destroy(&hall);
    tyto_client_destroy(&all);
}

static void rights_are_what_the_file_says(void **state)
{
    (void)state;
    static const struct {
        const char *user, *topic;
        bool may;
    } cases[] = {
        {"viewer#1", "ev/", true},
        {"viewer#1", "ev/door/dog/", true},
        {"viewer#1", "dbg/door/", false},
        {"viewer#1", "", false},
        {"viewer#1", "e", false},
        {"door#2", "ev/door/", true},
        {"door#2", "ev/door/dog/", true},
        {"door#2", "ev/doors/", false},
        {"door#2", "ev/", false},
        {"door#2", "hb/", true},
        {"door#2", "hello/", true},
        {"chief#3", "dbg/hall/", true},
        {"chief#3", "", true},
        {"nobody#1", "hb/", false},
        {"viewer", "hb/", false},
        {"viewer#2", "hb/", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (tyto_access_may_read(access_to, cases[i].user, cases[i].topic,
                                 strlen(cases[i].topic)) != cases[i].may)
            fail_msg("%s and '%s'", cases[i].user, cases[i].topic);
    }
    assert_false(tyto_access_may_read(access_to, NULL, "hb/", 3));
    assert_true(tyto_access_is_admin(access_to, "chief#3"));
    assert_false(tyto_access_is_admin(access_to, "viewer#1"));
}

static void a_reload_takes_the_key_of_who_is_gone(void **state)
{
    (void)state;
    struct tyto_fault fault = {.text = ""};
    struct tyto_client *viewer = connect_as(users[0].secret_key, NULL, false);
    struct tyto_client *chief = connect_as(users[2].secret_key, NULL, true);
    wait_for(viewer, TYTO_MESSAGE_CONNECTED);
    wait_for(chief, TYTO_MESSAGE_CONNECTED);
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
    assert_int_equal(tyto_access_generation(access_to), 0); /* nothing has changed */
    write_clients("viewer viewer\n");
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_ERR_FORMAT);
    assert_true(tyto_access_is_admin(access_to, "chief#3"));
    write_users(2);
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
    wait_for(chief, TYTO_MESSAGE_SILENT);
    tell("door");
    wait_for(viewer, TYTO_MESSAGE_CAMERA_STATE);
    write_users(3);
    assert_int_equal(tyto_access_reload(access_to, &fault), TYTO_OK);
    wait_for(chief, TYTO_MESSAGE_ALIVE);
    tyto_client_destroy(&viewer);
    tyto_client_destroy(&chief);
}

/* --- files, and the check at the start -------------------------------------------------------- */

static void a_socket_that_lets_strangers_in_is_found(void **state)
{
    (void)state;
    struct tyto_fault fault = {.text = ""};
    struct tyto_access *other = NULL;
    char place[sizeof(endpoint) + 8];
    const int yes = 1, no_wait = 0;
    write_users(NUM_USERS);
    assert_int_equal(tyto_access_create(key_path, clients_path, NULL, &other, &fault), TYTO_OK);
    void *context = zmq_ctx_new();
    void *open_socket = zmq_socket(context, ZMQ_XPUB); /* encrypted, and nobody looks at the keys */
    snprintf(place, sizeof(place), "%s-open", endpoint);
    assert_int_equal(zmq_setsockopt(open_socket, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
    assert_int_equal(zmq_setsockopt(open_socket, ZMQ_CURVE_SERVER, &yes, sizeof(yes)), 0);
    assert_int_equal(zmq_setsockopt(open_socket, ZMQ_CURVE_SECRETKEY, server.secret_key, 41), 0);
    assert_int_equal(zmq_bind(open_socket, place), 0);
    assert_int_equal(tyto_access_check_closed(other, context, ZMQ_SUB, place, &fault),
                     TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "lets in a key that nobody knows"));
    zmq_close(open_socket);
    zmq_ctx_term(context);
    tyto_access_destroy(&other);
}

static void files_that_are_wrong_are_refused_with_their_line(void **state)
{
    (void)state;
    struct tyto_fault fault = {.text = ""};
    struct tyto_access *other = NULL;
    char text[512];
    static const struct {
        const char *text; /* K is a key */
        uint32_t line;
        const char *said;
    } cases[] = {
        {"a viewer K\nb viewer\n", 2, "lacks a public key"},
        {"a owner K\n", 1, "lacks a role"},
        {"A viewer K\n", 1, "a client's name"},
        {"a viewer K\n\na viewer x\n", 3, "a client above"},
        {"a viewer K\nb admin K\n", 2, "the key of a client above"},
        {"a viewer K video/\n", 1, "no topic begins with"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t at = 0;
        for (const char *c = cases[i].text; *c && at + TYTO_KEY_CHARS + 1 < sizeof(text); c++) {
            if (*c == 'K')
                memcpy(text + at, users[0].public_key, TYTO_KEY_CHARS);
            else
                text[at] = *c;
            at += *c == 'K' ? TYTO_KEY_CHARS : 1;
        }
        text[at] = '\0';
        write_clients(text);
        assert_int_equal(tyto_access_create(key_path, clients_path, NULL, &other, &fault),
                         TYTO_ERR_FORMAT);
        if (fault.line != cases[i].line || !strstr(fault.text, cases[i].said))
            fail_msg("%s: line %u, %s", text, fault.line, fault.text);
    }
    write_users(NUM_USERS);
    assert_int_equal(chmod(key_path, 0640), 0);
    assert_int_equal(tyto_access_create(key_path, clients_path, NULL, &other, &fault),
                     TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "chmod 600"));
    assert_int_equal(chmod(key_path, 0600), 0);
    assert_int_equal(tyto_key_file_write(key_path, true, server.secret_key, &fault),
                     TYTO_ERR_EXISTS);
    assert_int_equal(tyto_access_create(clients_path, clients_path, NULL, &other, &fault),
                     TYTO_ERR_INVALID);
    assert_int_equal(tyto_access_create("/absent", clients_path, NULL, &other, &fault),
                     TYTO_ERR_NOT_FOUND);
    assert_null(other);
}

int main(void)
{
#define WITH_PUBLISHER(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_PUBLISHER(who_has_a_key_is_served_and_nobody_else),
        WITH_PUBLISHER(a_key_that_is_none_is_refused_by_the_client),
        WITH_PUBLISHER(many_strangers_do_no_harm),
        WITH_PUBLISHER(there_are_no_more_users_than_allowed),
        WITH_PUBLISHER(what_is_beyond_his_prefixes_nobody_gets),
        WITH_PUBLISHER(rights_are_what_the_file_says),
        WITH_PUBLISHER(a_reload_takes_the_key_of_who_is_gone),
        cmocka_unit_test(a_socket_that_lets_strangers_in_is_found),
        cmocka_unit_test(files_that_are_wrong_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
