/* SPDX-License-Identifier: MIT */
/* The daemon's log: whoever logs never waits, and nobody can flood it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/service/log_sink.h"

enum { READ_BYTES = 1 << 20 };

static int fds[2];
static char read_text[READ_BYTES];

static struct tyto_log_sink *open_sink(enum tyto_log_format format)
{
    const struct tyto_log_sink_params params = {
        .fd = fds[1], .format = format, .level = TYTO_LOG_INFO};
    struct tyto_log_sink *sink = NULL;
    assert_int_equal(tyto_log_sink_create(&params, &sink), TYTO_OK);
    return sink;
}

/* What has come out so far. */
static const char *read_all(void)
{
    size_t at = strlen(read_text);
    ssize_t num;
    while ((num = read(fds[0], read_text + at, READ_BYTES - 1 - at)) > 0)
        at += (size_t)num;
    read_text[at] = '\0';
    return read_text;
}

static uint32_t count_of(const char *text, const char *words)
{
    uint32_t num = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        num++;
    return num;
}

/* Messages that have been told of so far, alone or by their number: "and 1,203 more like: ...". */
static uint32_t total_of(const char *words)
{
    uint32_t total = 0;
    for (const char *at = read_all(); (at = strstr(at, words)); at++) {
        static const char more[] = " more like: ";
        const char *number = at - (sizeof(more) - 1);
        uint32_t num = 1;
        if (number > read_text && strncmp(number, more, sizeof(more) - 1) == 0) {
            num = 0;
            for (uint32_t digit = 1; number[-1] != ' '; number--) {
                num += number[-1] == ',' ? 0 : digit * (uint32_t)(number[-1] - '0');
                digit *= number[-1] == ',' ? 1 : 10;
            }
        }
        total += num;
    }
    return total;
}

static int make_pipe(void **state)
{
    (void)state;
    read_text[0] = '\0';
    unsetenv("JOURNAL_STREAM");
    return pipe2(fds, O_CLOEXEC) != 0 || fcntl(fds[1], F_SETPIPE_SZ, 4096) < 0 ||
           fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0;
}

static int close_pipe(void **state)
{
    (void)state;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void lines_come_in_order_and_whole(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_JSON);
    const struct tyto_log log = tyto_log_sink_log(sink);
    for (int i = 0; i < 100; i++) {
        tyto_log_write(&log, TYTO_LOG_INFO, "test", "line \"%d\"", i);
        tyto_log_write(&log, TYTO_LOG_DEBUG, "test", "not this one");
        (void)read_all();
    }
    /* They do not all go into the pipe, and flushing waits for no reader. */
    for (int i = 0; i < 3000 && count_of(read_all(), "\n") < 100; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    tyto_log_sink_destroy(&sink);
    const char *at = read_all();
    assert_int_equal(count_of(at, "\n"), 100);
    assert_int_equal(count_of(at, "not this one"), 0);
    for (int i = 0; i < 100; i++) {
        char words[64];
        snprintf(words, sizeof(words), "\"room\":\"test\",\"text\":\"line \\\"%d\\\"\"}\n", i);
        at = strstr(at, words);
        assert_non_null(at);
    }
}

static void who_logs_never_waits_for_who_reads_and_what_is_left_out_is_counted(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_HUMAN);
    const struct tyto_log log = tyto_log_sink_log(sink);
    char text[600];
    uint64_t longest_ns = 0;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 1000; i++) { /* more than fits, each of its own shape */
        text[i % 500] = (char)('a' + i % 23);
        const uint64_t begin_ns = tyto_clock_mono_ns();
        tyto_log_write(&log, TYTO_LOG_INFO, "test", "%s", text);
        const uint64_t took_ns = tyto_clock_mono_ns() - begin_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    }
    assert_true(longest_ns < 500 * TYTO_NS_PER_MS); /* a busy machine may take the processor away */
    const uint64_t begin_ns = tyto_clock_mono_ns();
    tyto_log_sink_flush(sink); /* in vain */
    assert_true(tyto_clock_mono_ns() - begin_ns < 3 * TYTO_NS_PER_S);
    for (int i = 0; i < 200 && count_of(read_all(), " info ") < 400; i++)
        usleep(10000);
    tyto_log_write(&log, TYTO_LOG_INFO, "test", "now it is read");
    for (int i = 0; i < 500 && !strstr(read_all(), "now it is read"); i++)
        usleep(10000);
    const char *told = strstr(read_text, " lines were left out");
    assert_non_null(told);
    while (told[-1] != ' ')
        told--;
    const unsigned long num_left_out = strtoul(told, NULL, 10);
    assert_int_equal(count_of(read_text, " info ") - 1 + num_left_out, 1000);
    tyto_log_sink_destroy(&sink);
}

static void a_log_that_nobody_reads_does_not_hold_up_the_end(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_HUMAN);
    const struct tyto_log log = tyto_log_sink_log(sink);
    for (int i = 0; i < 150; i++)
        tyto_log_write(&log, TYTO_LOG_INFO, "test", "line %d of very many that nobody reads", i);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    tyto_log_sink_destroy(&sink); /* its thread stays behind, in a write */
    assert_true(tyto_clock_mono_ns() - begin_ns < 3 * TYTO_NS_PER_S);
    for (int i = 0; i < 100; i++) {
        (void)read_all();
        usleep(1000);
    }
}

static bool turns_within(struct tyto_log_sink *sink, uint64_t num)
{
    const uint64_t first = tyto_log_sink_num_turns(sink);
    for (int i = 0; i < 6000 && tyto_log_sink_num_turns(sink) < first + num; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return tyto_log_sink_num_turns(sink) >= first + num;
}

static void whoever_does_not_read_does_not_make_the_thread_stand_still(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_HUMAN);
    const struct tyto_log log = tyto_log_sink_log(sink);
    assert_true(turns_within(sink, 2)); /* with nothing to do */
    for (int i = 0; i < 300; i++)
        tyto_log_write(&log, TYTO_LOG_INFO, "test", "long line %c %d", 'a' + i % 26, i);
    tyto_log_sink_flush(sink);
    assert_true(turns_within(sink, 20));
    for (int i = 0; i < 6000 && total_of("long line") < 300; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(total_of("long line"), 300);
    tyto_log_sink_destroy(&sink);
}

static void the_same_message_comes_once_a_second_and_a_flood_is_counted(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_HUMAN);
    const struct tyto_log log = tyto_log_sink_log(sink);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (int i = 0; i < 1204; i++)
        tyto_log_write(&log, TYTO_LOG_WARNING, "test", "a subscription was refused");
    for (int i = 0; i < 5000; i++)
        tyto_log_write(&log, TYTO_LOG_WARNING, "test", "number %d is refused", i);
    tyto_log_write(&log, TYTO_LOG_WARNING, "test", "something else");
    for (int i = 0; i < 1000 && (total_of("a subscription") < 1204 || total_of("number") < 5000);
         i++)
        usleep(10000);
    /* A busy machine may take some seconds for it: as many lines more. */
    const uint64_t took_s = (tyto_clock_mono_ns() - begin_ns) / TYTO_NS_PER_S + 1;
    assert_int_equal(total_of("a subscription"), 1204);
    assert_int_equal(total_of("number"), 5000);
    assert_in_range(count_of(read_text, "a subscription"), 2, 2 * took_s);
    assert_in_range(count_of(read_text, "is refused"), TYTO_LOG_SINK_BURST,
                    TYTO_LOG_SINK_BURST + (TYTO_LOG_SINK_PER_S + 1) * took_s);
    assert_non_null(strstr(read_text, "something else"));
    tyto_log_sink_destroy(&sink);
}

static void what_was_held_back_is_told_at_the_end(void **state)
{
    (void)state;
    struct tyto_log_sink *sink = open_sink(TYTO_LOG_FORMAT_HUMAN);
    const struct tyto_log log = tyto_log_sink_log(sink);
    for (int i = 0; i < 3; i++)
        tyto_log_write(&log, TYTO_LOG_ERROR, "test", "again");
    tyto_log_sink_destroy(&sink);
    assert_non_null(strstr(read_all(), "and 2 more like: again"));
}

int main(void)
{
    /* As in tytod: a thread that was left behind may write into what is closed. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_in_order_and_whole, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(
            who_logs_never_waits_for_who_reads_and_what_is_left_out_is_counted, make_pipe,
            close_pipe),
        cmocka_unit_test_setup_teardown(a_log_that_nobody_reads_does_not_hold_up_the_end, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(whoever_does_not_read_does_not_make_the_thread_stand_still,
                                        make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(the_same_message_comes_once_a_second_and_a_flood_is_counted,
                                        make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_told_at_the_end, make_pipe,
                                        close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
