/* SPDX-License-Identifier: MIT */
/* daemon/publisher and client/ over real ZeroMQ sockets: order, numbers, gaps,
 * heartbeats, and a subscriber that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "base/clock.h"
#include "client/gaps.h"
#include "client/tyto.h"
#include "daemon/publish/counters.h"
#include "daemon/publish/publisher.h"

static char endpoint[108];

static void fill_event(struct tyto_event *event, const char *camera, const char *class_name)
{
    memset(event, 0, sizeof(*event));
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event->id), TYTO_OK);
    snprintf(event->camera, sizeof(event->camera), "%s", camera);
    snprintf(event->class_name, sizeof(event->class_name), "%s", class_name);
    event->phase = TYTO_EVENT_PHASE_NEW;
    event->reason = TYTO_EVENT_REASON_ONSET;
    event->modality = TYTO_MODALITY_AV;
}

static struct tyto_publisher *start_publisher(uint32_t send_hwm)
{
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-test-%ld.sock", (long)getpid());
    const char *endpoints[] = {endpoint};
    struct tyto_publisher_params params;
    memset(&params, 0, sizeof(params));
    params.endpoints = endpoints;
    params.num_endpoints = 1;
    params.heartbeat_ms = 100;
    params.send_hwm = send_hwm;
    params.version = "test";
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    const enum tyto_err err = tyto_publisher_create(&params, &publisher, &fault);
    if (err)
        print_error("%s\n", fault.text);
    assert_int_equal(err, TYTO_OK);
    return publisher;
}

static struct tyto_client *start_client(const char *camera, const char *class_name)
{
    struct tyto_client_params params;
    memset(&params, 0, sizeof(params));
    params.endpoint = endpoint;
    params.cameras = &camera;
    params.num_cameras = camera != NULL;
    params.classes = &class_name;
    params.num_classes = class_name != NULL;
    struct tyto_client *client = NULL;
    assert_int_equal(tyto_client_create(&params, &client), TYTO_OK);
    return client;
}

/* The next message that is of this kind; fails the test when it does not come. */
static struct tyto_message expect(struct tyto_client *client, enum tyto_message_kind kind)
{
    struct tyto_message message;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tyto_client_next(client, 5000, &message), TYTO_OK);
        if (message.kind == kind)
            return message;
    }
    fail_msg("no message of kind %d", (int)kind);
    return message;
}

static void wait_for_subscriptions(struct tyto_publisher *publisher, uint32_t num)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 500; i++) {
        tyto_publisher_get_counts(publisher, &counts);
        if (counts.num_subscriptions >= num)
            return;
        usleep(10000);
    }
    fail_msg("only %u subscriptions", counts.num_subscriptions);
}

static void publish(struct tyto_publisher *publisher, const char *camera, const char *class_name)
{
    struct tyto_event event;
    fill_event(&event, camera, class_name);
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
}

static void a_subscriber_is_welcomed_and_gets_every_event_in_order(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *client = start_client(NULL, NULL);
    const struct tyto_message connected = expect(client, TYTO_MESSAGE_CONNECTED);
    assert_true(connected.has_hello);
    assert_int_equal(connected.u.hello.schema_major, TYTO_SCHEMA_MAJOR);
    assert_string_equal(connected.u.hello.version, "test");
    wait_for_subscriptions(publisher, 5);
    for (uint64_t i = 1; i <= 500; i++) {
        publish(publisher, i % 2 ? "cam1" : "cam2", i % 4 < 2 ? "dog" : "cat");
        const struct tyto_message message = expect(client, TYTO_MESSAGE_EVENT);
        assert_int_equal(message.seq, i);
        assert_int_equal(message.cam_seq, (i + 1) / 2);
    }
    struct tyto_camera_state camera = {.camera = "cam1", .status = TYTO_CAMERA_STATUS_LIVE};
    assert_int_equal(tyto_publisher_camera_state(publisher, &camera), TYTO_OK);
    const struct tyto_message message = expect(client, TYTO_MESSAGE_CAMERA_STATE);
    assert_int_equal(message.seq, 501);
    assert_int_equal(message.cam_seq, 251);
    struct tyto_client_counts counts;
    tyto_client_get_counts(client, &counts);
    assert_int_equal(counts.num_lost, 0);
    assert_int_equal(counts.num_received, 501);
    tyto_client_destroy(&client);
    tyto_publisher_destroy(&publisher);
    struct stat info;
    assert_int_not_equal(stat(endpoint + 6, &info), 0); /* the socket file is gone */
}

static void a_filter_on_a_camera_or_class_sees_no_gaps(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *by_camera = start_client("cam1", NULL);
    struct tyto_client *by_both = start_client("cam1", "dog");
    struct tyto_client *by_class = start_client(NULL, "dog");
    wait_for_subscriptions(publisher, 5 + 5 + 5);
    for (int i = 0; i < 100; i++) {
        publish(publisher, "cam10", "dog");
        publish(publisher, "cam1", "cat");
        publish(publisher, "cam1", "dog");
    }
    for (uint64_t i = 1; i <= 200; i++)
        assert_int_equal(expect(by_camera, TYTO_MESSAGE_EVENT).cam_seq, i);
    for (uint64_t i = 1; i <= 100; i++) {
        const struct tyto_message message = expect(by_both, TYTO_MESSAGE_EVENT);
        assert_int_equal(message.class_seq, i);
        assert_string_equal(message.u.event.camera, "cam1");
    }
    for (int i = 0; i < 200; i++)
        assert_string_equal(expect(by_class, TYTO_MESSAGE_EVENT).u.event.class_name, "dog");
    struct tyto_client_counts counts;
    tyto_client_get_counts(by_camera, &counts);
    assert_int_equal(counts.num_lost, 0);
    tyto_client_get_counts(by_both, &counts);
    assert_int_equal(counts.num_lost, 0);
    tyto_client_get_counts(by_class, &counts);
    assert_int_equal(counts.num_lost, 0);
    assert_int_equal(counts.num_filtered, 100);
    tyto_client_destroy(&by_camera);
    tyto_client_destroy(&by_both);
    tyto_client_destroy(&by_class);
    tyto_publisher_destroy(&publisher);
}

static void a_subscriber_that_stands_still_holds_up_nobody_and_learns_its_loss(void **state)
{
    (void)state;
    enum { NUM_EVENTS = 60000 };
    struct tyto_publisher *publisher = start_publisher(1000);
    struct tyto_client *slow = start_client(NULL, NULL);
    struct tyto_client *fast = start_client(NULL, NULL);
    (void)expect(slow, TYTO_MESSAGE_CONNECTED);
    (void)expect(fast, TYTO_MESSAGE_CONNECTED);
    wait_for_subscriptions(publisher, 10);
    publish(publisher, "cam1", "dog");
    (void)expect(slow, TYTO_MESSAGE_EVENT); /* and from here on it does not read */
    (void)expect(fast, TYTO_MESSAGE_EVENT);
    uint64_t longest_ns = 0;
    uint64_t num_fast = 0;
    struct tyto_message message;
    for (int i = 0; i < NUM_EVENTS; i++) {
        const uint64_t begin_ns = tyto_clock_mono_ns();
        publish(publisher, "cam1", "dog");
        const uint64_t took_ns = tyto_clock_mono_ns() - begin_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        if (i % 100 == 99) {
            while (num_fast < (uint64_t)i + 1) {
                assert_int_equal(tyto_client_next(fast, 5000, &message), TYTO_OK);
                assert_int_not_equal(message.kind, TYTO_MESSAGE_LOST);
                num_fast += message.kind == TYTO_MESSAGE_EVENT;
            }
        }
    }
    /* A machine with busy neighbours may take our processor for a while. */
    assert_true(longest_ns < 500 * TYTO_NS_PER_MS);
    uint64_t num_slow = 0;
    uint64_t num_lost = 0;
    while (num_slow + num_lost < NUM_EVENTS) {
        assert_int_equal(tyto_client_next(slow, 5000, &message), TYTO_OK);
        num_slow += message.kind == TYTO_MESSAGE_EVENT;
        num_lost += message.kind == TYTO_MESSAGE_LOST ? message.num_lost : 0;
    }
    print_message("slow subscriber: %llu read, %llu known to be lost; longest publish %.2f ms\n",
                  (unsigned long long)num_slow, (unsigned long long)num_lost,
                  (double)longest_ns / 1e6);
    assert_int_equal(num_slow + num_lost, NUM_EVENTS);
    assert_true(num_lost > 0);
    tyto_client_destroy(&slow);
    tyto_client_destroy(&fast);
    tyto_publisher_destroy(&publisher);
}

static void silence_and_restart_of_the_daemon_are_told(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *client = start_client(NULL, NULL);
    (void)expect(client, TYTO_MESSAGE_CONNECTED);
    usleep(250000); /* a heartbeat brings the interval of 100 ms */
    tyto_publisher_destroy(&publisher);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    (void)expect(client, TYTO_MESSAGE_SILENT);
    assert_true(tyto_clock_mono_ns() - begin_ns < 2 * TYTO_NS_PER_S);
    publisher = start_publisher(0);
    (void)expect(client, TYTO_MESSAGE_ALIVE);
    (void)expect(client, TYTO_MESSAGE_RESTARTED);
    wait_for_subscriptions(publisher, 5);
    publish(publisher, "cam1", "dog");
    assert_int_equal(expect(client, TYTO_MESSAGE_EVENT).seq, 1);
    tyto_client_destroy(&client);
    tyto_publisher_destroy(&publisher);
}

static void a_latecomer_learns_the_states_and_nobody_else_hears_them_twice(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *early = start_client(NULL, NULL);
    wait_for_subscriptions(publisher, 5);
    struct tyto_camera_state camera = {.camera = "cam1", .status = TYTO_CAMERA_STATUS_CONNECTING};
    assert_int_equal(tyto_publisher_camera_state(publisher, &camera), TYTO_OK);
    camera.status = TYTO_CAMERA_STATUS_LIVE;
    assert_int_equal(tyto_publisher_camera_state(publisher, &camera), TYTO_OK);
    const struct tyto_model_state model = {.digest = "abc", .num_classes = 3};
    assert_int_equal(tyto_publisher_model_state(publisher, &model), TYTO_OK);
    assert_int_equal(expect(early, TYTO_MESSAGE_MODEL_STATE).seq, 3);
    struct tyto_client *late = start_client(NULL, NULL);
    assert_int_equal(expect(late, TYTO_MESSAGE_MODEL_STATE).u.model_state.num_classes, 3);
    const struct tyto_message message = expect(late, TYTO_MESSAGE_CAMERA_STATE);
    assert_int_equal(message.seq, 0);
    assert_int_equal(message.u.camera_state.status, TYTO_CAMERA_STATUS_LIVE);
    publish(publisher, "cam1", "dog");
    assert_int_equal(expect(late, TYTO_MESSAGE_EVENT).seq, 4);
    struct tyto_message next;
    do {
        assert_int_equal(tyto_client_next(early, 5000, &next), TYTO_OK);
        assert_int_not_equal(next.kind, TYTO_MESSAGE_CAMERA_STATE);
        assert_int_not_equal(next.kind, TYTO_MESSAGE_LOST);
    } while (next.kind != TYTO_MESSAGE_EVENT);
    struct tyto_client_counts counts;
    tyto_client_get_counts(late, &counts);
    assert_int_equal(counts.num_lost, 0);
    tyto_client_destroy(&early);
    tyto_client_destroy(&late);
    tyto_publisher_destroy(&publisher);
}

static void events_handed_in_before_destroy_still_arrive(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *client = start_client(NULL, NULL);
    (void)expect(client, TYTO_MESSAGE_CONNECTED);
    wait_for_subscriptions(publisher, 5);
    for (int i = 0; i < 300; i++)
        publish(publisher, "cam1", "dog");
    tyto_publisher_destroy(&publisher);
    for (uint64_t i = 1; i <= 300; i++)
        assert_int_equal(expect(client, TYTO_MESSAGE_EVENT).seq, i);
    tyto_client_destroy(&client);
}

static void debug_scores_come_only_to_those_who_ask(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    struct tyto_client *plain = start_client(NULL, NULL);
    wait_for_subscriptions(publisher, 5);
    assert_false(tyto_publisher_wants_debug(publisher));
    struct tyto_client_params params = {.endpoint = endpoint, .debug = true};
    struct tyto_client *curious = NULL;
    assert_int_equal(tyto_client_create(&params, &curious), TYTO_OK);
    wait_for_subscriptions(publisher, 11);
    assert_true(tyto_publisher_wants_debug(publisher));
    const struct tyto_debug_scores debug = {
        .camera = "cam1", .num_top = 1, .top = {{"dog", 0.5f, 0.25f, 0.125f}}};
    tyto_publisher_debug(publisher, &debug);
    assert_string_equal(expect(curious, TYTO_MESSAGE_DEBUG_SCORES).u.debug_scores.top[0].class_name,
                        "dog");
    publish(publisher, "cam1", "dog");
    struct tyto_message message;
    do {
        assert_int_equal(tyto_client_next(plain, 5000, &message), TYTO_OK);
        assert_int_not_equal(message.kind, TYTO_MESSAGE_DEBUG_SCORES);
    } while (message.kind != TYTO_MESSAGE_EVENT);
    tyto_client_destroy(&curious);
    for (int i = 0; i < 500 && tyto_publisher_wants_debug(publisher); i++)
        usleep(10000);
    assert_false(tyto_publisher_wants_debug(publisher));
    tyto_client_destroy(&plain);
    tyto_publisher_destroy(&publisher);
}

static void endpoints_that_others_could_reach_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        const char *text; /* NULL: good */
    } cases[] = {
        {"tcp://127.0.0.1:5571", NULL},
        {"tcp://127.8.9.10:5571", NULL},
        {"tcp://localhost:5571", NULL},
        {"tcp://[::1]:5571", NULL},
        {"ipc:///run/tyto/events.sock", NULL},
        {"tcp://0.0.0.0:5571", "nothing is encrypted"},
        {"tcp://*:5571", "nothing is encrypted"},
        {"tcp://192.168.1.4:5571", "nothing is encrypted"},
        {"tcp://127.0.0.1.example.org:5571", "nothing is encrypted"},
        {"tcp://[::]:5571", "nothing is encrypted"},
        {"tcp://127.0.0.1", "lacks a port"},
        {"tcp://127.0.0.1:70000", "1..65535"},
        {"tcp://127.0.0.1:abc", "1..65535"},
        {"ipc://events.sock", "absolute path"},
        {"udp://127.0.0.1:5571", "is no endpoint"},
        {"", "is no endpoint"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_fault fault;
        memset(&fault, 0, sizeof(fault));
        const enum tyto_err err = tyto_publisher_check_endpoint(cases[i].endpoint, false, &fault);
        if ((!err) != (cases[i].text == NULL))
            print_error("%s: %s\n", cases[i].endpoint, fault.text);
        assert_int_equal(err, cases[i].text ? TYTO_ERR_INVALID : TYTO_OK);
        if (cases[i].text)
            assert_non_null(strstr(fault.text, cases[i].text));
    }
}

static void an_endpoint_in_use_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct tyto_publisher *first = start_publisher(0);
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints, .num_endpoints = 1};
    struct tyto_publisher *second = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_publisher_create(&params, &second, &fault), TYTO_ERR_IO);
    assert_non_null(strstr(fault.text, "another process listens there"));
    assert_null(second);
    tyto_publisher_destroy(&first);
}

static void a_malformed_message_is_counted_and_survived(void **state)
{
    (void)state;
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-test-%ld.sock", (long)getpid());
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PUB);
    assert_int_equal(zmq_bind(socket, endpoint), 0);
    struct tyto_client *client = start_client(NULL, NULL);
    usleep(300000);
    uint8_t junk[5000];
    memset(junk, 0xa5, sizeof(junk));
    zmq_send(socket, "ev/cam1/dog/", 12, 0);           /* no envelope at all */
    zmq_send(socket, "hello/nonsense", 14, 0);         /* no Hello */
    zmq_send(socket, "ev/cam1/dog/", 12, ZMQ_SNDMORE); /* too large */
    zmq_send(socket, junk, sizeof(junk), 0);
    zmq_send(socket, "ev/cam1/dog/", 12, ZMQ_SNDMORE); /* not protobuf, and with surplus frames */
    zmq_send(socket, junk, 100, ZMQ_SNDMORE);
    zmq_send(socket, junk, 100, ZMQ_SNDMORE);
    zmq_send(socket, junk, 100, 0);
    struct tyto_message message;
    assert_int_equal(tyto_client_next(client, 500, &message), TYTO_ERR_TIMEOUT);
    struct tyto_client_counts counts;
    tyto_client_get_counts(client, &counts);
    assert_int_equal(counts.num_malformed, 4);
    tyto_client_destroy(&client);
    zmq_close(socket);
    zmq_ctx_term(context);
    (void)unlink(endpoint + 6);
}

static void zeromq_s_own_thread_is_seen_to_turn(void **state)
{
    (void)state;
    struct tyto_publisher *publisher = start_publisher(0);
    for (int i = 0; i < 6000 && tyto_publisher_num_echoes(publisher) < 2; i++)
        usleep(10000);
    assert_true(tyto_publisher_num_echoes(publisher) >= 2);
    tyto_publisher_destroy(&publisher);
}

static void gaps_are_found_at_each_level(void **state)
{
    (void)state;
    static struct tyto_gaps gaps;
    struct tyto_envelope envelope;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    fill_event(&envelope.body.event, "cam1", "dog");
    struct tyto_heartbeat heartbeat;
    memset(&heartbeat, 0, sizeof(heartbeat));
    tyto_gaps_init(&gaps, TYTO_GAP_ALL);
    envelope.seq = 10;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 0); /* what was before us is not lost */
    envelope.seq = 13;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 2);
    heartbeat.last_seq = 15;
    assert_int_equal(tyto_gaps_heartbeat(&gaps, &heartbeat), 2); /* nothing after 13 came */
    assert_int_equal(tyto_gaps_heartbeat(&gaps, &heartbeat), 0); /* told once */
    envelope.seq = 16;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 0);
    tyto_gaps_init(&gaps, TYTO_GAP_CAMERA);
    envelope.cam_seq = 4;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 0);
    heartbeat.num_cameras = 2;
    snprintf(heartbeat.cameras[0].camera, sizeof(heartbeat.cameras[0].camera), "cam2");
    heartbeat.cameras[0].cam_seq = 99;
    snprintf(heartbeat.cameras[1].camera, sizeof(heartbeat.cameras[1].camera), "cam1");
    heartbeat.cameras[1].cam_seq = 7;
    assert_int_equal(tyto_gaps_heartbeat(&gaps, &heartbeat), 3);
    tyto_gaps_init(&gaps, TYTO_GAP_CLASS);
    envelope.class_seq = 1;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 0);
    envelope.class_seq = 3;
    assert_int_equal(tyto_gaps_message(&gaps, &envelope), 1);
    assert_int_equal(tyto_gaps_heartbeat(&gaps, &heartbeat), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscriber_is_welcomed_and_gets_every_event_in_order),
        cmocka_unit_test(a_filter_on_a_camera_or_class_sees_no_gaps),
        cmocka_unit_test(a_subscriber_that_stands_still_holds_up_nobody_and_learns_its_loss),
        cmocka_unit_test(silence_and_restart_of_the_daemon_are_told),
        cmocka_unit_test(a_latecomer_learns_the_states_and_nobody_else_hears_them_twice),
        cmocka_unit_test(events_handed_in_before_destroy_still_arrive),
        cmocka_unit_test(debug_scores_come_only_to_those_who_ask),
        cmocka_unit_test(endpoints_that_others_could_reach_are_refused),
        cmocka_unit_test(an_endpoint_in_use_is_an_error_that_says_so),
        cmocka_unit_test(a_malformed_message_is_counted_and_survived),
        cmocka_unit_test(zeromq_s_own_thread_is_seen_to_turn),
        cmocka_unit_test(gaps_are_found_at_each_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
