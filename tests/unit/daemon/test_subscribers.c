/* SPDX-License-Identifier: MIT */
/* Peers that ask too much of the publisher: the others notice nothing, and it costs no more than
 * their share. They speak ZMTP by hand, for libzmq's subscriber is too well-behaved. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/local_socket.h"
#include "client/tyto.h"
#include "daemon/publish/event_socket.h"
#include "daemon/publish/publisher.h"

enum { MIB = 1 << 20, HEARTBEAT_MS = 100 };

static char endpoint[108];

/* Another one each time: a test that fails leaves its own behind. */
static void name_endpoint(void)
{
    static int num_made;
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-peers-%ld-%d.sock", (long)getpid(),
             num_made++);
}

static struct tyto_publisher *start_publisher(uint32_t max_connections)
{
    name_endpoint();
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = HEARTBEAT_MS,
                                                 .max_connections = max_connections,
                                                 .version = "test"};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return publisher;
}

static struct tyto_publisher_counts counts_of(struct tyto_publisher *publisher)
{
    struct tyto_publisher_counts counts;
    tyto_publisher_get_counts(publisher, &counts);
    return counts;
}

static void wait_for_subscriptions(struct tyto_publisher *publisher, uint32_t num)
{
    for (int i = 0; i < 1000 && counts_of(publisher).num_subscriptions != num; i++)
        usleep(10000);
    assert_int_equal(counts_of(publisher).num_subscriptions, num);
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "", *end;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    (void)strtoull(line, &end, 10);
    return (size_t)strtoull(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- a peer by hand --------------------------------------------------------------------------- */

static bool send_all(int fd, const uint8_t *bytes, size_t num_bytes)
{
    for (size_t at = 0; at < num_bytes;) {
        const ssize_t sent = send(fd, bytes + at, num_bytes - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static int dial(void)
{
    static const uint8_t ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    const struct timeval timeout = {.tv_sec = 10};
    struct tyto_fault fault;
    uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    int fd = -1;
    if (tyto_local_connect(endpoint + 6, 5 * TYTO_NS_PER_S, &fd, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (!send_all(fd, greeting, sizeof(greeting)) ||
        recv(fd, greeting, sizeof(greeting), MSG_WAITALL) != (ssize_t)sizeof(greeting) ||
        !send_all(fd, ready, sizeof(ready) - 1)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* verb: 1 to subscribe, 0 to unsubscribe. */
static bool say(int fd, uint8_t verb, const char *topic, size_t num_bytes)
{
    uint8_t frame[70000] = {0, (uint8_t)(num_bytes + 1)};
    size_t at = 2;
    if (num_bytes + 1 > 255) {
        frame[0] = 2; /* a long frame: 8 bytes of length */
        for (int i = 0; i < 8; i++)
            frame[1 + i] = (uint8_t)((num_bytes + 1) >> (56 - 8 * i));
        at = 9;
    }
    frame[at] = verb;
    memcpy(frame + at + 1, topic, num_bytes);
    return send_all(fd, frame, at + 1 + num_bytes);
}

/* Until the other end has closed; false after 10 s. */
static bool is_cut_off(int fd)
{
    uint8_t bytes[4096];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    return got == 0 || errno == ECONNRESET;
}

/* --- somebody who behaves ------------------------------------------------------------------- */

static struct tyto_client *start_client(bool debug)
{
    const struct tyto_client_params params = {.endpoint = endpoint, .debug = debug};
    struct tyto_client *client = NULL;
    assert_int_equal(tyto_client_create(&params, &client), TYTO_OK);
    return client;
}

static void publish(struct tyto_publisher *publisher)
{
    struct tyto_event event = {.camera = "cam1",
                               .class_name = "dog",
                               .phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV};
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
}

/* num events go out, and all of them arrive; no heartbeat is late. */
static void all_is_well(struct tyto_publisher *publisher, struct tyto_client *client, uint32_t num)
{
    struct tyto_message message;
    for (uint32_t i = 0; i < num; i++) {
        publish(publisher);
        do {
            assert_int_equal(tyto_client_next(client, 5000, &message), TYTO_OK);
            assert_int_not_equal(message.kind, TYTO_MESSAGE_LOST);
            assert_int_not_equal(message.kind, TYTO_MESSAGE_RESTARTED);
        } while (message.kind != TYTO_MESSAGE_EVENT);
    }
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void who_subscribes_without_end_is_cut_off_and_nobody_else_notices(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *client = start_client(false);
    wait_for_subscriptions(publisher, 5);
    const size_t before = resident_bytes();
    char topic[60000];
    memset(topic, 'x', sizeof(topic));
    for (int round = 0; round < 4; round++) {
        const int fd = dial();
        const size_t num_bytes = (const size_t[]){60000, 20, 100, 5}[round];
        bool is_up = true;
        for (uint32_t i = 0; i < 100000 && is_up; i++) {
            snprintf(topic, sizeof(topic), "%08u", i);
            topic[8] = 'x';
            /* The last one takes back what it has said, as often. */
            is_up = say(fd, round < 3 || i % 2 == 0, round < 3 ? topic : "again", num_bytes);
            if (i % 5000 == 0)
                all_is_well(publisher, client, 1);
        }
        assert_true(is_cut_off(fd));
        close(fd);
        all_is_well(publisher, client, 10);
    }
    wait_for_subscriptions(publisher, 5);
    assert_true(counts_of(publisher).num_cut_off >= 3); /* libzmq itself refuses the long ones */
#ifndef __SANITIZE_ADDRESS__
    const size_t after = resident_bytes();
    print_message("resident: %.1f MiB more\n", ((double)after - (double)before) / MIB);
    assert_true(after < before + 20 * MIB);
#else
    (void)before;
#endif
    struct tyto_client_counts counts;
    tyto_client_get_counts(client, &counts);
    assert_int_equal(counts.num_lost, 0);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    tyto_client_destroy(&client);
    assert_true(tyto_publisher_destroy(&publisher));
    assert_true(tyto_clock_mono_ns() - begin_ns < 10 * TYTO_NS_PER_S);
}

static void it_ends_in_time_while_a_flood_goes_on(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    enum { NUM_FLOODS = 8 };
    int fds[NUM_FLOODS];
    for (int i = 0; i < NUM_FLOODS; i++) {
        fds[i] = dial();
        for (uint32_t k = 0; k < 2000; k++)
            (void)say(fds[i], k % 2 == 0, "again", 5);
    }
    const uint64_t begin_ns = tyto_clock_mono_ns();
    assert_true(tyto_publisher_destroy(&publisher));
    assert_true(tyto_clock_mono_ns() - begin_ns < 10 * TYTO_NS_PER_S);
    for (int i = 0; i < NUM_FLOODS; i++)
        close(fds[i]);
}

static void only_what_was_added_is_counted_down(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *curious = start_client(true);
    char topic[165] = "dbg/";
    wait_for_subscriptions(publisher, 6);
    for (int round = 0; round < 3; round++) {
        const int fd = dial();
        memset(topic + 4, 'x', sizeof(topic) - 4);
        assert_true(say(fd, 0, "dbg/", 4)); /* what it never had */
        assert_true(say(fd, 0, "ev/", 3));
        assert_true(say(fd, 1, "dbg/a/", 6)); /* twice the same, and gone without a word */
        assert_true(say(fd, 1, "dbg/a/", 6));
        wait_for_subscriptions(publisher, 7);
        if (round == 1)
            (void)say(fd, 1, topic, sizeof(topic)); /* refused: too long */
        if (round == 2)
            assert_true(say(fd, 0, "dbg/a/", 6));
        close(fd);
        wait_for_subscriptions(publisher, 6);
        assert_true(tyto_publisher_wants_debug(publisher));
    }
    all_is_well(publisher, curious, 3);
    tyto_client_destroy(&curious);
    wait_for_subscriptions(publisher, 0);
    assert_false(tyto_publisher_wants_debug(publisher));
    assert_true(tyto_publisher_destroy(&publisher));
}

static void one_connection_too_many_is_turned_away_and_a_place_that_is_free_is_given(void **state)
{
    (void)state;
    enum { MAX = 8 };
    struct tyto_publisher *publisher = start_publisher(MAX);
    struct tyto_client *client = start_client(false);
    wait_for_subscriptions(publisher, 5);
    int fds[MAX];
    for (int i = 0; i + 1 < MAX; i++) {
        fds[i] = dial();
        assert_true(say(fds[i], 1, "hb/", 3));
        wait_for_subscriptions(publisher, 6 + (uint32_t)i);
    }
    assert_int_equal(counts_of(publisher).num_connections, MAX);
    for (int i = 0; i < 50; i++) {
        const int fd = dial();
        if (fd < 0)
            continue; /* turned away before it could say a word */
        assert_true(is_cut_off(fd));
        close(fd);
    }
    assert_int_equal(counts_of(publisher).num_subscriptions, 5 + MAX - 1);
    all_is_well(publisher, client, 10);
    close(fds[0]);
    wait_for_subscriptions(publisher, 5 + MAX - 2);
    for (int i = 0; i < 100 && counts_of(publisher).num_connections == MAX; i++)
        usleep(10000);
    fds[0] = dial();
    assert_true(fds[0] >= 0 && say(fds[0], 1, "hb/", 3));
    wait_for_subscriptions(publisher, 5 + MAX - 1);
    for (int i = 0; i + 1 < MAX; i++)
        close(fds[i]);
    tyto_client_destroy(&client);
    assert_true(tyto_publisher_destroy(&publisher));
}

/* Each stays within its share, together they do not: the largest goes, the small one stays. */
static void many_that_fill_the_room_together_are_cut_off_one_by_one(void **state)
{
    (void)state;
    enum { NUM = 8, EACH = 1000, TOPIC_BYTES = 150 };
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *client = start_client(false);
    int fds[NUM];
    char topic[TOPIC_BYTES];
    wait_for_subscriptions(publisher, 5);
    memset(topic, 'x', sizeof(topic));
    for (int i = 0; i < NUM; i++) {
        fds[i] = dial();
        bool is_up = true;
        for (int k = 0; k < EACH && is_up; k++) {
            snprintf(topic, sizeof(topic), "%02d-%04d", i, k);
            topic[7] = 'x';
            is_up = say(fds[i], 1, topic, sizeof(topic));
        }
    }
    for (int i = 0; i < 500 && counts_of(publisher).num_cut_off == 0; i++)
        usleep(10000);
    assert_true(counts_of(publisher).num_cut_off > 0);
    all_is_well(publisher, client, 50);
    for (int i = 0; i < NUM; i++)
        close(fds[i]);
    wait_for_subscriptions(publisher, 5);
    tyto_client_destroy(&client);
    assert_true(tyto_publisher_destroy(&publisher));
}

/* What is left when cutting off does not help: libzmq's whole store goes with its socket. */
static void a_socket_made_anew_drops_everybody_and_serves_those_who_come_again(void **state)
{
    (void)state;
    struct tyto_event_socket socket = {.num_endpoints = 0};
    struct tyto_fault fault;
    name_endpoint();
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints, .num_endpoints = 1};
    assert_int_equal(tyto_event_socket_open(&socket, &params, &fault), TYTO_OK);
    assert_int_equal(tyto_event_socket_start(&socket), TYTO_OK);
    for (int i = 0; i < 20; i++) {
        const int fd = dial();
        assert_true(fd >= 0 && say(fd, 1, "hb/", 3));
        assert_int_equal(tyto_event_socket_remake(&socket), TYTO_OK);
        assert_int_equal(tyto_event_socket_start(&socket), TYTO_OK);
        assert_true(is_cut_off(fd));
        close(fd);
    }
    tyto_event_socket_close(&socket);
    assert_int_not_equal(access(endpoint + 6, F_OK), 0);
}

/* libzmq stops reading from a peer whose messages are not taken; then the peer closes. */
static void a_peer_that_goes_while_nobody_reads_from_it_ends_nothing(void **state)
{
    (void)state;
    struct tyto_event_socket socket = {.num_endpoints = 0};
    struct tyto_fault fault;
    name_endpoint();
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints, .num_endpoints = 1};
    assert_int_equal(tyto_event_socket_open(&socket, &params, &fault), TYTO_OK);
    assert_int_equal(tyto_event_socket_start(&socket), TYTO_OK);
    for (int i = 0; i < 4; i++) {
        const int fd = dial();
        for (int k = 0; k < 100; k++)
            (void)say(fd, 1, "ev/", 3);
        usleep(100000);
        close(fd);
    }
    usleep(2500000); /* time for any timer of libzmq's to meet them */
    tyto_event_socket_close(&socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_subscribes_without_end_is_cut_off_and_nobody_else_notices),
        cmocka_unit_test(it_ends_in_time_while_a_flood_goes_on),
        cmocka_unit_test(only_what_was_added_is_counted_down),
        cmocka_unit_test(one_connection_too_many_is_turned_away_and_a_place_that_is_free_is_given),
        cmocka_unit_test(many_that_fill_the_room_together_are_cut_off_one_by_one),
        cmocka_unit_test(a_peer_that_goes_while_nobody_reads_from_it_ends_nothing),
        cmocka_unit_test(a_socket_made_anew_drops_everybody_and_serves_those_who_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
