/* SPDX-License-Identifier: MIT */
/* The query socket with keys: who may ask, what he is told of, and what a reload ends. */
#include "tests/unit/query/keys_world.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_holds_what_may_be_read_and_counts_the_rest),
        cmocka_unit_test(lists_single_events_and_snapshots_hold_what_may_be_read),
        cmocka_unit_test(who_is_refused_is_told_why),
        cmocka_unit_test(a_subscriber_is_told_why_and_let_in_when_it_may),
        cmocka_unit_test(a_reload_ends_what_an_old_key_may_do),
        cmocka_unit_test(who_says_nothing_makes_room),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
