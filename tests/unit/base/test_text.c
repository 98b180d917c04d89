/* SPDX-License-Identifier: MIT */
/* Text from outside, the folders of a process, hashes and chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/paths.h"
#include "base/random.h"
#include "base/text.h"

static void every_code_point_is_utf8_and_nothing_else_is(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        char text[5] = "";
        size_t num = 1;
        if (code < 0x80) {
            text[0] = (char)code;
        } else if (code < 0x800) {
            num = 2;
            text[0] = (char)(0xc0 | code >> 6);
        } else if (code < 0x10000) {
            num = 3;
            text[0] = (char)(0xe0 | code >> 12);
        } else {
            num = 4;
            text[0] = (char)(0xf0 | code >> 18);
        }
        for (size_t i = 1; i < num; i++)
            text[i] = (char)(0x80 | (code >> (6 * (num - 1 - i)) & 0x3f));
        const bool is_none = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
        assert_int_equal(tyto_text_char_bytes(text, num), is_none ? 0 : num);
        if (num > 1) /* cut */
            assert_int_equal(tyto_text_char_bytes(text, num - 1), 0);
    }
    assert_int_equal(tyto_text_char_bytes("", 0), 0);
    const char *const bad[] = {
        "\x80", "\xc0\x80", "\xc1\xbf",  "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80",
        "\xff", "a\xc3",    "\xe2\x82(", "\xe2(\xac"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(tyto_text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(tyto_text_is_utf8("gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\xa6\x89", 14));
    assert_true(tyto_text_is_utf8("", 0));
}

static void what_a_terminal_obeys_does_not_reach_it(void **state)
{
    (void)state;
    char text[32];
    tyto_text_clean(text, sizeof(text), "a\033[2J\x7f\xc2\x9b\xc3\xa9\xff.");
    assert_string_equal(text, "a?[2J??\xc3\xa9?.");
    tyto_text_clean(text, 4, "ab\xc3\xa9"); /* no half characters */
    assert_string_equal(text, "ab");
    tyto_text_clean(text, 5, "ab\xc3\xa9");
    assert_string_equal(text, "ab\xc3\xa9");
    tyto_text_clean(text, 1, "a");
    assert_string_equal(text, "");
    assert_true(tyto_text_is_control("\n"));
    assert_true(tyto_text_is_control("\xc2\x80"));
    assert_false(tyto_text_is_control("\xc2\xa0"));
    assert_false(tyto_text_is_control("\xc2"));
    /* Marks of direction, a space without width, a separator of lines, a byte order mark. */
    tyto_text_clean(text, sizeof(text), "a\u202eb\u200bc\u2028d\u2066e\ufefff\u061cg\u200f");
    assert_string_equal(text, "a?b?c?d?e?f?g?");
    tyto_text_clean(text, sizeof(text), "\u0645\u06cc\u200c\u2010\u2030");
    assert_string_equal(text, "\u0645\u06cc\u200c\u2010\u2030");
    assert_false(tyto_text_is_control("\xe2\x80"));
}

static void text_that_was_cut_ends_with_a_whole_character(void **state)
{
    (void)state;
    static const char whole[] = "x\xf0\x9f\xa6\x89";
    for (size_t num = 0; num < sizeof(whole); num++) {
        char text[sizeof(whole)] = "";
        memcpy(text, whole, num);
        tyto_text_make_printable(text);
        assert_string_equal(text, num == 0 ? "" : num < sizeof(whole) - 1 ? "x" : whole);
    }
    char text[] = "\x80\ta\xc2\x85z\xe2\x82\xac\xe2\x82";
    tyto_text_make_printable(text);
    assert_string_equal(text, "??a?z\xe2\x82\xac");
}

static void a_name_needs_no_quotes_anywhere(void **state)
{
    (void)state;
    assert_true(tyto_text_is_name("dog_bark-2", 65));
    assert_true(tyto_text_is_name("abc", 4));
    assert_false(tyto_text_is_name("abcd", 4));
    assert_false(tyto_text_is_name("", 65));
    assert_false(tyto_text_is_name(NULL, 65));
    assert_false(tyto_text_is_name("Dog", 65));
    assert_false(tyto_text_is_name("a b", 65));
    assert_false(tyto_text_is_name("a\xc3\xa9", 65));
}

/* Fields between '|', or "wrong". */
static const char *split(const char *line)
{
    static char fields[200];
    char text[100];
    snprintf(text, sizeof(text), "%s", line);
    fields[0] = '\0';
    for (char *next = text, *field = NULL; next;) {
        if (!tyto_text_csv_field(next, &field, &next))
            return "wrong";
        const size_t num = strlen(fields);
        snprintf(fields + num, sizeof(fields) - num, "%s%s", field, next ? "|" : "");
    }
    return fields;
}

static void csv_is_cut_into_fields(void **state)
{
    (void)state;
    assert_string_equal(split(""), "");
    assert_string_equal(split("a, b\t,,c "), "a|b||c");
    assert_string_equal(split("\"a, \"\"b\"\"\" , \"\",c\r\n"), "a, \"b\"||c");
    assert_string_equal(split("a,\"b"), "wrong");
    assert_string_equal(split("a\"b"), "wrong");
    assert_string_equal(split("\"a\"b,c"), "wrong");
    assert_string_equal(split("\"a\"\""), "wrong");
}

static void what_is_written_as_csv_is_read_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain", "", "a b", " a ", "a,b", "say \"a\"", "\"", ",,"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *line = NULL, *field = NULL, *next = NULL;
        size_t num = 0;
        FILE *file = open_memstream(&line, &num);
        assert_non_null(file);
        tyto_text_csv_put(file, texts[i]);
        fputs(",last", file);
        assert_int_equal(fclose(file), 0);
        assert_true(tyto_text_csv_field(line, &field, &next));
        assert_string_equal(field, texts[i]);
        assert_string_equal(next, "last");
        free(line);
    }
}

static void folders_come_from_systemd_then_from_the_session(void **state)
{
    (void)state;
    char path[64];
    unsetenv("CACHE_DIRECTORY");
    unsetenv("RUNTIME_DIRECTORY");
    setenv("HOME", "/h", 1);
    setenv("XDG_CACHE_HOME", "relative", 1); /* counts as not there */
    unsetenv("XDG_RUNTIME_DIR");
    assert_true(tyto_paths_cache("features", path, sizeof(path)));
    assert_string_equal(path, "/h/.cache/tyto/features");
    setenv("XDG_CACHE_HOME", "/x", 1);
    assert_true(tyto_paths_cache("", path, sizeof(path)));
    assert_string_equal(path, "/x/tyto");
    setenv("CACHE_DIRECTORY", "/var/cache/tyto:/var/cache/more", 1);
    assert_true(tyto_paths_cache("", path, sizeof(path)));
    assert_string_equal(path, "/var/cache/tyto");
    assert_false(tyto_paths_runtime("a.sock", path, sizeof(path)));
    assert_true(tyto_paths_meeting("a.sock", path, sizeof(path)));
    assert_string_equal(path, "/run/tyto/a.sock");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    assert_true(tyto_paths_meeting("a.sock", path, sizeof(path)));
    assert_string_equal(path, "/run/user/7/tyto/a.sock");
    assert_true(tyto_paths_runtime("a.sock", path, sizeof(path)));
    assert_string_equal(path, "/run/user/7/tyto/a.sock");
    setenv("RUNTIME_DIRECTORY", "/run/tyto", 1);
    assert_true(tyto_paths_runtime("a.sock", path, sizeof(path)));
    assert_string_equal(path, "/run/tyto/a.sock");
    assert_false(tyto_paths_runtime("a.sock", path, 16)); /* one byte too short */
    assert_true(tyto_paths_runtime("a.sock", path, 17));
}

static void the_program_knows_where_it_is(void **state)
{
    (void)state;
    char path[4096];
    assert_true(tyto_paths_program("test_text", path, sizeof(path)));
    assert_int_equal(access(path, X_OK), 0);
    assert_false(tyto_paths_program("test_text", path, 5));
}

static void hashes_and_chance_are_the_published_ones(void **state)
{
    (void)state;
    assert_true(tyto_hash(TYTO_HASH_INIT, "", 0) == 0xcbf29ce484222325u);
    assert_true(tyto_hash(TYTO_HASH_INIT, "a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(tyto_hash(TYTO_HASH_INIT, "foobar", 6) == 0x85944171f73967e8u);
    assert_true(tyto_hash(tyto_hash(TYTO_HASH_INIT, "foo", 3), "bar", 3) == 0x85944171f73967e8u);
    uint64_t random = 1234567; /* splitmix64's own example */
    assert_true(tyto_random_bits(&random) == 6457827717110365317u);
    assert_true(tyto_random_bits(&random) == 3203168211198807973u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_utf8_and_nothing_else_is),
        cmocka_unit_test(what_a_terminal_obeys_does_not_reach_it),
        cmocka_unit_test(text_that_was_cut_ends_with_a_whole_character),
        cmocka_unit_test(a_name_needs_no_quotes_anywhere),
        cmocka_unit_test(csv_is_cut_into_fields),
        cmocka_unit_test(what_is_written_as_csv_is_read_again),
        cmocka_unit_test(folders_come_from_systemd_then_from_the_session),
        cmocka_unit_test(the_program_knows_where_it_is),
        cmocka_unit_test(hashes_and_chance_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
