/* SPDX-License-Identifier: MIT */
/* What a feed does with what becomes of the daemon: its journal forgets or begins anew, it does not
 * answer, it is down, it is another run. */
#include "tests/unit/client/follow_rig.h"

static void what_the_journal_keeps_no_more_is_told_as_lost(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.oldest = 100;
    rig.daemon.last = 120;
    hear(false);
    run(100);
    expect_given(100, 120);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_TOO_OLD);
    assert_int_equal(rig.lost_from[0], 11);
    assert_int_equal(rig.lost_to[0], 99);
    assert_int_equal(rig.lost_num[0], 89);
}

static void what_is_not_committed_yet_is_given_where_it_came(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    run(10);
    rig.daemon.num_uncommitted = 3; /* the disk is full: 4, 5 and 6 are in memory alone */
    publish(4);
    publish(5);
    rig.daemon.last = 6; /* and 6 has not come */
    hear(true);
    run(1000);
    static const uint64_t expected[] = {1, 2, 3, 4, 5};
    assert_int_equal(rig.num_given, 5);
    assert_memory_equal(rig.given, expected, sizeof(expected));
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_num[0], 1);
    expect_position(1, 6);
}

static void another_log_is_begun_from_its_first_number(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    publish(2);
    publish(4); /* 3 cannot be fetched any more */
    rig.daemon = (struct made_daemon){.log = 2, .boot = 2, .oldest = 1, .last = 5};
    hear(false);
    publish(6);
    run(2000);
    static const uint64_t expected[] = {1, 2, 4, 1, 2, 3, 4, 5, 6};
    assert_int_equal(rig.num_given, 9);
    assert_memory_equal(rig.given, expected, sizeof(expected));
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.lost_from[0], 3);
    assert_int_equal(rig.lost_to[0], 3);
    assert_int_equal(rig.lost_why[1], TYTO_FEED_OTHER_LOG);
    assert_int_equal(rig.lost_from[1], 5);
    assert_int_equal(rig.lost_to[1], 0);
    expect_position(2, 6);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_RESTARTED], 1);
}

static void a_log_that_was_set_back_is_told_and_gone_on_with(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 500);
    begin(&params);
    rig.daemon.last = 300; /* an older copy was put in its place */
    hear(true);
    run(100);
    publish(301);
    run(100);
    expect_given(301, 301);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_OTHER_LOG);
}

static void a_beat_that_waited_is_no_log_that_was_set_back(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.last = 200;
    hear(false);
    run(100);
    rig.daemon.last = 150;
    hear(true);
    rig.daemon.last = 200;
    publish(201);
    run(100);
    expect_given(11, 201);
    assert_int_equal(rig.num_lost, 0);
}

static void the_next_run_of_the_daemon_is_asked_anew(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 0);
    begin(&params);
    rig.daemon.last = 1000;
    hear(false);
    for (int i = 0; i < 200; i++)
        (void)turn(i < 100); /* in the middle of it */
    assert_true(rig.num_given > 0 && rig.num_given < 1000);
    rig.daemon.boot = 2; /* killed */
    rig.daemon.id = 0;
    hear(false);
    publish(1001);
    run(3000);
    expect_given(1, 1001);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_RESTARTED], 1);
}

static void who_does_not_answer_is_given_up_after_a_while(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    run(10);
    rig.daemon.is_silent = true;
    publish(4);
    run(29000);
    assert_int_equal(rig.num_lost, 0);
    assert_true(rig.num_sockets >= 4); /* each answer that did not come asked for another one */
    expect_given(1, 1);
    run(3000);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_UNREACHABLE);
    assert_int_equal(rig.lost_from[0], 2);
    assert_int_equal(rig.lost_to[0], 3);
    publish(5);
    publish(7); /* it does not wait for each of them */
    run(100);
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.num_given, 4);
    rig.daemon.is_silent = false;
    run(31000);
    publish(9); /* once it answers again nothing is lost */
    run(1000);
    assert_int_equal(rig.num_given, 6);
    assert_int_equal(rig.given[4], 8);
    assert_int_equal(rig.num_lost, 2);
}

static void a_daemon_that_is_down_does_not_use_up_patience(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.is_silent = true;
    publish(4);
    run(3000);
    tyto_follow_set_silent(&rig.follow, true);
    run(120000);
    tyto_follow_set_silent(&rig.follow, false);
    rig.daemon.is_silent = false;
    rig.daemon.boot = 2;
    rig.daemon.id = 0;
    hear(false);
    run(3000);
    expect_given(1, 4);
    assert_int_equal(rig.num_lost, 0);
}

static void without_a_journal_what_is_missing_is_lost_at_once(void **state)
{
    (void)state;
    begin(&from_now);
    rig.daemon.oldest = 0;
    hear(true);
    publish(1);
    publish(4);
    run(5000);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_LIVE_ONLY], 1);
    assert_int_equal(rig.num_lost, 1);
    assert_int_equal(rig.lost_why[0], TYTO_FEED_NOT_KEPT);
    assert_int_equal(rig.lost_num[0], 2);
    assert_int_equal(rig.num_given, 2);
    rig.daemon.log = rig.daemon.boot = 2; /* each run is a log of its own */
    rig.daemon.last = 0;
    hear(false);
    publish(1);
    run(1000);
    assert_int_equal(rig.num_given, 3);
    assert_int_equal(rig.num_lost, 2);
    assert_int_equal(rig.lost_why[1], TYTO_FEED_OTHER_LOG);
}

/* A daemon without a journal tells newcomers of its cameras once, before it has been asked. */
static void what_is_repeated_waits_until_it_is_known_whether_it_is_all_there_is(void **state)
{
    (void)state;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_NOW, .with_snapshot = true};
    for (uint64_t oldest = 0; oldest < 2; oldest++) {
        begin(&params);
        rig.daemon.oldest = 0;
        rig.daemon.last = 0;
        hear(false);
        publish(0);
        while (turn(false))
            ;
        assert_int_equal(rig.num_given, 0);
        rig.daemon.oldest = rig.daemon.last = oldest; /* the first message is committed */
        run(1000);
        assert_int_equal(rig.num_of_kind[TYTO_FEED_LIVE_ONLY], oldest == 0);
        assert_int_equal(rig.num_given, oldest == 0);
    }
}

static void a_daemon_that_says_late_where_to_ask_is_waited_for(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 10);
    begin(&params);
    rig.daemon.last = 20;
    hear(true);
    tyto_follow_set_may_ask(&rig.follow, false);
    run(20000); /* it has a journal */
    assert_int_equal(rig.num_given, 0);
    assert_int_equal(rig.num_lost, 0);
    hear(true);
    run(1000);
    expect_given(11, 20);
    rig.daemon.boot = 2; /* the next one takes even longer */
    hear(true);
    tyto_follow_set_may_ask(&rig.follow, false);
    run(31000);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_LIVE_ONLY], 1);
    rig.daemon.last = 22;
    hear(true);
    run(1000);
    expect_given(11, 22);
    assert_int_equal(rig.num_lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_journal_keeps_no_more_is_told_as_lost),
        cmocka_unit_test(what_is_not_committed_yet_is_given_where_it_came),
        cmocka_unit_test(another_log_is_begun_from_its_first_number),
        cmocka_unit_test(a_log_that_was_set_back_is_told_and_gone_on_with),
        cmocka_unit_test(a_beat_that_waited_is_no_log_that_was_set_back),
        cmocka_unit_test(the_next_run_of_the_daemon_is_asked_anew),
        cmocka_unit_test(who_does_not_answer_is_given_up_after_a_while),
        cmocka_unit_test(a_daemon_that_is_down_does_not_use_up_patience),
        cmocka_unit_test(without_a_journal_what_is_missing_is_lost_at_once),
        cmocka_unit_test(what_is_repeated_waits_until_it_is_known_whether_it_is_all_there_is),
        cmocka_unit_test(a_daemon_that_says_late_where_to_ask_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
