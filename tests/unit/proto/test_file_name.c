/* SPDX-License-Identifier: MIT */
/* proto/file_name: what is written is read again, and nothing else is taken for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/file_name.h"

#define ID "01ARYZ6S41TSV4RRFFQ69G5FAV"

static void a_name_begins_with_its_time_and_comes_back(void **state)
{
    static const struct {
        int64_t unix_ns;
        const char *name;
        int64_t unix_s;
    } cases[] = {
        {1795449435999999999, "20261123T155715Z-dog_bark-" ID, 1795449435},
        {2147483648000000000, "20380119T031408Z-dog_bark-" ID, 2147483648}, /* beyond 31 bits */
        {0, "19700101T000000Z-dog_bark-" ID, 0},
        {INT64_MAX, "22620411T234716Z-dog_bark-" ID, 9223372036},
    };
    char name[TYTO_FILE_NAME_MAX], id[TYTO_ULID_CHARS + 1];
    int64_t unix_s;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tyto_file_name(name, cases[i].unix_ns, "dog_bark", ID);
        assert_string_equal(name, cases[i].name);
        assert_true(tyto_file_name_read(name, strlen(name), &unix_s, id));
        assert_int_equal(unix_s, cases[i].unix_s);
        assert_string_equal(id, ID);
    }
}

static void what_follows_the_name_is_not_looked_at(void **state)
{
    static const char file[] = "20261123T155715Z-dog-bark-" ID ".mkv";
    char id[TYTO_ULID_CHARS + 1];
    int64_t unix_s;
    (void)state;
    assert_true(tyto_file_name_read(file, sizeof(file) - 1 - 4, &unix_s, id));
    assert_false(tyto_file_name_read(file, sizeof(file) - 1, &unix_s, id));
}

static void what_is_no_such_name_is_refused(void **state)
{
    static const char *const names[] = {
        "",
        "20261123T155715Z",
        "20261123T155715Z-" ID,                /* no class */
        "20261123T155715Z--" ID,               /* an empty one */
        "20261123T155715Z-dog_" ID,            /* no dash before the id */
        "20261123T155715Z_dog-" ID,            /* nor behind the time */
        "20261323T155715Z-dog-" ID,            /* a thirteenth month */
        "20261123T256715Z-dog-" ID,            /* a 26th hour */
        " 0261123T155715Z-dog-" ID,            /* what strptime() would take */
        "20261123t155715z-dog-" ID,            /* small letters */
        "20261123T155715Z-dog-01ARYZ6S41TSV4", /* a short id */
        "20261123T155715Z-dog-01ARYZ6S41TSV4RRFFQ69G5FAU",
    };
    char name[2 * TYTO_FILE_NAME_MAX], id[TYTO_ULID_CHARS + 1];
    int64_t unix_s;
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (tyto_file_name_read(names[i], strlen(names[i]), &unix_s, id))
            fail_msg("taken: %s", names[i]);
    }
    snprintf(name, sizeof(name), "20261123T155715Z-%0100d-%s", 0, ID); /* longer than they get */
    assert_false(tyto_file_name_read(name, strlen(name), &unix_s, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_begins_with_its_time_and_comes_back),
        cmocka_unit_test(what_follows_the_name_is_not_looked_at),
        cmocka_unit_test(what_is_no_such_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
