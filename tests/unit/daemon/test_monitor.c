/* SPDX-License-Identifier: MIT */
/* Figures as text, and addresses to show them at. The HTTP server is in tests/flow/test_monitor.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "daemon/monitor/http.h"
#include "daemon/monitor/metrics.h"

struct figures {
    uint64_t num_things;
    uint32_t num_small;
    int64_t off_ns;
    double share;
    bool is_good;
};

static const struct tyto_metric rows[] = {
    {.name = "x_things_total",
     .kind = TYTO_METRIC_COUNTER,
     .type = TYTO_METRIC_U64,
     .offset = offsetof(struct figures, num_things),
     .help = "Things, \\ and\nmore.",
     .label = {"kind", "all"}},
    {.name = "x_things_total",
     .kind = TYTO_METRIC_COUNTER,
     .type = TYTO_METRIC_U32,
     .offset = offsetof(struct figures, num_small),
     .label = {"kind", "small"}},
    {.name = "x_off_seconds",
     .type = TYTO_METRIC_I64,
     .offset = offsetof(struct figures, off_ns),
     .scale = 1e-9,
     .help = "Off."},
    {.name = "x_share",
     .type = TYTO_METRIC_F64,
     .offset = offsetof(struct figures, share),
     .help = "Share."},
    {.name = "x_good",
     .type = TYTO_METRIC_BOOL,
     .offset = offsetof(struct figures, is_good),
     .help = "Good."},
};

static void put_two(void *user, struct tyto_metrics_text *text)
{
    static const struct figures a = {1ull << 40, 3, -1500000000, 0.25, true};
    static const struct figures b = {.num_things = 7};
    const struct tyto_metric_subject subjects[] = {{&a, {"camera", "a"}},
                                                   {&b, {"camera", "b \"quoted\"\\\n"}}};
    (void)user;
    tyto_metrics_put(text, rows, TYTO_METRIC_NUM_ROWS(rows), subjects, 2);
}

static void put_histogram(void *user, struct tyto_metrics_text *text)
{
    const struct tyto_metric_label label = {"stage", "one"};
    tyto_metrics_head(text, "x_seconds", "histogram", "Time.");
    tyto_metrics_histogram(text, "x_seconds", &label, user);
}

static void put_much(void *user, struct tyto_metrics_text *text)
{
    (void)user;
    for (int i = 0; i < 100000; i++)
        tyto_metrics_value(text, "x_much_of_it_all_with_a_long_name", NULL, 0, i);
}

static void figures_are_written_by_their_rows(void **state)
{
    static const char expected[] =
        "# HELP x_things_total Things, \\\\ and\\nmore.\n"
        "# TYPE x_things_total counter\n"
        "x_things_total{camera=\"a\",kind=\"all\"} 1099511627776\n"
        "x_things_total{camera=\"a\",kind=\"small\"} 3\n"
        "x_things_total{camera=\"b \\\"quoted\\\"\\\\\\n\",kind=\"all\"} "
        "7\n"
        "x_things_total{camera=\"b \\\"quoted\\\"\\\\\\n\",kind="
        "\"small\"} 0\n"
        "# HELP x_off_seconds Off.\n"
        "# TYPE x_off_seconds gauge\n"
        "x_off_seconds{camera=\"a\"} -1.5\n";
    struct tyto_metrics *metrics = NULL;
    char *text = NULL;
    size_t num = 0;
    (void)state;
    assert_int_equal(tyto_metrics_create(&metrics), TYTO_OK);
    assert_int_equal(tyto_metrics_print(metrics, &text, &num), TYTO_OK);
    assert_int_equal(num, 0);
    free(text);
    assert_int_equal(tyto_metrics_add(metrics, put_two, NULL), TYTO_OK);
    assert_int_equal(tyto_metrics_print(metrics, &text, &num), TYTO_OK);
    assert_int_equal(num, strlen(text));
    assert_memory_equal(text, expected, sizeof(expected) - 1);
    assert_non_null(strstr(text, "\nx_share{camera=\"a\"} 0.25\n"));
    assert_non_null(strstr(text, "\nx_good{camera=\"a\"} 1\n"));
    free(text);
    tyto_metrics_stop(metrics);
    assert_int_equal(tyto_metrics_print(metrics, &text, &num), TYTO_OK);
    assert_string_equal(text, "");
    free(text);
    tyto_metrics_destroy(&metrics);
}

static void histograms_count_up(void **state)
{
    struct tyto_histogram histogram = {{0}, 0};
    struct tyto_metrics *metrics = NULL;
    char *text = NULL;
    size_t num = 0;
    (void)state;
    tyto_histogram_add(&histogram, 0);
    tyto_histogram_add(&histogram, TYTO_NS_PER_MS);
    tyto_histogram_add(&histogram, TYTO_NS_PER_MS + 1);
    tyto_histogram_add(&histogram, 40 * TYTO_NS_PER_S);
    assert_int_equal(tyto_metrics_create(&metrics), TYTO_OK);
    assert_int_equal(tyto_metrics_add(metrics, put_histogram, &histogram), TYTO_OK);
    assert_int_equal(tyto_metrics_print(metrics, &text, &num), TYTO_OK);
    assert_non_null(strstr(text, "x_seconds_bucket{stage=\"one\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "x_seconds_bucket{stage=\"one\",le=\"0.002\"} 3\n"));
    assert_non_null(strstr(text, "x_seconds_bucket{stage=\"one\",le=\"30\"} 3\n"));
    assert_non_null(strstr(text, "x_seconds_bucket{stage=\"one\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "x_seconds_sum{stage=\"one\"} 40.002\n"));
    assert_non_null(strstr(text, "x_seconds_count{stage=\"one\"} 4\n"));
    free(text);
    tyto_metrics_destroy(&metrics);
}

static void too_much_is_no_text(void **state)
{
    struct tyto_metrics *metrics = NULL;
    char *text = NULL;
    size_t num = 0;
    (void)state;
    assert_int_equal(tyto_metrics_create(&metrics), TYTO_OK);
    for (int i = 0; i < TYTO_METRICS_MAX_SOURCES; i++)
        assert_int_equal(tyto_metrics_add(metrics, put_much, NULL), TYTO_OK);
    assert_int_equal(tyto_metrics_add(metrics, put_much, NULL), TYTO_ERR_FULL);
    assert_int_equal(tyto_metrics_print(metrics, &text, &num), TYTO_ERR_FULL);
    tyto_metrics_destroy(&metrics);
}

static void addresses_are_loopback_or_not(void **state)
{
    static const struct {
        const char *text;
        bool is_good, is_loopback;
    } cases[] = {
        {"9466", true, true},
        {"0", true, true},
        {"127.0.0.1:9466", true, true},
        {"127.8.8.8:1", true, true},
        {"[::1]:9466", true, true},
        {"[::ffff:127.0.0.1]:9466", true, true},
        {"0.0.0.0:9466", true, false},
        {"192.168.1.2:9466", true, false},
        {"[::]:9466", true, false},
        {"[::ffff:10.0.0.1]:9466", true, false},
        {"", false, false},
        {":9466", false, false},
        {"localhost:9466", false, false},
        {"127.0.0.1", false, false},
        {"127.0.0.1:", false, false},
        {"127.0.0.1:65536", false, false},
        {"127.0.0.1:-1", false, false},
        {"127.0.0.1:9466x", false, false},
        {"::1:9466", false, false},
        {"[]:1", false, false},
        {"[:1", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_loopback = false;
        struct tyto_fault fault = {.text = ""};
        const enum tyto_err err = tyto_http_check_address(cases[i].text, &is_loopback, &fault);
        if (!err != cases[i].is_good || is_loopback != cases[i].is_loopback)
            fail_msg("'%s': %s", cases[i].text, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_written_by_their_rows),
        cmocka_unit_test(histograms_count_up),
        cmocka_unit_test(too_much_is_no_text),
        cmocka_unit_test(addresses_are_loopback_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
