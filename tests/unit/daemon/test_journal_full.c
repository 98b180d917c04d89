/* SPDX-License-Identifier: MIT */
/* The journal when the disk is full or its file is gone: what waits in memory is told as if it were
 * there. */
#include "tests/unit/daemon/journal_rig.h"

#include <signal.h>
#include <sys/resource.h>

#include <sqlite3.h>

#include "daemon/journal/internal.h"
#include "files/replace.h"

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

/* --- a file that is gone -------------------------------------------------------------------------
 */

static void remove_all(void)
{
    static const char *const all[] = {"", "-wal", "-shm", ".lock", ".reserve"};
    char name[128];
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, all[i]);
        (void)unlink(name);
    }
}

static void wait_until_is_there(const char *name)
{
    for (int i = 0; i < 1000 && access(name, F_OK) != 0; i++)
        usleep(10000);
    assert_int_equal(access(name, F_OK), 0);
}

/* Whoever clears the folder for state while tytod runs: nothing is lost, nothing numbered twice. */
static void a_journal_that_is_removed_is_made_anew_with_all_that_was_in_it(void **state)
{
    (void)state;
    struct rig rig;
    struct tyto_hello first, second;
    uint64_t num_missing = 9;
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    assert_int_equal(tyto_query_hello(rig.query, &first), TYTO_OK);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 2);
    for (int i = 0; i < 2; i++) {
        remove_all();
        wait_until_is_there(path);
        (void)publish_whole(&rig, "cam1", "dog", 2000 + i);
        wait_until_sent(&rig, 4 + 2 * (uint64_t)i);
    }
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 6);
    assert_int_equal(num_missing, 0);
    stop(&rig);
    start(&rig, 0); /* what the next run finds */
    assert_int_equal(tyto_query_hello(rig.query, &second), TYTO_OK);
    assert_memory_equal(first.log_id, second.log_id, TYTO_UUID_BYTES);
    (void)publish_whole(&rig, "cam1", "dog", 3000);
    wait_until_sent(&rig, 8);
    const struct taken taken = replay(&rig, 1, 0, NULL, &num_missing);
    assert_int_equal(taken.num, 8);
    assert_int_equal(num_missing, 0);
    for (uint32_t i = 0; i < taken.num; i++)
        assert_int_equal(taken.seqs[i], i + 1);
    stop(&rig);
}

static uint32_t num_for_others(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    uint32_t num = 0;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM messages", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        num = (uint32_t)sqlite3_column_int(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return num;
}

/* What SQLite keeps beside it, alone: what was committed lately is only in there. */
static void a_log_that_is_removed_or_replaced_alone_is_made_anew(void **state)
{
    (void)state;
    static const char *const endings[] = {"-wal", "-shm"};
    struct rig rig;
    char name[128];
    uint64_t num_missing = 9, num = 0;
    start(&rig, 0);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", path, endings[i % 2]);
        (void)publish_whole(&rig, "cam1", "dog", 1000 + i);
        num += 2;
        wait_until_sent(&rig, num);
        assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, num);
        (void)unlink(name);
        FILE *other = i < 2 ? NULL : fopen(name, "w"); /* or what somebody else has put there */
        if (other)
            fclose(other);
        (void)publish_whole(&rig, "cam1", "dog", 2000 + i);
        num += 2;
        uint32_t found = num_for_others();
        /* Now and then: a reader that comes between the files that are exchanged finds nothing, and
         * one that closes last may take what it finds along. */
        for (int k = 0; k < 60 && found != num; k++) {
            usleep(300000);
            found = num_for_others();
        }
        assert_int_equal(found, num);
        wait_until_is_there(name); /* SQLite's last reader of the file before may take it along */
    }
    const struct taken taken = replay(&rig, 1, 0, NULL, &num_missing);
    assert_int_equal(taken.num, num);
    assert_int_equal(num_missing, 0);
    stop(&rig);
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 3000);
    wait_until_sent(&rig, num + 2);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, num + 2);
    stop(&rig);
}

/* As where the last reader of the file before takes our log's files away in the moment before they
 * are looked at, and another program makes its own. */
static void a_log_that_another_program_made_is_not_taken_for_ours(void **state)
{
    (void)state;
    char name[128];
    struct tyto_journal *journal = open_journal(0);
    tyto_journal_note_place(journal);
    assert_int_not_equal(journal->log_files[0].inode, 0);
    assert_int_not_equal(journal->log_files[1].inode, 0);
    snprintf(name, sizeof(name), "%s-wal", path);
    assert_int_equal(unlink(name), 0);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fclose(file);
    tyto_journal_note_place(journal);
    assert_int_equal(journal->log_files[0].inode, 0);
    assert_int_not_equal(journal->log_files[1].inode, 0);
    tyto_journal_close(&journal);
}

/* What stands in its place is nobody's to overwrite: it is told, and events go out. */
static void a_foreign_file_in_its_place_is_left_alone(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t num_missing = 9;
    start(&rig, 0);
    (void)publish_whole(&rig, "cam1", "dog", 1000);
    wait_until_sent(&rig, 2);
    char other[128], text[8] = "";
    snprintf(other, sizeof(other), "%s.other", path);
    FILE *file = fopen(other, "w+");
    assert_non_null(file);
    assert_true(fputs("mine", file) >= 0);
    fclose(file);
    assert_int_equal(tyto_replace_with(path, other), TYTO_OK);
    for (int i = 0; i < 1000 && !is_failing(&rig); i++)
        usleep(10000);
    assert_true(is_failing(&rig));
    (void)publish_whole(&rig, "cam1", "dog", 2000);
    wait_until_published(&rig, 4);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_string_equal(text, "mine");
    assert_int_equal(unlink(path), 0);
    wait_until_sent(&rig, 4);
    assert_int_equal(replay(&rig, 1, 0, NULL, &num_missing).num, 4);
    assert_int_equal(num_missing, 0);
    stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_full_disk_stops_no_event_and_loses_none, set_up),
        cmocka_unit_test_setup(what_waits_is_found_by_time, set_up),
        cmocka_unit_test_setup(a_snapshot_has_what_waits, set_up),
        cmocka_unit_test_setup(a_journal_that_is_removed_is_made_anew_with_all_that_was_in_it,
                               set_up),
        cmocka_unit_test_setup(a_log_that_is_removed_or_replaced_alone_is_made_anew, set_up),
        cmocka_unit_test_setup(a_log_that_another_program_made_is_not_taken_for_ours, set_up),
        cmocka_unit_test_setup(a_foreign_file_in_its_place_is_left_alone, set_up),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
