/* SPDX-License-Identifier: MIT */
/* What must hold of events when a daemon is killed, ends while some are open, or its queue is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/tyto.h"
#include "daemon/publish/numbering.h"
#include "daemon/publish/open_events.h"
#include "daemon/publish/publisher.h"
#include "tests/folder.h"

static char folder[FOLDER_MAX];
static char endpoint[64], path[64];

static struct tyto_event make_event(const char *camera, const char *class_name)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV,
                               .begin_media_ns = 5000,
                               .begin_unix_ns = 1700000000000000000,
                               .num_segments = 3,
                               .segments_begin_media_ns = 4000,
                               .segment_hop_ns = 1000};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", class_name);
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    return event;
}

static struct tyto_open_events *open_file(void)
{
    struct tyto_open_events *open = NULL;
    assert_int_equal(tyto_open_events_create(path, NULL, &open), TYTO_OK);
    return open;
}

static struct tyto_publisher *start_publisher(void)
{
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = 100,
                                                 .state_path = path,
                                                 .version = "test"};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return publisher;
}

static struct tyto_client *start_client(const char *class_name)
{
    const struct tyto_client_params params = {
        .endpoint = endpoint, .classes = &class_name, .num_classes = class_name != NULL};
    struct tyto_client *client = NULL;
    assert_int_equal(tyto_client_create(&params, &client), TYTO_OK);
    return client;
}

static struct tyto_event expect_event(struct tyto_client *client)
{
    struct tyto_message message;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tyto_client_next(client, 5000, &message), TYTO_OK);
        assert_int_not_equal(message.kind, TYTO_MESSAGE_LOST);
        if (message.kind == TYTO_MESSAGE_EVENT)
            return message.u.event;
    }
    fail_msg("no event");
    return message.u.event;
}

static void expect_no_event(struct tyto_client *client, unsigned ms)
{
    struct tyto_message message;
    const uint64_t until_ns = tyto_clock_mono_ns() + ms * TYTO_NS_PER_MS;
    while (tyto_clock_mono_ns() < until_ns) {
        if (tyto_client_next(client, 20, &message) == TYTO_OK)
            assert_int_not_equal(message.kind, TYTO_MESSAGE_EVENT);
    }
}

static void what_a_killed_daemon_left_open_is_known_to_the_next_one(void **state)
{
    (void)state;
    struct tyto_open_events *open = open_file();
    struct tyto_event events[3];
    for (int i = 0; i < 3; i++) {
        events[i] = make_event("cam1", (const char *const[]){"dog", "cat", "owl"}[i]);
        tyto_open_events_before(open, &events[i]);
    }
    events[1].phase = TYTO_EVENT_PHASE_UPDATE;
    events[1].rev = 7;
    tyto_open_events_before(open, &events[1]);
    events[0].phase = TYTO_EVENT_PHASE_END;
    tyto_open_events_before(open, &events[0]); /* not forgotten before it was sent */
    tyto_open_events_destroy(&open);           /* as a kill does */
    open = open_file();
    assert_int_equal(tyto_open_events_num_left(open), 3);
    tyto_open_events_destroy(&open); /* killed again, before anybody was told */
    open = open_file();
    assert_int_equal(tyto_open_events_num_left(open), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct tyto_event *left = tyto_open_events_left(open, i);
        assert_int_equal(left->phase, TYTO_EVENT_PHASE_END);
        assert_int_equal(left->reason, TYTO_EVENT_REASON_RECOVERED);
        assert_int_equal(left->rev, strcmp(left->class_name, "cat") == 0 ? 8 : 1);
        assert_true(left->has_end);
        assert_int_equal(left->end_media_ns, 7000); /* as far as its segments went */
        assert_int_equal(left->end_unix_ns - left->begin_unix_ns, 2000);
    }
    tyto_open_events_drop_left(open);
    tyto_open_events_before(open, &events[2]);
    events[2].phase = TYTO_EVENT_PHASE_END;
    tyto_open_events_after(open, &events[2]);
    tyto_open_events_destroy(&open);
    open = open_file();
    assert_int_equal(tyto_open_events_num_left(open), 0);
    tyto_open_events_destroy(&open);
}

/* At every byte the file may be cut, and each byte may be another. */
static void a_damaged_file_is_survived(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    struct tyto_open_events *open = open_file();
    struct tyto_event events[2] = {make_event("cam1", "dog"), make_event("cam2", "cat")};
    tyto_open_events_before(open, &events[0]);
    tyto_open_events_before(open, &events[1]);
    tyto_open_events_destroy(&open);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const size_t num_bytes = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_in_range(num_bytes, 100, sizeof(bytes) - 1);
    uint32_t num_whole = 0;
    for (size_t i = 0; i < 2 * num_bytes; i += 3) {
        const size_t at = i % num_bytes;
        file = fopen(path, "we");
        assert_non_null(file);
        bytes[at] ^= i < num_bytes ? 0 : 0x55;
        assert_int_equal(fwrite(bytes, 1, i < num_bytes ? at : num_bytes, file),
                         i < num_bytes ? at : num_bytes);
        bytes[at] ^= i < num_bytes ? 0 : 0x55;
        fclose(file);
        open = open_file();
        assert_in_range(tyto_open_events_num_left(open), 0, 2);
        num_whole += tyto_open_events_num_left(open) == 2;
        tyto_open_events_drop_left(open);
        tyto_open_events_destroy(&open);
    }
    assert_true(num_whole > 0); /* a flipped bit of a score */
    unlink(path);
}

static void the_file_stays_small_however_many_events_there_are(void **state)
{
    (void)state;
    struct tyto_open_events *open = open_file();
    struct tyto_event keep = make_event("cam1", "dog");
    tyto_open_events_before(open, &keep);
    for (int i = 0; i < 8000; i++) {
        struct tyto_event event = make_event("cam2", "cat");
        tyto_open_events_before(open, &event);
        event.phase = TYTO_EVENT_PHASE_END;
        tyto_open_events_after(open, &event);
    }
    tyto_open_events_destroy(&open);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_true(ftell(file) < 2 << 20);
    fclose(file);
    open = open_file();
    assert_int_equal(tyto_open_events_num_left(open), 1);
    assert_string_equal(tyto_open_events_left(open, 0)->id, keep.id);
    tyto_open_events_drop_left(open);
    tyto_open_events_destroy(&open);
}

static void subscribers_hear_each_end_once_also_those_who_come_later(void **state)
{
    (void)state;
    struct tyto_open_events *open = open_file();
    const struct tyto_event left = make_event("cam1", "dog");
    tyto_open_events_before(open, &left);
    tyto_open_events_destroy(&open);
    struct tyto_client *early = start_client(NULL);
    struct tyto_publisher *publisher = start_publisher();
    const struct tyto_event end = expect_event(early);
    assert_string_equal(end.id, left.id);
    assert_int_equal(end.reason, TYTO_EVENT_REASON_RECOVERED);
    struct tyto_client *late = start_client(NULL);
    assert_string_equal(expect_event(late).id, left.id);
    struct tyto_client *later = start_client(NULL);
    assert_string_equal(expect_event(later).id, left.id);
    expect_no_event(early, 300);
    expect_no_event(late, 300);
    struct tyto_event event = make_event("cam1", "cat"); /* numbers go on without a gap */
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
    assert_string_equal(expect_event(early).id, event.id);
    assert_string_equal(expect_event(later).id, event.id);
    /* And nobody but the publisher knows any more that it is open. */
    assert_true(tyto_publisher_destroy(&publisher));
    assert_int_equal(expect_event(early).reason, TYTO_EVENT_REASON_SHUTDOWN);
    tyto_client_destroy(&early);
    tyto_client_destroy(&late);
    tyto_client_destroy(&later);
    unlink(path);
}

static void without_a_place_for_the_file_events_go_on(void **state)
{
    (void)state;
    char good[sizeof(path)];
    memcpy(good, path, sizeof(path));
    snprintf(path, sizeof(path), "/proc/nowhere/tyto.open");
    struct tyto_client *client = start_client(NULL);
    struct tyto_publisher *publisher = start_publisher();
    struct tyto_publisher_counts counts;
    do {
        usleep(10000);
        tyto_publisher_get_counts(publisher, &counts);
    } while (counts.num_subscriptions < 5);
    const struct tyto_event event = make_event("cam1", "dog");
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
    assert_string_equal(expect_event(client).id, event.id);
    assert_true(tyto_publisher_destroy(&publisher));
    assert_int_equal(expect_event(client).phase, TYTO_EVENT_PHASE_END);
    tyto_client_destroy(&client);
    memcpy(path, good, sizeof(path));
}

static struct tyto_envelope *make_envelope(const char *camera, const char *class_name)
{
    struct tyto_envelope *envelope = calloc(1, sizeof(*envelope));
    assert_non_null(envelope);
    envelope->kind = TYTO_ENVELOPE_EVENT;
    envelope->body.event = make_event(camera, class_name);
    return envelope;
}

static struct tyto_envelope pop(struct tyto_numbering *numbering, struct tyto_ring *ring)
{
    void *item = NULL;
    assert_int_equal(tyto_ring_pop(ring, &item), TYTO_OK);
    const struct tyto_envelope envelope = *(struct tyto_envelope *)item;
    tyto_numbering_note_sent(numbering, &envelope);
    free(item);
    return envelope;
}

static bool is_empty(const void *user)
{
    return tyto_ring_num_items((struct tyto_ring *)(uintptr_t)user) == 0;
}

static void what_the_queue_loses_is_a_gap_at_every_level(void **state)
{
    (void)state;
    struct tyto_numbering *numbering = NULL;
    struct tyto_ring *ring = NULL;
    struct tyto_camera_seq told;
    assert_int_equal(tyto_numbering_create(&numbering), TYTO_OK);
    assert_int_equal(tyto_ring_create(2, &ring), TYTO_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tyto_numbering_push(numbering, ring, make_envelope("cam1", "dog"), 1),
                         TYTO_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tyto_numbering_push(numbering, ring, make_envelope("cam1", "dog"), 1),
                         TYTO_ERR_FULL);
    tyto_numbering_skip(numbering, "cam1", "dog"); /* no memory for it */
    /* Nothing is told of what has not been sent. */
    assert_int_equal(tyto_numbering_last_seq(numbering, is_empty, ring), 0);
    struct tyto_envelope sent = pop(numbering, ring);
    assert_int_equal(sent.seq, 1);
    assert_int_equal(tyto_numbering_last_seq(numbering, is_empty, ring), 1);
    tyto_numbering_get_camera(numbering, 0, &told);
    assert_int_equal(told.cam_seq, 1);
    sent = pop(numbering, ring);
    /* Nothing is queued: what was lost behind it shows without another message. */
    assert_int_equal(tyto_numbering_last_seq(numbering, is_empty, ring), 6);
    tyto_numbering_get_camera(numbering, 0, &told);
    assert_int_equal(told.cam_seq, 6);
    assert_int_equal(tyto_numbering_push(numbering, ring, make_envelope("cam1", "dog"), 1),
                     TYTO_OK);
    sent = pop(numbering, ring);
    assert_int_equal(sent.seq, 7);
    assert_int_equal(sent.cam_seq, 7);
    assert_int_equal(sent.class_seq, 7);
    assert_int_equal(tyto_numbering_num_lost(numbering), 4);
    tyto_numbering_destroy(&numbering);
    tyto_ring_destroy(&ring);
}

struct talker {
    struct tyto_publisher *publisher;
    atomic_bool stop;
};

static void *talk(void *user)
{
    struct talker *talker = user;
    while (!atomic_load(&talker->stop)) {
        const struct tyto_event event = make_event("cam1", "dog");
        (void)!tyto_publisher_event(talker->publisher, &event);
    }
    return NULL;
}

static void next_keeps_its_time_though_others_events_come_without_end(void **state)
{
    (void)state;
    struct talker talker = {.publisher = start_publisher()};
    struct tyto_client *client = start_client("cat");
    struct tyto_message message;
    pthread_t thread;
    while (tyto_client_next(client, 5000, &message) == TYTO_OK &&
           message.kind != TYTO_MESSAGE_CONNECTED)
        ;
    assert_int_equal(pthread_create(&thread, NULL, talk, &talker), 0);
    usleep(200000);
    for (int timeout_ms = 0; timeout_ms <= 200; timeout_ms += 100) {
        enum tyto_err err;
        const uint64_t begin_ns = tyto_clock_mono_ns();
        do {
            err = tyto_client_next(client, timeout_ms, &message);
        } while (!err); /* notices of loss, as it is slow */
        assert_int_equal(err, TYTO_ERR_TIMEOUT);
        assert_true(tyto_clock_mono_ns() - begin_ns < 5 * TYTO_NS_PER_S);
    }
    atomic_store(&talker.stop, true);
    pthread_join(thread, NULL);
    tyto_client_destroy(&client);
    (void)tyto_publisher_destroy(&talker.publisher);
    unlink(path);
}

static int make_folder(void **state)
{
    (void)state;
    if (folder_make(folder, "open") != 0)
        return 1;
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/e.sock", folder);
    snprintf(path, sizeof(path), "%s/state/e.open", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_killed_daemon_left_open_is_known_to_the_next_one),
        cmocka_unit_test(a_damaged_file_is_survived),
        cmocka_unit_test(the_file_stays_small_however_many_events_there_are),
        cmocka_unit_test(subscribers_hear_each_end_once_also_those_who_come_later),
        cmocka_unit_test(without_a_place_for_the_file_events_go_on),
        cmocka_unit_test(what_the_queue_loses_is_a_gap_at_every_level),
        cmocka_unit_test(next_keeps_its_time_though_others_events_come_without_end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
