/* SPDX-License-Identifier: MIT */
/* Times as a person types them, in a zone that is not UTC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/common/when.h"

/* 2026-11-27T12:00:00Z, 13:00 in the zone of this test. */
#define NOW_S 1795780800
#define AT_NS(seconds) ((int64_t)(seconds) * (int64_t)TYTO_NS_PER_S)

static void expect(const char *text, int64_t unix_ns)
{
    struct tyto_fault fault = {.text = ""};
    int64_t read_ns = 0;
    if (tyto_when_read(text, AT_NS(NOW_S), &read_ns, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    if (read_ns != unix_ns)
        fail_msg("%s: %lld, not %lld", text, (long long)read_ns, (long long)unix_ns);
}

static void times_are_read_as_they_are_meant(void **state)
{
    (void)state;
    expect("now", AT_NS(NOW_S));
    expect("90s", AT_NS(NOW_S - 90));
    expect("15m", AT_NS(NOW_S - 15 * 60));
    expect("2h", AT_NS(NOW_S - 2 * 3600));
    expect("3d", AT_NS(NOW_S - 3 * 24 * 3600));
    expect("2026-11-27T12:00:00Z", AT_NS(NOW_S));
    expect("2026-11-27T12:00:00.250Z", AT_NS(NOW_S) + 250 * (int64_t)TYTO_NS_PER_MS);
    expect("2026-11-27T12:00Z", AT_NS(NOW_S));
    expect("2026-11-27T13:00", AT_NS(NOW_S));
    expect("2026-11-27 13:00:00", AT_NS(NOW_S));
    expect("2026-11-27", AT_NS(NOW_S - 13 * 3600));
    expect("12:30", AT_NS(NOW_S - 30 * 60));
    expect("12:30:10", AT_NS(NOW_S - 30 * 60 + 10));
    expect("13:30", AT_NS(NOW_S + 30 * 60 - 24 * 3600)); /* yesterday's */
    expect("2026-07-01T12:00", AT_NS(1782900000));       /* of summer time */
}

static void what_is_no_time_is_refused_with_what_is_one(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "yesterday",           "12",   "25:00",      "-5m",   "5 m", "1w", "2026-13-1",
        "12:3x", "2026-11-27T12:00+01", "1e9s", "999999999d", "0x10s", "1.5h"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tyto_fault fault = {.text = ""};
        int64_t read_ns = 7;
        if (tyto_when_read(bad[i], AT_NS(NOW_S), &read_ns, &fault) != TYTO_ERR_INVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(fault.text, "must be a time"));
    }
}

static void what_is_printed_is_read_again(void **state)
{
    (void)state;
    char text[64];
    const int64_t unix_ns = AT_NS(NOW_S), none = 0;
    tyto_when_print(&unix_ns, text, sizeof(text));
    assert_string_equal(text, "2026-11-27T12:00:00Z");
    expect(text, unix_ns);
    tyto_when_print(&none, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_they_are_meant),
        cmocka_unit_test(what_is_no_time_is_refused_with_what_is_one),
        cmocka_unit_test(what_is_printed_is_read_again),
    };
    /* As POSIX writes it: no file of zones is needed. */
    if (setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) != 0)
        return 1;
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
