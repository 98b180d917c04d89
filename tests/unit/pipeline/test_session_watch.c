/* SPDX-License-Identifier: MIT */
/* When a connection is given up, and what a camera's times mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/session/camera_clock.h"
#include "pipeline/session/still.h"
#include "pipeline/session/watch.h"

#define S ((int64_t)TYTO_NS_PER_S)
#define DAY (86400 * S)
#define BEGIN_S 1000

/* Judges each second from BEGIN_S on, with data of each stream until it stops (seconds after the
 * begin; -1: it never comes). Gives the second at which the connection was given up; `until`:
 * it was not. */
static int give_up_at(struct tyto_watch *watch, int sound_until, int picture_until, int until,
                      bool ret_missing[TYTO_NUM_STREAMS], char text[128])
{
    struct tyto_watch_sight sight = {.expects = {true, true}};
    tyto_watch_begin(watch, BEGIN_S * S);
    for (int t = 1; t < until; t++) {
        sight.now_ns = (uint64_t)((BEGIN_S + t) * S);
        if (t <= sound_until)
            sight.last_data_ns[TYTO_STREAM_AUDIO] = sight.now_ns;
        if (t <= picture_until)
            sight.last_data_ns[TYTO_STREAM_VIDEO] = sight.now_ns;
        const enum tyto_watch_verdict verdict =
            tyto_watch_judge(watch, &sight, ret_missing, text, 128);
        if (verdict == TYTO_WATCH_STALLED || verdict == TYTO_WATCH_NO_DATA)
            return t;
    }
    return until;
}

static void data_of_both_streams_are_never_given_up(void **state)
{
    (void)state;
    struct tyto_watch watch;
    bool missing[TYTO_NUM_STREAMS];
    char text[128] = "";
    tyto_watch_init(&watch, 0);
    assert_int_equal(give_up_at(&watch, 300, 300, 300, missing, text), 300);
    assert_string_equal(text, "");
}

static void either_stream_that_stops_is_told_and_given_up_after_stall_s(void **state)
{
    (void)state;
    struct tyto_watch watch;
    bool missing[TYTO_NUM_STREAMS];
    char text[128];
    tyto_watch_init(&watch, 10 * TYTO_NS_PER_S);
    assert_int_equal(give_up_at(&watch, 300, 50, 300, missing, text), 61);
    assert_true(missing[TYTO_STREAM_VIDEO] && !missing[TYTO_STREAM_AUDIO]);
    assert_non_null(strstr(text, "no picture for 11 s"));
    tyto_watch_init(&watch, 10 * TYTO_NS_PER_S);
    assert_int_equal(give_up_at(&watch, 50, 300, 300, missing, text), 61);
    assert_non_null(strstr(text, "no sound"));
    tyto_watch_init(&watch, 10 * TYTO_NS_PER_S);
    assert_int_equal(give_up_at(&watch, 50, 50, 300, missing, text), 61);
    assert_non_null(strstr(text, "no data for 10 s"));
}

static void a_stream_that_does_not_come_back_is_called_for_ever_more_rarely(void **state)
{
    (void)state;
    struct tyto_watch watch;
    bool missing[TYTO_NUM_STREAMS];
    char text[128];
    tyto_watch_init(&watch, 10 * TYTO_NS_PER_S);
    assert_int_equal(give_up_at(&watch, 5000, 5, 5000, missing, text), 16);
    assert_int_equal(give_up_at(&watch, 5000, -1, 5000, missing, text), 21);
    assert_int_equal(give_up_at(&watch, 5000, -1, 5000, missing, text), 41);
    assert_int_equal(give_up_at(&watch, 5000, -1, 5000, missing, text), 81);
    for (int i = 0; i < 10; i++)
        (void)give_up_at(&watch, 5000, -1, 5000, missing, text);
    assert_int_equal(give_up_at(&watch, 5000, -1, 5000, missing, text), 601);
    /* Once it was there for a while it is missed at once again. */
    assert_int_equal(give_up_at(&watch, 5000, 30, 5000, missing, text), 41);
}

/* As of a camera that describes a microphone that is switched off. */
static void a_stream_that_never_came_is_told_and_called_for_once(void **state)
{
    (void)state;
    struct tyto_watch watch;
    bool missing[TYTO_NUM_STREAMS];
    char text[128];
    tyto_watch_init(&watch, 10 * TYTO_NS_PER_S);
    assert_int_equal(give_up_at(&watch, -1, 5000, 5000, missing, text), 21);
    assert_int_equal(give_up_at(&watch, -1, 5000, 5000, missing, text), 5000);
    assert_true(missing[TYTO_STREAM_AUDIO] && !missing[TYTO_STREAM_VIDEO]);
    assert_int_equal(give_up_at(&watch, 30, 5000, 5000, missing, text), 41); /* it did come */
    assert_int_equal(give_up_at(&watch, -1, 5000, 5000, missing, text), 21);
}

static void a_connection_without_data_is_given_up_after_20_s(void **state)
{
    (void)state;
    struct tyto_watch watch;
    bool missing[TYTO_NUM_STREAMS];
    char text[128];
    tyto_watch_init(&watch, 0);
    assert_int_equal(give_up_at(&watch, -1, -1, 100, missing, text), 21);
    assert_string_equal(text, "no data after connecting");
}

/* --- clocks ------------------------------------------------------------------------------------
 */

#define WALL (1700000000 * S) /* UTC minus monotonic */

/* Second t of a connection whose data take 0.2 s to come; off: of the camera's clock, 0 s and less
 * than none when it does not say. */
static void learn(struct tyto_camera_clock *clock, int64_t t, bool tells, int64_t off_ns,
                  int64_t wall_ns)
{
    const int64_t in_ns = (100 + t) * S + S / 5;
    const uint64_t capture_ns = tells ? (uint64_t)((100 + t) * S + WALL + off_ns) : 0;
    tyto_camera_clock_learn(clock, t * S, (uint64_t)in_ns, capture_ns, wall_ns);
}

static void a_camera_that_agrees_with_this_machine_is_followed(void **state)
{
    (void)state;
    struct tyto_camera_clock clock;
    tyto_camera_clock_init(&clock, false);
    learn(&clock, 0, false, 0, WALL);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
    assert_int_equal(clock.unix_offset_ns, WALL + 100 * S + S / 5);
    learn(&clock, 1, true, 0, WALL);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL); /* one report is none */
    learn(&clock, 2, true, 0, WALL);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_CAMERA);
    assert_int_equal(clock.unix_offset_ns, WALL + 100 * S);
    assert_int_equal(clock.off_ns, 0);
    learn(&clock, 3, true, 2 * S, WALL); /* it is set */
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
    learn(&clock, 4, true, 2 * S, WALL);
    assert_int_equal(clock.unix_offset_ns, WALL + 102 * S);
}

static void a_camera_that_is_years_off_is_told_and_not_followed(void **state)
{
    (void)state;
    static const int64_t offs[] = {-847000000 * S, 847000000 * S, 7200 * S, -11 * S};
    static const char *const texts[] = {"26.8 years behind", "26.8 years ahead", "2.0 hours ahead",
                                        "11."};
    for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
        struct tyto_camera_clock clock;
        char text[96];
        tyto_camera_clock_init(&clock, false);
        for (int64_t t = 0; t < 10; t++)
            learn(&clock, t, true, offs[i], WALL);
        assert_int_equal(clock.unix_offset_ns, WALL + 100 * S + S / 5);
        assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
        tyto_camera_clock_text(clock.off_ns, text, sizeof(text));
        assert_non_null(strstr(text, texts[i]));
        for (int64_t t = 10; t < 12; t++) /* somebody sets it right */
            learn(&clock, t, true, 0, WALL);
        assert_int_equal(clock.off_ns, 0);
        assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_CAMERA);
    }
}

static void this_machines_clock_is_followed_forward_and_back(void **state)
{
    (void)state;
    static const int64_t steps[] = {DAY, -DAY, 365 * DAY, 2 * S, -2 * S};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct tyto_camera_clock clock;
        tyto_camera_clock_init(&clock, false);
        learn(&clock, 0, false, 0, WALL);
        learn(&clock, 1, false, 0, WALL + steps[i]);
        assert_int_equal(clock.unix_offset_ns, WALL + steps[i] + 100 * S + S / 5);
        assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_DISCONTINUOUS);
        learn(&clock, 12, false, 0, WALL + steps[i]);
        assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
    }
}

static void a_clock_that_is_disciplined_is_followed_without_a_word(void **state)
{
    (void)state;
    struct tyto_camera_clock clock;
    tyto_camera_clock_init(&clock, false);
    for (int64_t t = 0; t <= 1000; t++) {
        learn(&clock, t, false, 0, WALL + t * S / 1000);
        assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
    }
    assert_int_equal(clock.unix_offset_ns, WALL + S + 100 * S + S / 5);
}

/* Seconds of media, one after the other, that come late_ns(t) after they happened: how far off the
 * last one's time is, at most, from second `from` on. */
static int64_t worst_error_ns(int64_t (*late_ns)(int64_t t), int64_t from, int64_t until)
{
    struct tyto_camera_clock clock;
    int64_t worst_ns = 0;
    tyto_camera_clock_init(&clock, false);
    for (int64_t t = 0; t < until; t++) {
        const int64_t in_ns = (100 + t) * S + late_ns(t);
        tyto_camera_clock_learn(&clock, t * S, (uint64_t)in_ns, 0, WALL);
        const int64_t error_ns = clock.unix_offset_ns - (WALL + 100 * S);
        if (t >= from && llabs(error_ns) > worst_ns)
            worst_ns = llabs(error_ns);
    }
    return worst_ns;
}

static int64_t after_a_slow_begin(int64_t t)
{
    return t < 5 ? 8 * S - t * S : S / 5;
}

/* A server gives ten seconds that it has saved, and then what is live. */
static int64_t after_a_burst(int64_t t)
{
    return t < 10 ? (10 - t) * S + t * S / 100 : S / 10;
}

/* Stamps run 1 part in 1,000 too slow or too fast, as of a camera without sender reports. */
static int64_t from_a_fast_clock(int64_t t)
{
    return S / 5 - t * S / 1000;
}

static int64_t from_a_slow_clock(int64_t t)
{
    return S / 5 + t * S / 1000;
}

/* The decoder is without a processor for seconds at a time. */
static int64_t from_a_busy_machine(int64_t t)
{
    return S / 5 + t * 7 % 5 * S;
}

static void the_time_of_arrival_is_that_of_the_quickest_data(void **state)
{
    (void)state;
    assert_in_range((uint64_t)worst_error_ns(after_a_slow_begin, 6, 200), 0, S / 2);
    assert_in_range((uint64_t)worst_error_ns(after_a_burst, 11, 200), 0, S / 2);
    assert_in_range((uint64_t)worst_error_ns(from_a_busy_machine, 6, 200), 0, S / 2);
}

/* After an hour it would be 3.6 s, without an end. */
static void stamps_that_run_too_fast_or_too_slow_are_followed(void **state)
{
    (void)state;
    struct tyto_camera_clock clock;
    static int64_t (*const lates[])(int64_t) = {from_a_fast_clock, from_a_slow_clock};
    for (size_t i = 0; i < 2; i++) {
        tyto_camera_clock_init(&clock, false);
        for (int64_t t = 0; t < 3600; t++) {
            const int64_t in_ns = (100 + t) * S + lates[i](t);
            tyto_camera_clock_learn(&clock, t * S, (uint64_t)in_ns, 0, WALL);
            assert_in_range((uint64_t)llabs(in_ns - t * S + WALL - clock.unix_offset_ns), 0,
                            S / 10);
            assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_ARRIVAL);
        }
    }
}

/* A file is read as fast as it can be: its begin is when that was begun. */
static void a_files_seconds_are_counted_from_when_it_was_opened(void **state)
{
    (void)state;
    struct tyto_camera_clock clock;
    tyto_camera_clock_init(&clock, true);
    for (int64_t t = 0; t < 200; t++)
        tyto_camera_clock_learn(&clock, t * S, (uint64_t)(100 * S + t * S / 50), 0, WALL);
    assert_int_equal(clock.unix_offset_ns, WALL + 100 * S);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_FILE);
}

static void a_camera_loses_its_say_when_this_machine_is_set_away_from_it(void **state)
{
    (void)state;
    struct tyto_camera_clock clock;
    tyto_camera_clock_init(&clock, false);
    for (int64_t t = 0; t < 3; t++)
        learn(&clock, t, true, 0, WALL);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_CAMERA);
    learn(&clock, 3, false, 0, WALL + DAY);
    assert_int_equal(clock.unix_offset_ns, WALL + DAY + 100 * S + S / 5);
    assert_int_equal(clock.quality, TYTO_CLOCK_QUALITY_DISCONTINUOUS);
    learn(&clock, 4, true, 0, WALL + DAY);
    learn(&clock, 5, true, 0, WALL + DAY);
    assert_in_range((uint64_t)-clock.off_ns, (uint64_t)(DAY), (uint64_t)(DAY + S));
}

/* One picture a second and sound between, from second `from` to `until`; they change if said so. */
static void give(struct tyto_still *still, int from, int until, bool changes)
{
    uint8_t bytes[64 * 48] = {0};
    float samples[160] = {0};
    const struct tyto_frame frame = {.format = TYTO_PIXEL_RGB,
                                     .width = 16,
                                     .height = 48,
                                     .planes = {bytes},
                                     .strides_bytes = {64}};
    for (int t = from; t < until; t++) {
        bytes[8 * 64 + 5] = changes ? (uint8_t)t : 0;
        samples[159] = changes ? 1e-4f : 0;
        tyto_still_picture(still, &frame, (uint64_t)(t * S));
        tyto_still_sound(still, samples, 160, (uint64_t)(t * S));
    }
}

static bool are_told(const struct tyto_still *still, char text[128])
{
    const bool told[TYTO_NUM_STREAMS] = {still->streams[0].is_told, still->streams[1].is_told};
    tyto_still_text(told, still->limit_ns, text, 128);
    return told[0] && told[1];
}

static void streams_that_go_on_and_do_not_change_are_told_ever_more_rarely(void **state)
{
    (void)state;
    struct tyto_still still;
    char text[128];
    tyto_still_init(&still, 20 * TYTO_NS_PER_S);
    give(&still, 1, 100, true);
    assert_false(are_told(&still, text));
    assert_string_equal(text, "");
    give(&still, 100, 115, false);
    assert_false(are_told(&still, text));
    give(&still, 115, 130, false);
    assert_true(are_told(&still, text));
    assert_string_equal(text,
                        "its picture has not changed for 20 s or more; its sound is silence alone");
    give(&still, 130, 131, true);
    assert_false(are_told(&still, text));
    give(&still, 131, 160, false); /* now it takes 40 s */
    assert_false(are_told(&still, text));
    give(&still, 160, 180, false);
    assert_true(are_told(&still, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_of_both_streams_are_never_given_up),
        cmocka_unit_test(either_stream_that_stops_is_told_and_given_up_after_stall_s),
        cmocka_unit_test(a_stream_that_does_not_come_back_is_called_for_ever_more_rarely),
        cmocka_unit_test(a_stream_that_never_came_is_told_and_called_for_once),
        cmocka_unit_test(a_connection_without_data_is_given_up_after_20_s),
        cmocka_unit_test(a_camera_that_agrees_with_this_machine_is_followed),
        cmocka_unit_test(a_camera_that_is_years_off_is_told_and_not_followed),
        cmocka_unit_test(this_machines_clock_is_followed_forward_and_back),
        cmocka_unit_test(a_clock_that_is_disciplined_is_followed_without_a_word),
        cmocka_unit_test(the_time_of_arrival_is_that_of_the_quickest_data),
        cmocka_unit_test(stamps_that_run_too_fast_or_too_slow_are_followed),
        cmocka_unit_test(a_files_seconds_are_counted_from_when_it_was_opened),
        cmocka_unit_test(a_camera_loses_its_say_when_this_machine_is_set_away_from_it),
        cmocka_unit_test(streams_that_go_on_and_do_not_change_are_told_ever_more_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
