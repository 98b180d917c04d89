/* SPDX-License-Identifier: MIT */
/* The journal, the publisher that commits to it, and the query socket: numbers that go on over
 * restarts, replay, lists, and what happens when the disk is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/query.h"
#include "client/tyto.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"

static char folder[] = "/tmp/tyto-journal-XXXXXX";
static char path[96], endpoint[96], query_endpoint[96];

/* All three, as the daemon has them. */
struct rig {
    struct tyto_journal *journal;
    struct tyto_publisher *publisher;
    struct tyto_query_server *server;
    struct tyto_query *query;
};

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static uint32_t take_waiting(void *user, uint64_t from_seq, struct tyto_outgoing **ret_outgoing,
                             uint32_t max)
{
    return tyto_publisher_take_waiting(user, from_seq, ret_outgoing, max);
}

static struct tyto_journal *open_journal(uint64_t max_messages)
{
    const struct tyto_journal_params params = {.path = path, .max_messages = max_messages};
    struct tyto_journal *journal = NULL;
    struct tyto_fault fault;
    if (tyto_journal_open(&params, &journal, &fault) != TYTO_OK)
        fail_msg("%s: %s", fault.file, fault.text);
    return journal;
}

static struct tyto_publisher *start_publisher(struct tyto_journal *journal)
{
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = 100,
                                                 .journal = journal,
                                                 .version = "test"};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return publisher;
}

static void start(struct rig *rig, uint64_t max_messages)
{
    const char *endpoints[] = {query_endpoint};
    struct tyto_fault fault;
    memset(rig, 0, sizeof(*rig));
    rig->journal = open_journal(max_messages);
    rig->publisher = start_publisher(rig->journal);
    const struct tyto_query_server_params params = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .journal_path = path,
                                                    .hello = tell_hello,
                                                    .take_waiting = take_waiting,
                                                    .user = rig->publisher};
    if (tyto_query_server_create(&params, &rig->server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    tyto_publisher_set_query(rig->publisher, endpoints, 1);
    const struct tyto_query_params asking = {.query_endpoint = query_endpoint, .timeout_ms = 20000};
    assert_int_equal(tyto_query_create(&asking, &rig->query), TYTO_OK);
}

static void stop(struct rig *rig)
{
    tyto_query_destroy(&rig->query);
    assert_true(tyto_query_server_destroy(&rig->server));
    assert_true(tyto_publisher_destroy(&rig->publisher));
    tyto_journal_close(&rig->journal);
}

static struct tyto_event make_event(const char *camera, const char *class_name, int64_t begin_s)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV,
                               .begin_unix_ns = begin_s * (int64_t)TYTO_NS_PER_S};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", class_name);
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    return event;
}

static void publish(struct rig *rig, const struct tyto_event *event)
{
    assert_int_equal(tyto_publisher_event(rig->publisher, event), TYTO_OK);
}

/* NEW and END. */
static struct tyto_event publish_whole(struct rig *rig, const char *camera, const char *class_name,
                                       int64_t begin_s)
{
    struct tyto_event event = make_event(camera, class_name, begin_s);
    publish(rig, &event);
    event.phase = TYTO_EVENT_PHASE_END;
    event.reason = TYTO_EVENT_REASON_OFFSET;
    event.rev++;
    event.has_end = true;
    event.end_unix_ns = event.begin_unix_ns + 2 * (int64_t)TYTO_NS_PER_S;
    publish(rig, &event);
    return event;
}

static void wait_until_sent(struct rig *rig, uint64_t seq)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 2000; i++) {
        tyto_publisher_get_counts(rig->publisher, &counts);
        if (counts.last_seq >= seq && counts.journal.num_waiting == 0)
            return;
        usleep(10000);
    }
    fail_msg("only %llu of %llu are sent", (unsigned long long)counts.last_seq,
             (unsigned long long)seq);
}

enum { MAX_TAKEN = 4096 };
struct taken {
    uint32_t num, max;
    uint64_t seqs[MAX_TAKEN];
    struct tyto_event first, last;
};

static bool take(void *user, const struct tyto_message *message)
{
    struct taken *taken = user;
    if (taken->num < MAX_TAKEN)
        taken->seqs[taken->num] = message->seq;
    if (message->kind == TYTO_MESSAGE_EVENT && taken->num == 0)
        taken->first = message->u.event;
    if (message->kind == TYTO_MESSAGE_EVENT)
        taken->last = message->u.event;
    taken->num++;
    return taken->max == 0 || taken->num < taken->max;
}

static struct taken replay(struct rig *rig, uint64_t from_seq, uint64_t to_seq, const char *prefix,
                           uint64_t *ret_num_missing)
{
    static struct taken taken;
    const struct tyto_query_range range = {.from_seq = from_seq,
                                           .to_seq = to_seq,
                                           .prefixes = &prefix,
                                           .num_prefixes = prefix != NULL};
    uint64_t next_seq = 0;
    memset(&taken, 0, sizeof(taken));
    const enum tyto_err err =
        tyto_query_replay(rig->query, &range, take, &taken, &next_seq, ret_num_missing);
    if (err)
        fail_msg("%s: %s", tyto_err_text(err), tyto_query_error_text(rig->query));
    return taken;
}

static void forget_all(void)
{
    char name[128];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve", ".damaged"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static int set_up(void **state)
{
    (void)state;
    forget_all();
    return 0;
}

/* --- replay --------------------------------------------------------------------------------------
 */

static void what_was_published_is_replayed_in_order_and_by_topic(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 9;
    start(&rig, 0);
    for (int i = 0; i < 300; i++)
        (void)publish_whole(&rig, i % 3 ? "cam1" : "cam10", i % 2 ? "dog" : "cat", 1000 + i);
    wait_until_sent(&rig, 600);
    struct taken taken = replay(&rig, 1, 0, NULL, &num_missing);
    assert_int_equal(taken.num, 600);
    assert_int_equal(num_missing, 0);
    for (uint32_t i = 0; i < taken.num; i++)
        assert_int_equal(taken.seqs[i], i + 1);
    taken = replay(&rig, 101, 200, NULL, &num_missing);
    assert_int_equal(taken.num, 100);
    assert_int_equal(taken.seqs[0], 101);
    taken = replay(&rig, 1, 0, "ev/cam1/", &num_missing);
    assert_int_equal(taken.num, 400);
    assert_string_equal(taken.first.camera, "cam1");
    assert_int_equal(num_missing, 0);
    taken = replay(&rig, 1, 0, "ev/cam1/dog/", &num_missing);
    assert_int_equal(taken.num, 200);
    taken = replay(&rig, 1, 0, "st/", &num_missing);
    assert_int_equal(taken.num, 0);
    stop(&rig);
}

static void numbers_and_the_log_go_on_after_a_restart(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 0;
    struct tyto_hello first, second;
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    assert_int_equal(tyto_query_hello(rig.query, &first), TYTO_OK);
    stop(&rig);
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 2000);
    wait_until_sent(&rig, 4);
    assert_int_equal(tyto_query_hello(rig.query, &second), TYTO_OK);
    assert_memory_equal(first.log_id, second.log_id, TYTO_UUID_BYTES);
    assert_memory_not_equal(first.boot_id, second.boot_id, TYTO_UUID_BYTES);
    assert_int_equal(second.seq, 4);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 4);
    stop(&rig);
}

static void another_log_and_what_is_too_old_are_told_apart(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 0;
    start(&rig, 100);
    for (int i = 0; i < 200; i++)
        (void)publish_whole(&rig, "cam1", "dog", 1000 + i);
    wait_until_sent(&rig, 400);
    for (int i = 0; i < 1500 && tyto_journal_oldest_seq(rig.journal) < 301; i++)
        usleep(20000);
    assert_int_equal(tyto_journal_oldest_seq(rig.journal), 301);
    const struct taken taken = replay(&rig, 11, 0, NULL, &num_missing);
    assert_int_equal(taken.num, 100);
    assert_int_equal(num_missing, 290);
    assert_int_equal(taken.seqs[0], 301);
    stop(&rig);
    start(&rig, 100);
    (void)publish_whole(&rig, "cam1", "dog", 9000);
    wait_until_sent(&rig, 402);
    stop(&rig);
}

/* --- events
 * --------------------------------------------------------------------------------------- */

static void events_are_listed_by_time_camera_and_class_page_by_page(void **state)
{
    (void)state;
    struct rig rig;
    struct taken taken = {0};
    struct tyto_cursor cursor = {0};
    const char *cameras[] = {"cam1"}, *classes[] = {"dog", "cat"};
    start(&rig, 0);
    for (int i = 0; i < 150; i++)
        (void)publish_whole(&rig, i % 2 ? "cam1" : "cam2", i % 5 ? "dog" : "owl", 1000 + 10 * i);
    struct tyto_event open = make_event("cam1", "cat", 5000);
    publish(&rig, &open);
    wait_until_sent(&rig, 301);
    struct tyto_query_filter filter = {.num_cameras = 0};
    assert_int_equal(tyto_query_list(rig.query, &filter, NULL, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 151);
    assert_int_equal(taken.first.begin_unix_ns, 1000 * (int64_t)TYTO_NS_PER_S);
    assert_int_equal(taken.first.phase, TYTO_EVENT_PHASE_END);
    assert_string_equal(taken.last.id, open.id);
    filter = (struct tyto_query_filter){.cameras = cameras,
                                        .num_cameras = 1,
                                        .classes = classes,
                                        .num_classes = 2,
                                        .is_newest_first = true,
                                        .limit = 7};
    taken.num = 0;
    assert_int_equal(tyto_query_list(rig.query, &filter, &cursor, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 7);
    assert_string_equal(taken.first.id, open.id);
    uint32_t num_all = taken.num;
    while (cursor.num_bytes > 0) {
        taken.num = 0;
        assert_int_equal(tyto_query_list(rig.query, &filter, &cursor, take, &taken), TYTO_OK);
        num_all += taken.num;
    }
    assert_int_equal(num_all, 1 + 60);
    /* 1,100 s to 1,200 s: begun then, or still going on. */
    filter = (struct tyto_query_filter){.from_unix_ns = 1101 * (int64_t)TYTO_NS_PER_S,
                                        .to_unix_ns = 1200 * (int64_t)TYTO_NS_PER_S};
    taken.num = 0;
    assert_int_equal(tyto_query_list(rig.query, &filter, NULL, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 10);
    filter = (struct tyto_query_filter){.is_open = true};
    taken.num = 0;
    assert_int_equal(tyto_query_list(rig.query, &filter, NULL, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 1);
    stop(&rig);
}

static void an_event_is_found_by_its_id_with_its_history(void **state)
{
    (void)state;
    struct rig rig;
    struct taken taken = {0};
    start(&rig, 0);
    struct tyto_event event = publish_whole(&rig, "cam1", "dog", 1000);
    (void)publish_whole(&rig, "cam1", "dog", 2000);
    wait_until_sent(&rig, 4);
    assert_int_equal(tyto_query_get(rig.query, event.id, take, &taken), TYTO_OK);
    assert_int_equal(taken.num, 2);
    assert_int_equal(taken.first.phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(taken.last.phase, TYTO_EVENT_PHASE_NEW);
    assert_int_equal(tyto_query_get(rig.query, "01ARZ3NDEKTSV4RRFFQ69G5FAV", take, &taken),
                     TYTO_ERR_NOT_FOUND);
    assert_int_equal(tyto_query_get(rig.query, "x", take, &taken), TYTO_ERR_INVALID);
    stop(&rig);
}

static void a_snapshot_has_states_and_open_events_alone(void **state)
{
    (void)state;
    struct rig rig;
    struct taken taken = {0};
    uint64_t seq = 0;
    start(&rig, 0);
    for (int i = 0; i < 3; i++) {
        struct tyto_camera_state camera = {.camera = "cam1",
                                           .status = TYTO_CAMERA_STATUS_CONNECTING + i % 2};
        assert_int_equal(tyto_publisher_camera_state(rig.publisher, &camera), TYTO_OK);
    }
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    struct tyto_event open = make_event("cam1", "cat", 5000);
    publish(&rig, &open);
    wait_until_sent(&rig, 6);
    assert_int_equal(tyto_query_snapshot(rig.query, take, &taken, &seq), TYTO_OK);
    assert_int_equal(seq, 6);
    assert_int_equal(taken.num, 2);
    assert_int_equal(taken.seqs[0], 3);
    assert_string_equal(taken.last.id, open.id);
    stop(&rig);
}

/* --- when things go wrong
 * ------------------------------------------------------------------------- */

/* In a process that then dies as by a kill. */
static void publish_and_die(uint32_t num_events)
{
    const pid_t pid = fork();
    if (pid == 0) {
        struct rig rig = {.journal = open_journal(0)};
        rig.publisher = start_publisher(rig.journal);
        for (uint32_t i = 0; i < num_events; i++)
            (void)publish_whole(&rig, "cam1", "dog", 1000 + i);
        struct tyto_event open = make_event("cam1", "cat", 5000);
        publish(&rig, &open);
        wait_until_sent(&rig, 2 * num_events + 1);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void what_a_killed_daemon_left_open_ends_in_the_journal(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 0;
    publish_and_die(10);
    start(&rig, 0);
    wait_until_sent(&rig, 22);
    const struct taken taken = replay(&rig, 1, 0, NULL, &num_missing);
    assert_int_equal(taken.num, 22);
    assert_int_equal(num_missing, 0);
    assert_int_equal(taken.last.phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(taken.last.reason, TYTO_EVENT_REASON_RECOVERED);
    assert_string_equal(taken.last.class_name, "cat");
    stop(&rig);
    start(&rig, 0); /* and only once */
    usleep(2500000);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 22);
    stop(&rig);
}

/* --- a full disk ---------------------------------------------------------------------------------
 */

static struct rlimit room;

static void fill_the_disk(void)
{
    struct rlimit none = {1, RLIM_INFINITY};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &room), 0);
    none.rlim_max = room.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void empty_the_disk(void)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
}

/* Published, committed or not. */
static void wait_until_published(struct rig *rig, uint64_t seq)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 2000; i++) {
        tyto_publisher_get_counts(rig->publisher, &counts);
        if (counts.last_seq >= seq)
            return;
        usleep(10000);
    }
    fail_msg("only %llu are published", (unsigned long long)counts.last_seq);
}

static bool is_failing(struct rig *rig)
{
    struct tyto_publisher_counts counts;
    tyto_publisher_get_counts(rig->publisher, &counts);
    return counts.journal.is_failing;
}

/* What waits in memory is told of as if it were in the journal. */
static void a_full_disk_stops_no_event_and_loses_none(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 9;
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    fill_the_disk();
    for (int i = 0; i < 100; i++)
        (void)publish_whole(&rig, i % 2 ? "cam1" : "cam2", "dog", 2000 + i);
    wait_until_published(&rig, 202);
    assert_true(is_failing(&rig));
    struct taken taken = replay(&rig, 1, 0, NULL, &num_missing);
    assert_int_equal(taken.num, 202);
    assert_int_equal(num_missing, 0);
    for (uint32_t i = 0; i < taken.num; i++)
        assert_int_equal(taken.seqs[i], i + 1);
    taken = replay(&rig, 50, 60, NULL, &num_missing);
    assert_int_equal(taken.num, 11);
    assert_int_equal(taken.seqs[0], 50);
    assert_int_equal(replay(&rig, 1, 0, "ev/cam2/", &num_missing).num, 100);
    assert_int_equal(num_missing, 0);
    empty_the_disk();
    wait_until_sent(&rig, 202);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 202);
    assert_int_equal(num_missing, 0);
    assert_false(is_failing(&rig));
    stop(&rig);
}

static void what_waits_is_found_by_time(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 0, next_seq = 0;
    struct taken taken = {.num = 0};
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    fill_the_disk();
    (void)publish_whole(&rig, "cam1", "dog", 2000);
    wait_until_published(&rig, 4);
    usleep(20000);
    struct tyto_query_range range = {.since_unix_ns = (int64_t)tyto_clock_unix_ns()};
    usleep(20000);
    (void)publish_whole(&rig, "cam1", "dog", 3000);
    wait_until_published(&rig, 6);
    assert_int_equal(tyto_query_replay(rig.query, &range, take, &taken, &next_seq, &num_missing),
                     TYTO_OK);
    assert_int_equal(taken.num, 2);
    assert_int_equal(taken.seqs[0], 5);
    assert_int_equal(num_missing, 0);
    range.since_unix_ns = 1;
    memset(&taken, 0, sizeof(taken));
    assert_int_equal(tyto_query_replay(rig.query, &range, take, &taken, &next_seq, &num_missing),
                     TYTO_OK);
    assert_int_equal(taken.num, 6);
    empty_the_disk();
    stop(&rig);
}

/* An event that has ended meanwhile is not open, one that has begun is. */
static void a_snapshot_has_what_waits(void **state)
{
    (void)state;
    struct rig rig;
    struct taken taken = {.num = 0};
    uint64_t next_seq = 0;
    start(&rig, 0);
    struct tyto_event ended = make_event("cam1", "dog", 1000);
    const struct tyto_event lasting = make_event("cam2", "dog", 1001);
    publish(&rig, &ended);
    publish(&rig, &lasting);
    wait_until_sent(&rig, 2);
    fill_the_disk();
    ended.phase = TYTO_EVENT_PHASE_END;
    ended.reason = TYTO_EVENT_REASON_OFFSET;
    ended.rev++;
    publish(&rig, &ended);
    const struct tyto_event begun = make_event("cam3", "cat", 1002);
    publish(&rig, &begun);
    (void)publish_whole(&rig, "cam3", "dog", 1003);
    wait_until_published(&rig, 6);
    assert_int_equal(tyto_query_snapshot(rig.query, take, &taken, &next_seq), TYTO_OK);
    assert_int_equal(taken.num, 2);
    assert_string_equal(taken.first.id, lasting.id);
    assert_string_equal(taken.last.id, begun.id);
    assert_int_equal(next_seq, 6);
    empty_the_disk();
    stop(&rig);
}

static void a_number_that_was_told_without_the_journal_is_never_given_again(void **state)
{
    (void)state;
    struct tyto_journal *journal = open_journal(0);
    tyto_journal_note_unwritten(journal, 17);
    tyto_journal_close(&journal);
    journal = open_journal(0);
    assert_int_equal(tyto_journal_first_free(journal), 17);
    tyto_journal_close(&journal);
}

static void what_is_no_journal_is_moved_aside(void **state)
{
    (void)state;
    char damaged[128];
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database at all\n", file);
    fclose(file);
    struct tyto_journal *journal = open_journal(0);
    assert_int_equal(tyto_journal_first_free(journal), 0);
    tyto_journal_close(&journal);
    snprintf(damaged, sizeof(damaged), "%s.damaged", path);
    assert_int_equal(access(damaged, F_OK), 0);
}

static void a_second_process_does_not_get_the_journal(void **state)
{
    (void)state;
    struct tyto_journal *journal = open_journal(0), *second = NULL;
    const struct tyto_journal_params params = {.path = path};
    struct tyto_fault fault;
    assert_int_equal(tyto_journal_open(&params, &second, &fault), TYTO_ERR_IO);
    assert_non_null(strstr(fault.text, "another process"));
    tyto_journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_a_killed_daemon_left_open_ends_in_the_journal, set_up),
        cmocka_unit_test_setup(what_was_published_is_replayed_in_order_and_by_topic, set_up),
        cmocka_unit_test_setup(numbers_and_the_log_go_on_after_a_restart, set_up),
        cmocka_unit_test_setup(another_log_and_what_is_too_old_are_told_apart, set_up),
        cmocka_unit_test_setup(events_are_listed_by_time_camera_and_class_page_by_page, set_up),
        cmocka_unit_test_setup(an_event_is_found_by_its_id_with_its_history, set_up),
        cmocka_unit_test_setup(a_snapshot_has_states_and_open_events_alone, set_up),
        cmocka_unit_test_setup(a_full_disk_stops_no_event_and_loses_none, set_up),
        cmocka_unit_test_setup(what_waits_is_found_by_time, set_up),
        cmocka_unit_test_setup(a_snapshot_has_what_waits, set_up),
        cmocka_unit_test_setup(a_number_that_was_told_without_the_journal_is_never_given_again,
                               set_up),
        cmocka_unit_test_setup(what_is_no_journal_is_moved_aside, set_up),
        cmocka_unit_test_setup(a_second_process_does_not_get_the_journal, set_up),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/events.journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events.sock", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query.sock", folder);
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    forget_all();
    (void)rmdir(folder);
    return status;
}
