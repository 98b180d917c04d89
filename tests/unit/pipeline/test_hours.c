/* SPDX-License-Identifier: MIT */
/* pipeline/hours: what the wall shows, and hours over midnight and over days when clocks change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/hours/hours.h"

#define S 1000000000ll

/* Seconds of UTC. */
static int64_t utc(int year, int month, int day, int hour, int min)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = min};
    return (int64_t)timegm(&tm);
}

static struct tyto_time_zone *zone_of(const char *name)
{
    struct tyto_time_zone *zone = NULL;
    assert_int_equal(tyto_time_zone_create(name, &zone, NULL), TYTO_OK);
    return zone;
}

static struct tyto_hours hours_of(const char *times, const char *days)
{
    struct tyto_hours hours = {.days = 0};
    assert_int_equal(tyto_hours_read(times, &hours, NULL), TYTO_OK);
    if (days)
        assert_int_equal(tyto_hours_add_days(days, &hours.days, NULL), TYTO_OK);
    return hours;
}

/* Minutes from first_s on, of so many, that lie in the hours. */
static uint32_t count(const struct tyto_hours *hours, const struct tyto_time_zone *zone,
                      int64_t first_s, uint32_t num)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < num; i++)
        held += tyto_hours_hold(hours, tyto_time_zone_wall(zone, (first_s + 60 * i) * S));
    return held;
}

static void the_wall_shows_what_the_zone_says(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t at_s;
        uint32_t day, min;
    } known[] = {
        {"UTC", 0, 3, 0}, /* a Thursday */
        {"UTC", -60, 2, 1439},
        {"Europe/Berlin", 1700000000, 1, 23 * 60 + 13}, /* Tue 2023-11-14 23:13 */
        {"America/New_York", 1700000000, 1, 17 * 60 + 13},
        {"Asia/Kathmandu", 1700000000, 2, 3 * 60 + 58}, /* 5:45 ahead: Wednesday already */
        {"+02:00", 1700000000, 2, 13},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct tyto_time_zone *zone = zone_of(known[i].zone);
        const struct tyto_wall_time wall = tyto_time_zone_wall(zone, known[i].at_s * S);
        assert_int_equal(wall.day, known[i].day);
        assert_int_equal(wall.min, known[i].min);
        tyto_time_zone_destroy(&zone);
    }
    struct tyto_time_zone *zone = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_time_zone_create("Europe/Atlantis", &zone, &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "Europe/Atlantis"));
}

/* The host's zone is the one that holds when it is asked, also after it was changed. */
static void the_hosts_zone_is_followed(void **state)
{
    (void)state;
    struct tyto_time_zone *zone = zone_of("");
    setenv("TZ", "Asia/Tokyo", 1);
    assert_int_equal(tyto_time_zone_wall(zone, 1700000000 * S).min, 7 * 60 + 13);
    setenv("TZ", "America/New_York", 1);
    assert_int_equal(tyto_time_zone_wall(zone, 1700000000 * S).min, 17 * 60 + 13);
    tyto_time_zone_destroy(&zone);
}

/* Of a plain day by a plain rule: all minutes of two weeks, looked at one by one. */
static void hours_hold_as_the_minutes_of_a_week_say(void **state)
{
    (void)state;
    static const struct {
        const char *times, *days;
    } rules[] = {
        {"22:00-06:30", NULL},  {"22:00-06:30", "fri"},     {"08:00-17:00", "mon-fri"},
        {"00:00-24:00", "sun"}, {"23:59-00:00", "sat-mon"}, {"00:00-00:01", NULL},
        {"12:00-24:00", "wed"}, {"12:00-00:00", "wed"},     {"18:00-17:59", "sun"},
    };
    struct tyto_time_zone *zone = zone_of("UTC");
    const int64_t monday_s = utc(2024, 1, 1, 0, 0);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct tyto_hours hours = hours_of(rules[i].times, rules[i].days);
        const uint32_t days = hours.days ? hours.days : TYTO_HOURS_ALL_DAYS;
        const uint32_t length = hours.end_min > hours.begin_min
                                    ? hours.end_min - hours.begin_min
                                    : hours.end_min + TYTO_HOURS_DAY_MIN - hours.begin_min;
        static bool quiet[9 * TYTO_HOURS_DAY_MIN];
        memset(quiet, 0, sizeof(quiet));
        for (uint32_t d = 0; d < 8; d++) { /* the Sunday before, and a week */
            for (uint32_t m = 0; days >> (d + 6) % 7 & 1 && m < length; m++)
                quiet[d * TYTO_HOURS_DAY_MIN + hours.begin_min + m] = true;
        }
        for (uint32_t m = 0; m < 7 * TYTO_HOURS_DAY_MIN; m++)
            assert_int_equal(
                tyto_hours_hold(&hours, tyto_time_zone_wall(zone, (monday_s + 60 * m) * S)),
                quiet[TYTO_HOURS_DAY_MIN + m]);
    }
    tyto_time_zone_destroy(&zone);
}

/* In Berlin clocks went from 2 to 3 on 2024-03-31 and from 3 to 2 on 2024-10-27, Sundays. */
static void hours_follow_the_wall_when_clocks_change(void **state)
{
    (void)state;
    struct tyto_time_zone *zone = zone_of("Europe/Berlin");
    const int64_t spring_s = utc(2024, 3, 30, 12, 0), autumn_s = utc(2024, 10, 26, 12, 0);
    const struct tyto_hours night = hours_of("22:00-06:30", "sat");
    assert_int_equal(count(&night, zone, spring_s, 24 * 60), 8 * 60 + 30 - 60);
    assert_int_equal(count(&night, zone, autumn_s, 24 * 60), 8 * 60 + 30 + 60);
    /* An hour that does not come, and one that comes twice. */
    const struct tyto_hours lost = hours_of("02:00-03:00", NULL);
    assert_int_equal(count(&lost, zone, spring_s, 24 * 60), 0);
    assert_int_equal(count(&lost, zone, autumn_s, 24 * 60), 120);
    /* The end is at half past six by the wall on each of these days. */
    assert_true(tyto_hours_hold(&night, tyto_time_zone_wall(zone, utc(2024, 3, 31, 4, 29) * S)));
    assert_false(tyto_hours_hold(&night, tyto_time_zone_wall(zone, utc(2024, 3, 31, 4, 30) * S)));
    assert_true(tyto_hours_hold(&night, tyto_time_zone_wall(zone, utc(2024, 10, 27, 5, 29) * S)));
    assert_false(tyto_hours_hold(&night, tyto_time_zone_wall(zone, utc(2024, 10, 27, 5, 30) * S)));
    tyto_time_zone_destroy(&zone);
}

static void what_is_no_time_is_said(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "22:00",       "22-06",       "22:00-24:01",       "24:00-06:00",
        "7:00-8:00", "07:60-08:00", "08:00-08:00", "08:00-09:00-10:00", "ab:cd-ef:gh"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tyto_hours hours;
        struct tyto_fault fault = {.text = ""};
        assert_int_equal(tyto_hours_read(bad[i], &hours, &fault), TYTO_ERR_INVALID);
        assert_true(fault.text[0] != '\0');
    }
    uint32_t days = 0;
    assert_int_equal(tyto_hours_add_days("monday", &days, NULL), TYTO_ERR_INVALID);
    assert_int_equal(tyto_hours_add_days("mon-", &days, NULL), TYTO_ERR_INVALID);
    assert_int_equal(tyto_hours_add_days("", &days, NULL), TYTO_ERR_INVALID);
    assert_int_equal(days, 0);
    assert_int_equal(tyto_hours_add_days("sat-mon", &days, NULL), TYTO_OK);
    char text[64];
    tyto_hours_print_days(days, text, sizeof(text));
    assert_string_equal(text, "mon, sat, sun");
    const struct tyto_hours hours = hours_of("22:00-06:30", NULL);
    tyto_hours_print(&hours, text, sizeof(text));
    assert_string_equal(text, "22:00-06:30");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_shows_what_the_zone_says),
        cmocka_unit_test(the_hosts_zone_is_followed),
        cmocka_unit_test(hours_hold_as_the_minutes_of_a_week_say),
        cmocka_unit_test(hours_follow_the_wall_when_clocks_change),
        cmocka_unit_test(what_is_no_time_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
