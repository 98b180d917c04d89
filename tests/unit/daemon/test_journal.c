/* SPDX-License-Identifier: MIT */
/* The journal, the publisher that commits to it, and the query socket: numbers that go on over
 * restarts, replay and lists. */
#include "tests/unit/daemon/journal_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "daemon/journal/reserve.h"

/* --- a disk that cannot be read for once ---------------------------------------------------------
 */

static int reads_to_go; /* the one that makes it 0 fails; 0: none does */

/* The journal's own, and the database's: in a program that has one it takes the place of libc's. */
ssize_t pread(int fd, void *bytes, size_t num, off_t offset)
{
    if (reads_to_go > 0 && --reads_to_go == 0) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, num, offset);
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
                                           .status = i % 2 ? TYTO_CAMERA_STATUS_LIVE
                                                           : TYTO_CAMERA_STATUS_CONNECTING};
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

static enum tyto_err pass_counter(void *user, const char *camera, const char *class_name,
                                  uint64_t num)
{
    (void)user, (void)camera, (void)class_name, (void)num;
    return TYTO_OK;
}

static enum tyto_err pass_event(void *user, const struct tyto_event *event)
{
    (void)user, (void)event;
    return TYTO_OK;
}

static void a_read_that_fails_once_costs_no_number_and_no_message(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    const uint8_t bytes[] = {1, 2, 3};
    struct rig rig;
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    stop(&rig);
    struct tyto_journal *journal = open_journal(0);
    tyto_journal_note_unwritten(journal, 17);
    struct tyto_reserve reserve;
    assert_int_equal(tyto_reserve_open(&reserve, path, tyto_journal_log_id(journal), 2), TYTO_OK);
    for (uint64_t seq = 21; seq <= 23; seq++)
        assert_int_equal(tyto_reserve_put(&reserve, seq, bytes, sizeof(bytes)), TYTO_OK);
    tyto_reserve_close(&reserve);
    tyto_journal_close(&journal);
    int num = 0;
    do {
        reads_to_go = ++num;
        journal = open_journal(0);
        assert_int_equal(tyto_journal_last_seq(journal), 2);
        assert_int_equal(tyto_journal_first_free(journal), 23);
        assert_int_equal(tyto_journal_each_counter(journal, pass_counter, NULL), TYTO_OK);
        assert_int_equal(tyto_journal_each_open(journal, pass_event, NULL), TYTO_OK);
        tyto_journal_close(&journal);
    } while (reads_to_go == 0 && num < MANY);
    reads_to_go = 0;
    assert_in_range(num, 10, MANY - 1); /* the lock, three records, the database */
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

/* All else is there. */
static void a_journal_whose_open_events_are_damaged_is_moved_aside(void **state)
{
    (void)state;
    char damaged[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    publish_and_die(10);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_master WHERE name = 'messages'", -1,
                           &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int root = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (root - 1) * 4096L, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xff, file);
    fclose(file);
    struct tyto_journal *journal = open_journal(0);
    assert_int_equal(tyto_journal_last_seq(journal), 0);
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
        cmocka_unit_test_setup(a_number_that_was_told_without_the_journal_is_never_given_again,
                               set_up),
        cmocka_unit_test_setup(a_read_that_fails_once_costs_no_number_and_no_message, set_up),
        cmocka_unit_test_setup(what_is_no_journal_is_moved_aside, set_up),
        cmocka_unit_test_setup(a_journal_whose_open_events_are_damaged_is_moved_aside, set_up),
        cmocka_unit_test_setup(a_second_process_does_not_get_the_journal, set_up),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
