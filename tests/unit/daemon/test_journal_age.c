/* SPDX-License-Identifier: MIT */
/* What is kept grows old by the time that passes, not by what this machine's clock is set to. The
 * clocks are the test's: nothing here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/journal/journal.h"
#include "tests/folder.h"

#define S ((int64_t)TYTO_NS_PER_S)
#define DAY (86400 * S)
#define YEAR (365 * DAY)
#define NOW (1800000000 * S)

static int64_t unix_ns, mono_ns, boot_ns; /* what clocks say */
static char folder[FOLDER_MAX], path[96];
static struct tyto_journal *journal;

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    const int64_t ns = id == CLOCK_REALTIME ? unix_ns : id == CLOCK_BOOTTIME ? boot_ns : mono_ns;
    *ret_time = (struct timespec){.tv_sec = (time_t)(ns / S), .tv_nsec = (long)(ns % S)};
    return 0;
}

static void pass(int64_t ns)
{
    unix_ns += ns;
    mono_ns += ns;
    boot_ns += ns;
}

static void begin_run(void)
{
    const struct tyto_journal_params params = {.path = path,
                                               .max_age_ns = 7 * DAY,
                                               .max_score_age_ns = 7 * DAY,
                                               .max_score_bytes = 1 << 20};
    struct tyto_fault fault;
    if (tyto_journal_open(&params, &journal, &fault) != TYTO_OK)
        fail_msg("%s: %s", fault.file, fault.text);
}

/* Of a machine that is off for so long; its other clocks begin anew. */
static void restart(int64_t off_ns)
{
    tyto_journal_close(&journal);
    unix_ns += off_ns;
    mono_ns = boot_ns = 100 * S;
    begin_run();
}

static void tend(void)
{
    pass(2 * S); /* it does so once a second at most */
    while (tyto_journal_tend(journal))
        pass(2 * S);
}

/* A message, and a row of scores. */
static void keep(void)
{
    struct tyto_envelope envelope = {.kind = TYTO_ENVELOPE_CAMERA_STATE,
                                     .publish_unix_ns = unix_ns,
                                     .publish_mono_ns = mono_ns,
                                     .seq = tyto_journal_last_seq(journal) + 1};
    snprintf(envelope.body.camera_state.camera, sizeof(envelope.body.camera_state.camera), "a");
    const struct tyto_journal_entry entry = {
        .envelope = &envelope, .topic = "st/a", .bytes = (const uint8_t *)"x", .num_bytes = 1};
    struct tyto_journal_scores *row = tyto_journal_scores_new("a", (const uint8_t *)"r", 1, 1);
    row->begin_unix_ns = unix_ns - S;
    row->end_unix_ns = unix_ns;
    row->num_bytes = 1;
    assert_int_equal(tyto_journal_commit(journal, &entry, 1, NULL), TYTO_OK);
    assert_int_equal(tyto_journal_put_scores(journal, &row, 1, NULL), TYTO_OK);
    tyto_journal_scores_free(&row);
    pass(S);
}

static bool count_row(void *user, const struct tyto_journal_score_row *row)
{
    uint32_t *num = user;
    (void)row;
    ++*num;
    return true;
}

static void assert_oldest(uint64_t seq)
{
    struct tyto_journal_reader *reader = NULL;
    uint32_t num_scores = 0;
    tend();
    assert_int_equal(tyto_journal_oldest_seq(journal), seq);
    assert_int_equal(tyto_journal_reader_open(path, &reader, NULL), TYTO_OK);
    assert_int_equal(tyto_journal_read_scores(reader, "a", 0, 0, 0, count_row, &num_scores),
                     TYTO_OK);
    tyto_journal_reader_close(&reader);
    assert_int_equal(num_scores, tyto_journal_last_seq(journal) + 1 - seq);
}

static void what_is_older_than_it_may_be_goes(void **state)
{
    (void)state;
    keep();
    pass(4 * DAY);
    keep();
    assert_oldest(1);
    pass(3 * DAY);
    assert_oldest(2);
    pass(4 * DAY);
    assert_oldest(3);
}

static void a_clock_that_jumps_ages_nothing_and_keeps_nothing_for_ever(void **state)
{
    (void)state;
    static const int64_t steps[] = {DAY, 10 * DAY, 12 * YEAR, -DAY, -10 * DAY, -50 * YEAR};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const uint64_t first = tyto_journal_last_seq(journal) + 1;
        keep();
        unix_ns += steps[i];
        assert_oldest(first); /* whoever looks first: who tidies up, or */
        keep();
        unix_ns -= steps[i];
        keep(); /* who writes */
        assert_oldest(first);
        unix_ns += steps[i];
        pass(6 * DAY);
        assert_oldest(first);
        keep();
        pass(DAY + S);
        assert_oldest(first + 3);
        pass(6 * DAY);
        assert_oldest(first + 4);
    }
}

/* It waited to be written while the clock was set: it counts by when it was made. */
static void a_message_that_waited_meanwhile_is_not_taken_for_old(void **state)
{
    (void)state;
    keep();
    struct tyto_envelope late = {.kind = TYTO_ENVELOPE_CAMERA_STATE,
                                 .publish_unix_ns = unix_ns,
                                 .publish_mono_ns = mono_ns,
                                 .seq = 2};
    const struct tyto_journal_entry entry = {
        .envelope = &late, .topic = "st/a", .bytes = (const uint8_t *)"x", .num_bytes = 1};
    unix_ns += 20 * DAY;
    tend();
    assert_int_equal(tyto_journal_commit(journal, &entry, 1, NULL), TYTO_OK);
    tend();
    assert_int_equal(tyto_journal_oldest_seq(journal), 1);
    pass(7 * DAY);
    tend();
    assert_int_equal(tyto_journal_oldest_seq(journal), 3);
}

static void a_machine_that_sleeps_has_not_been_set(void **state)
{
    (void)state;
    keep();
    unix_ns += 8 * DAY;
    boot_ns += 8 * DAY;
    assert_oldest(2);
}

static void a_start_with_a_clock_that_is_not_set_yet_costs_nothing(void **state)
{
    (void)state;
    static const int64_t wrong[] = {-50 * YEAR, 50 * YEAR, 20 * DAY};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const uint64_t first = tyto_journal_last_seq(journal) + 1;
        keep();
        restart(3600 * S + wrong[i]);
        keep();
        assert_oldest(first);
        unix_ns -= wrong[i]; /* a time server was heard */
        keep();
        pass(3600 * S);
        assert_oldest(first);
        pass(8 * DAY);
        assert_oldest(first + 3);
    }
}

static void what_a_machine_was_off_for_counts(void **state)
{
    (void)state;
    keep();
    restart(8 * DAY);
    keep();
    assert_oldest(1); /* in case its clock is not set yet */
    pass(600 * S);
    assert_oldest(2);
}

static int set_up(void **state)
{
    (void)state;
    unix_ns = NOW;
    mono_ns = boot_ns = 1000 * S;
    assert_int_equal(folder_make(folder, "age"), 0);
    snprintf(path, sizeof(path), "%s/journal", folder);
    begin_run();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tyto_journal_close(&journal);
    return folder_remove(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_older_than_it_may_be_goes),
        TEST(a_clock_that_jumps_ages_nothing_and_keeps_nothing_for_ever),
        TEST(a_message_that_waited_meanwhile_is_not_taken_for_old),
        TEST(a_machine_that_sleeps_has_not_been_set),
        TEST(a_start_with_a_clock_that_is_not_set_yet_costs_nothing),
        TEST(what_a_machine_was_off_for_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
