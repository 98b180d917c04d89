/* SPDX-License-Identifier: MIT */
/* options/: values from texts and back, command lines, JSON, help; with each allocation failing
 * once, in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options/command.h"
#include "options/json.h"
#include "tests/unit/fail_alloc.h"

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    return copy ? memcpy(copy, text, strlen(text) + 1) : NULL;
}

#define COLOUR_LIST(X) X(RED, "red", NULL) X(GREEN, "green", "as grass")
enum colour { COLOUR_LIST(TYTO_WORD_ENUM) };
#define ALL_LIST(X) X(UINT32_MAX, "all", NULL)
#define NEVER_LIST(X) X(0, "never", NULL)

struct values {
    bool flag, other_flag;
    enum colour colour;
    uint32_t count;
    uint64_t seed;
    float share;
    int64_t wait_ns;
    uint64_t room_bytes;
    double range[2];
    char name[8];
    char *file;
    struct tyto_texts labels;
    uint64_t given;
};

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct values, field)
static const struct tyto_option rows[] = {
    {.key = "flag", .type = TYTO_OPTION_FLAG, AT(flag), .help = "a flag"},
    {.key = "other_flag", .type = TYTO_OPTION_FLAG, AT(other_flag), .help = "another"},
    {.key = "colour", .type = TYTO_OPTION_WORD, AT(colour), .words = TYTO_WORDS(COLOUR_LIST),
     .alone = "green", .help = "one of two"},
    {.key = "count", .letter = 'n', .aliases = "number,num", .type = TYTO_OPTION_U32, AT(count),
     .min = 1, .max = 9, .words = TYTO_WORDS(ALL_LIST), .help = "how many"},
    {.key = "seed", .type = TYTO_OPTION_U64, AT(seed), .max = 9e18, .help = "a seed"},
    {.key = "share", .type = TYTO_OPTION_F32, AT(share), .max = 1, .help = "a share"},
    {.key = "wait_s", .type = TYTO_OPTION_TIME, AT(wait_ns), .min = 0.1, .max = 60, .unit = "s",
     .words = TYTO_WORDS(NEVER_LIST), .help = "a time"},
    {.key = "room_mib", .type = TYTO_OPTION_BYTES, AT(room_bytes), .min = 1, .max = 99, .unit = "MiB",
     .help = "much"},
    {.key = "range", .type = TYTO_OPTION_RANGE, AT(range), .min = -5, .max = 5, .help = "from to"},
    {.key = "name", .type = TYTO_OPTION_CHARS, AT(name), .help = "a name"},
    {.key = "file", .type = TYTO_OPTION_TEXT, AT(file), .value = "FILE", .absent = "none",
     .help = "a file whose help is so long that it does not fit in one line of eighty columns, nor in "
             "two of them, if the head of the row takes a third of each"},
    {.key = "labels", .type = TYTO_OPTION_TEXTS, AT(labels), .max = 3, .value = "FILE",
     .help = "files"},
};
#undef AT
/* clang-format on */

static const struct tyto_option_group group = {.title = "All",
                                               .rows = rows,
                                               .num_rows = TYTO_NUM_ROWS(rows),
                                               .marks = offsetof(struct values, given)};

static enum tyto_err init_values(void *target)
{
    struct values *values = target;
    values->count = 2;
    values->wait_ns = 1500000000;
    return tyto_option_set(&rows[TYTO_NUM_ROWS(rows) - 1], &values->labels, "standard.csv", NULL);
}

static const struct tyto_command command = {
    .name = "tyto test",
    .summary = "nothing",
    .usage = "tyto test",
    .groups = &group,
    .num_groups = 1,
    .examples = "tyto test\n",
    .target_bytes = sizeof(struct values),
    .init = init_values,
};

static uint32_t row(const char *key)
{
    for (uint32_t i = 0; i < TYTO_NUM_ROWS(rows); i++) {
        if (strcmp(rows[i].key, key) == 0)
            return i;
    }
    fail_msg("no row %s", key);
    return 0;
}

static void a_text_goes_in_and_comes_back(void **state)
{
    static const char *const pairs[][3] = {
        {"flag", "yes", "true"},
        {"colour", "green", "green"},
        {"count", "9", "9"},
        {"count", "all", "all"},
        {"seed", "8999999999999999999", "8999999999999999999"},
        {"share", "0.15", "0.15"},
        {"share", "1e-3", "0.001"},
        {"wait_s", "0.25", "0.25"},
        {"wait_s", "never", "never"},
        {"room_mib", "1.5", "1.5"},
        {"range", "-4:4.5", "-4:4.5"},
        {"name", "seven77", "seven77"},
        {"file", "a.mp4", "a.mp4"},
        {"labels", "a.csv", "a.csv"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct values values = {0};
        uint64_t given = 0;
        char text[256];
        const uint32_t idx = row(pairs[i][0]);
        assert_int_equal(tyto_option_give(&group, idx, &values, &given, pairs[i][1], NULL),
                         TYTO_OK);
        tyto_option_print(&rows[idx], tyto_option_value(&group, idx, &values), text, sizeof(text));
        assert_string_equal(text, pairs[i][2]);
        assert_true(values.given == UINT64_C(1) << idx);
        tyto_command_finish(&command, &values);
    }
}

static void a_text_that_does_not_fit_is_said_and_changes_nothing(void **state)
{
    static const char *const cases[][3] = {
        {"flag", "maybe", "'maybe' must be true or false"},
        {"colour", "blue", "'blue' must be one of: red, green"},
        {"count", "0", "'0' is out of range: must be from 1 to 9, or all"},
        {"count", "2.5", "'2.5' must be a whole number from 1 to 9, or all"},
        {"count", "", "'' must be a whole number from 1 to 9, or all"},
        {"share", "nan", "'nan' must be a number from 0 to 1"},
        {"share", "0x1", "'0x1' must be a number from 0 to 1"},
        {"share", "1e999", "'1e999' must be a number from 0 to 1"},
        {"wait_s", "0", "'0' is out of range: must be from 0.1 to 60, or never"},
        {"range", "4:-4", "'4:-4' must be LOW:HIGH, within -5 to 5"},
        {"range", "4", "'4' must be LOW:HIGH, within -5 to 5"},
        {"range", "-6:0", "'-6:0' must be LOW:HIGH, within -5 to 5"},
        {"name", "eight888", "is too long: 7 characters at most"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct values values = {.count = 7, .name = "x"};
        const struct values before = values;
        struct tyto_fault fault = {.text = ""};
        const uint32_t idx = row(cases[i][0]);
        assert_int_equal(tyto_option_set(&rows[idx], tyto_option_value(&group, idx, &values),
                                         cases[i][1], &fault),
                         TYTO_ERR_INVALID);
        assert_string_equal(fault.text, cases[i][2]);
        assert_memory_equal(&values, &before, sizeof(values));
    }
}

enum { MAX_WORDS = 32 };

/* Reads a line that NULL ends; words become ret_argv, which the reader moves about. */
static enum tyto_command_result read_line(const char *const *words, struct values *ret_values,
                                          char *ret_argv[MAX_WORDS], int *ret_num)
{
    int argc = 0;
    for (; words[argc]; argc++)
        ret_argv[argc] = (char *)(uintptr_t)words[argc];
    memset(ret_values, 0, sizeof(*ret_values));
    assert_int_equal(init_values(ret_values), TYTO_OK);
    return tyto_command_read(&command, argc, ret_argv, ret_values, ret_num);
}

static void a_command_line_is_read_as_people_write_it(void **state)
{
    static const char *const words[] = {"tyto",
                                        "one",
                                        "--count=3",
                                        "--colour",
                                        "red",
                                        "--fl",
                                        "--share",
                                        "0.5",
                                        "two",
                                        "-n4",
                                        "--labels",
                                        "a.csv",
                                        "--labels=b.csv",
                                        "--range",
                                        "-1:0",
                                        "--colour",
                                        "three",
                                        "--file",
                                        "-",
                                        "--other-flag=no",
                                        "--flag",
                                        "--other-flag=yes",
                                        "--other-flag",
                                        "false",
                                        "-",
                                        "--",
                                        "--flag",
                                        NULL};
    struct values values;
    char *argv[MAX_WORDS];
    int num = 0;
    (void)state;
    assert_int_equal(read_line(words, &values, argv, &num), TYTO_COMMAND_RUN);
    assert_int_equal(num, 5);
    assert_string_equal(argv[1], "one");
    assert_string_equal(argv[3], "three");
    assert_string_equal(argv[4], "-");
    assert_string_equal(argv[5], "--flag");
    assert_int_equal(values.count, 4);
    assert_int_equal(values.colour, GREEN); /* the last one, alone */
    assert_true(values.flag && !values.other_flag && values.share == 0.5f);
    assert_int_equal(values.labels.num, 2); /* in place of the standard one */
    assert_string_equal(values.labels.texts[1], "b.csv");
    assert_true(values.range[0] == -1 && values.range[1] == 0);
    assert_string_equal(values.file, "-");
    tyto_command_finish(&command, &values);
}

static void what_is_wrong_with_a_command_line_ends_it(void **state)
{
    static const char *const lines[][4] = {
        {"tyto", "--flog", NULL},
        {"tyto", "--count", NULL},
        {"tyto", "--count", "--flag", NULL},
        {"tyto", "-x", NULL},
        {"tyto", "--count", "ten", NULL},
        {"tyto", "-n", NULL},
        {"tyto", "--flag=both", NULL},
        {"tyto", "--room", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct values values;
        char *argv[MAX_WORDS];
        int num = 0;
        assert_int_equal(read_line(lines[i], &values, argv, &num), TYTO_COMMAND_WRONG);
        tyto_command_finish(&command, &values);
    }
    static const char *const fourth[] = {"tyto",       "--labels=1", "--labels=2",
                                         "--labels=3", "--labels=4", NULL};
    struct values values;
    char *argv[MAX_WORDS];
    int num = 0;
    assert_int_equal(read_line(fourth, &values, argv, &num), TYTO_COMMAND_WRONG);
    tyto_command_finish(&command, &values);
}

static void older_names_are_taken(void **state)
{
    static const char *const words[] = {"tyto", "--num", "5", "--number=6", NULL};
    struct values values;
    char *argv[MAX_WORDS];
    int num = 0;
    (void)state;
    assert_int_equal(read_line(words, &values, argv, &num), TYTO_COMMAND_RUN);
    assert_int_equal(values.count, 6);
    tyto_command_finish(&command, &values);
}

static void help_stays_within_eighty_columns_and_says_defaults(void **state)
{
    char *text = NULL;
    size_t num = 0;
    (void)state;
    FILE *out = open_memstream(&text, &num);
    assert_non_null(out);
    assert_int_equal(tyto_command_put_help(&command, out), TYTO_OK);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "  --wait-s S "));
    assert_non_null(strstr(text, "a time (default: 1.5)"));
    assert_non_null(strstr(text, "(default: standard.csv)"));
    assert_non_null(strstr(text, "-n, --count N"));
    for (const char *line = text; *line;) {
        const size_t len = strcspn(line, "\n");
        assert_true(len <= 80);
        line += len + (line[len] == '\n');
    }
    free(text);
}

static void json_comes_back_and_what_was_given_wins(void **state)
{
    struct values one = {0}, two = {0};
    uint64_t given = 0;
    struct tyto_fault fault = {.text = ""};
    (void)state;
    assert_int_equal(init_values(&one), TYTO_OK);
    one.flag = true;
    one.count = UINT32_MAX;
    one.seed = 1234567890123456789;
    one.share = 0.15f;
    one.colour = GREEN;
    struct tyto_json *json = tyto_options_to_json(&group, 1, &one);
    assert_non_null(json);
    assert_int_equal(tyto_option_give(&group, row("share"), &two, &given, "0.5", NULL), TYTO_OK);
    const enum tyto_err err = tyto_options_from_json(&group, 1, &two, json, "c.json", &fault);
    assert_int_equal(err, TYTO_ERR_INVALID); /* nobody gave `one` a room that is in range */
    assert_string_equal(fault.key, "room_mib");
    assert_true(two.flag && two.count == UINT32_MAX && two.seed == one.seed && two.share == 0.5f);
    assert_int_equal(two.colour, GREEN);
    tyto_json_destroy(&json);
    assert_int_equal(tyto_json_parse("{\"cuont\":1}", 11, &json, NULL, 0), TYTO_OK);
    assert_int_equal(tyto_options_from_json(&group, 1, &two, json, "c.json", &fault),
                     TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "did you mean 'count'?"));
    tyto_json_destroy(&json);
    tyto_command_finish(&command, &one);
    tyto_command_finish(&command, &two);
}

static void an_overlay_takes_what_is_marked(void **state)
{
    const struct values from = {.count = 5, .share = 0.0f};
    struct values to = {.count = 1, .share = 0.5f, .flag = true};
    (void)state;
    tyto_options_overlay(rows, 6, &from, UINT64_C(1) << row("share") | UINT64_C(1) << row("flag"),
                         &to);
    assert_true(to.count == 1 && to.share == 0.0f && !to.flag);
}

static enum tyto_err read_with_little_memory(void)
{
    static const char *const words[] = {"tyto",  "--labels", "a.csv", "--labels",
                                        "b.csv", "--file",   "c"};
    char *argv[7];
    struct values *values = tyto_command_target(&command);
    int num = 0;
    if (!values)
        return TYTO_ERR_NOMEM;
    for (int i = 0; i < 7; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    const enum tyto_command_result result = tyto_command_read(&command, 7, argv, values, &num);
    tyto_command_free(&command, (void **)&values);
    return result == TYTO_COMMAND_RUN ? TYTO_OK : TYTO_ERR_NOMEM;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    fail_each(read_with_little_memory, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_goes_in_and_comes_back),
        cmocka_unit_test(a_text_that_does_not_fit_is_said_and_changes_nothing),
        cmocka_unit_test(a_command_line_is_read_as_people_write_it),
        cmocka_unit_test(what_is_wrong_with_a_command_line_ends_it),
        cmocka_unit_test(older_names_are_taken),
        cmocka_unit_test(help_stays_within_eighty_columns_and_says_defaults),
        cmocka_unit_test(json_comes_back_and_what_was_given_wins),
        cmocka_unit_test(an_overlay_takes_what_is_marked),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
