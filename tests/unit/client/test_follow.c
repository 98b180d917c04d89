/* SPDX-License-Identifier: MIT */
/* What a feed does with what comes in, against a daemon that is made of a few numbers: everything
 * is given once and in order, or told as lost, whatever does not come, comes twice or comes late.
 */
#include "tests/unit/client/follow_rig.h"

#include "base/random.h"

static void what_comes_in_order_is_given_and_nothing_is_asked(void **state)
{
    (void)state;
    begin(&from_now);
    rig.daemon.last = 41; /* the hello is a moment old: 42 came before who listens did */
    hear(false);
    for (uint64_t seq = 43; seq <= 60; seq++)
        publish(seq);
    run(100);
    expect_given(43, 60);
    expect_position(1, 60);
    assert_int_equal(rig.follow.counts.num_replays, 0);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_CONNECTED], 1);
    assert_int_equal(rig.num_of_kind[TYTO_FEED_CAUGHT_UP], 1);
}

static void a_gap_is_fetched_and_what_came_meanwhile_follows(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    publish(2);
    publish(5); /* 3 and 4 did not come */
    publish(6);
    assert_true(turn(false)); /* connected */
    run(100);
    publish(7);
    run(100);
    expect_given(1, 7);
    assert_int_equal(rig.follow.counts.num_replays, 1);
    assert_int_equal(rig.num_lost, 0);
}

static void a_beat_shows_what_is_missing_at_the_end(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.last = 3;
    hear(true);
    run(100);
    expect_given(1, 3);
}

static void doubles_and_messages_out_of_order_are_given_once_in_order(void **state)
{
    (void)state;
    static const uint64_t order[] = {1, 1, 2, 5, 4, 3, 3, 6, 5, 6, 8, 7};
    begin(&from_now);
    hear(true);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        publish(order[i]);
    run(1000);
    expect_given(1, 8);
    assert_int_equal(rig.num_lost, 0);
    assert_true(rig.follow.counts.num_doubled >= 4);
}

static void a_position_is_gone_on_from(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 100);
    begin(&params);
    rig.daemon.last = 300;
    hear(false);
    publish(301);
    run(100);
    expect_given(101, 301);
    expect_position(1, 301);
}

static void all_that_is_kept_is_given_from_the_oldest_on(void **state)
{
    (void)state;
    begin(&from_oldest);
    rig.daemon.oldest = 50;
    rig.daemon.last = 200;
    hear(false);
    rig.daemon.oldest = 60; /* some has gone since the hello */
    run(100);
    expect_given(60, 200);
    assert_int_equal(rig.num_lost, 0);
}

static void a_time_is_gone_on_from(void **state)
{
    (void)state;
    struct tyto_feed_position position;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_TIME, .since_unix_ns = 70};
    begin(&params);
    rig.daemon.last = 99;
    hear(false);
    publish(100);
    assert_int_equal(tyto_follow_position(&rig.follow, &position), TYTO_ERR_EMPTY);
    run(100);
    expect_given(70, 100);
}

static void a_snapshot_comes_first_and_now_is_where_it_stands(void **state)
{
    (void)state;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_NOW, .with_snapshot = true};
    begin(&params);
    rig.daemon.last = 10;
    hear(false);
    publish(11); /* these two come before the snapshot is asked for, and are in it */
    publish(12);
    while (turn(false))
        continue;
    assert_int_equal(rig.num_given, 0);
    publish(13); /* and this one while it is on its way */
    run(100);
    publish(14);
    run(100);
    assert_int_equal(rig.num_snapshot, 1);
    expect_given(13, 14);
}

static void what_is_live_does_not_wait_for_a_snapshot_for_long(void **state)
{
    (void)state;
    const struct tyto_follow_params params = {.start = TYTO_FEED_FROM_NOW, .with_snapshot = true};
    for (int i = 0; i < 2; i++) {
        begin(&params);
        rig.daemon.last = 10;
        rig.daemon.is_silent = true;
        hear(true);
        tyto_follow_set_may_ask(&rig.follow, i == 0);
        publish(11);
        run(6000); /* of the 30 s that something missing is asked for */
        publish(12);
        run(100);
        expect_given(11, 12);
        assert_int_equal(rig.num_lost, 0);
    }
}

static void what_is_too_much_to_hold_is_fetched_in_its_turn(void **state)
{
    (void)state;
    const struct tyto_follow_params params = after(1, 0);
    begin(&params);
    rig.daemon.last = 100;
    hear(false);
    while (turn(false))
        continue; /* 1 to 100 are asked for */
    for (uint64_t seq = 101; seq <= 101 + 3 * TYTO_FEED_MAX_HELD; seq++)
        publish(seq);
    assert_int_equal(rig.follow.held.num, TYTO_FEED_MAX_HELD);
    assert_true(rig.follow.counts.num_let_go > TYTO_FEED_MAX_HELD);
    run(5000);
    expect_given(1, 101 + 3 * TYTO_FEED_MAX_HELD);
    assert_int_equal(rig.num_lost, 0);
    assert_int_equal(rig.follow.held.num, 0);
}

static void some_topics_are_given_in_order_and_others_are_passed_over(void **state)
{
    (void)state;
    struct tyto_follow_params params = after(1, 20);
    params.is_filtered = true;
    begin(&params);
    rig.daemon.last = 100;
    hear(false);
    run(100);
    expect_given(21, 100);
    publish(101);
    publish(102); /* not wanted */
    publish(103);
    run(3000);
    expect_given(21, 103);
    publish(105); /* 104 did not come, 105 is not wanted: only asking shows it */
    hear(true);
    run(6000);
    expect_given(21, 105);
    expect_position(1, 105);
    assert_int_equal(rig.num_lost, 0);
    const uint32_t num_replays = rig.follow.counts.num_replays;
    run(60000);
    assert_int_equal(rig.follow.counts.num_replays, num_replays);
}

static void a_flood_of_some_topics_asks_no_more_than_a_daemon_bears(void **state)
{
    (void)state;
    struct tyto_follow_params params = after(1, 0);
    params.is_filtered = true;
    begin(&params);
    hear(false);
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        publish(seq);
        run(20);
    }
    run(3000);
    expect_given(1, 1000);
    /* Two a second, in some 30 s. */
    assert_true(rig.follow.counts.num_replays < 75);
}

static void who_is_asked_too_much_is_asked_later(void **state)
{
    (void)state;
    begin(&from_now);
    hear(true);
    publish(1);
    rig.daemon.error = TYTO_QUERY_RATE_LIMITED;
    publish(3);
    run(60000);
    assert_int_equal(rig.num_lost, 0);
    rig.daemon.error = 0;
    run(3000);
    expect_given(1, 3);
}

/* Everything that may happen, at random: what was given and what was told as lost is everything,
 * nothing is given twice, and numbers of one log only rise. */
static void whatever_happens_each_is_given_once_or_told_as_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        struct tyto_follow_params params = after(1, 0);
        params.is_filtered = seed % 2 == 0;
        begin(&params);
        hear(false);
        for (int i = 0; i < 1500; i++) {
            const uint64_t what = tyto_random_bits(&random) % 100;
            if (what < 60)
                publish(rig.daemon.last + 1);
            else if (what < 75)
                rig.daemon.last++; /* it does not come */
            else if (what < 80 && rig.daemon.last > 0)
                publish(1 + tyto_random_bits(&random) % rig.daemon.last); /* again */
            else if (what < 85)
                hear(true);
            else if (what == 85) {
                rig.daemon.boot++;
                rig.daemon.id = 0;
                hear(false);
            } else if (what == 86)
                rig.daemon.oldest += (rig.daemon.last - rig.daemon.oldest + 1) / 4;
            else if (what == 87)
                rig.daemon.is_silent = !rig.daemon.is_silent;
            else
                run(tyto_random_bits(&random) % 300);
        }
        rig.daemon.is_silent = false;
        hear(true);
        run(60000);
        hear(true);
        run(10000);
        expect_position(1, rig.daemon.last);
        uint64_t before = 0;
        uint32_t num_lost = 0;
        for (uint32_t i = 0; i < rig.num_given; i++) {
            assert_true(rig.given[i] > before);
            for (uint64_t seq = before + 1; seq < rig.given[i]; seq++) {
                bool is_told = !is_wanted(seq);
                for (uint32_t l = 0; l < rig.num_lost && !is_told; l++)
                    is_told = seq >= rig.lost_from[l] && seq <= rig.lost_to[l];
                if (!is_told)
                    fail_msg("seed %llu: %llu was neither given nor told as lost",
                             (unsigned long long)seed, (unsigned long long)seq);
                num_lost++;
            }
            before = rig.given[i];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_order_is_given_and_nothing_is_asked),
        cmocka_unit_test(a_gap_is_fetched_and_what_came_meanwhile_follows),
        cmocka_unit_test(a_beat_shows_what_is_missing_at_the_end),
        cmocka_unit_test(doubles_and_messages_out_of_order_are_given_once_in_order),
        cmocka_unit_test(a_position_is_gone_on_from),
        cmocka_unit_test(all_that_is_kept_is_given_from_the_oldest_on),
        cmocka_unit_test(a_time_is_gone_on_from),
        cmocka_unit_test(a_snapshot_comes_first_and_now_is_where_it_stands),
        cmocka_unit_test(what_is_live_does_not_wait_for_a_snapshot_for_long),
        cmocka_unit_test(what_is_too_much_to_hold_is_fetched_in_its_turn),
        cmocka_unit_test(some_topics_are_given_in_order_and_others_are_passed_over),
        cmocka_unit_test(a_flood_of_some_topics_asks_no_more_than_a_daemon_bears),
        cmocka_unit_test(who_is_asked_too_much_is_asked_later),
        cmocka_unit_test(whatever_happens_each_is_given_once_or_told_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
