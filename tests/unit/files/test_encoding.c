/* SPDX-License-Identifier: MIT */
/* Text as other programs save it becomes UTF-8, or is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/encoding.h"
#include "files/open.h"

enum { MAX_BYTES = 256 };

/* One and two bytes, three, four, and a line break. */
static const uint32_t chars[] = {'a', ',', 0xFC, 0x20AC, 0x1F415, '\n', 'z'};
static const char in_utf8[] = "a,\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\x95\nz";

static uint8_t bytes[MAX_BYTES];
static size_t num_bytes;

static void put_unit(uint32_t unit, size_t unit_bytes, bool is_big_endian)
{
    for (size_t i = 0; i < unit_bytes; i++) {
        const size_t place = is_big_endian ? unit_bytes - 1 - i : i;
        bytes[num_bytes++] = (uint8_t)(unit >> 8 * place);
    }
}

static void put_char(uint32_t c, size_t unit_bytes, bool is_big_endian)
{
    if (unit_bytes == 2 && c > 0xFFFF) {
        put_unit(0xD800 + ((c - 0x10000) >> 10), 2, is_big_endian);
        put_unit(0xDC00 + ((c - 0x10000) & 0x3FF), 2, is_big_endian);
    } else {
        put_unit(c, unit_bytes, is_big_endian);
    }
}

static enum tyto_err convert(char **ret_text, size_t *ret_num)
{
    *ret_text = malloc(num_bytes + 1);
    assert_non_null(*ret_text);
    memcpy(*ret_text, bytes, num_bytes);
    (*ret_text)[num_bytes] = '\0';
    *ret_num = num_bytes;
    return tyto_encoding_make_utf8(ret_text, ret_num);
}

static void assert_text(const char *wanted)
{
    char *text;
    size_t num;
    assert_int_equal(convert(&text, &num), TYTO_OK);
    assert_string_equal(text, wanted);
    assert_int_equal(num, strlen(wanted));
    free(text);
}

static void every_order_of_bytes_becomes_utf8(void **state)
{
    (void)state;
    for (size_t unit_bytes = 2; unit_bytes <= 4; unit_bytes += 2) {
        for (int is_big_endian = 0; is_big_endian < 2; is_big_endian++) {
            num_bytes = 0;
            put_unit(0xFEFF, unit_bytes, is_big_endian);
            for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++)
                put_char(chars[i], unit_bytes, is_big_endian);
            assert_true(tyto_encoding_is_other((const char *)bytes, num_bytes));
            assert_text(in_utf8);
            num_bytes = 0; /* without a mark */
            for (const char *c = "a.wav,dog,1,2\n"; *c; c++)
                put_unit((uint8_t)*c, unit_bytes, is_big_endian);
            assert_text("a.wav,dog,1,2\n");
        }
    }
}

static void utf8_stays_as_it_is_without_its_mark(void **state)
{
    static const char *const texts[] = {"", "a", "a,b", in_utf8, "\xC3", "a\0b"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        num_bytes = strlen(texts[i]);
        memcpy(bytes, texts[i], num_bytes + 1);
        assert_false(tyto_encoding_is_other(texts[i], num_bytes));
        assert_text(texts[i]);
        memcpy(bytes, "\xEF\xBB\xBF", 3);
        memcpy(bytes + 3, texts[i], num_bytes + 1);
        num_bytes += 3;
        assert_text(texts[i]);
    }
}

static void half_a_character_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t num;
    } broken[] = {
        {"\xFF\xFE"
         "a",
         3}, /* half a unit */
        {"\xFF\xFE"
         "\x3D\xD8",
         4}, /* half a pair */
        {"\xFF\xFE"
         "\x3D\xD8"
         "a\0",
         6}, /* half a pair, and something else */
        {"\xFF\xFE"
         "\x15\xDC"
         "a\0",
         6}, /* its other half alone */
        {"\xFF\xFE\0\0"
         "\0\0\x11\0",
         8}, /* beyond Unicode */
        {"\xFF\xFE\0\0"
         "\0\xD8\0\0",
         8}, /* half a pair in UTF-32 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        char *text;
        size_t num;
        num_bytes = broken[i].num;
        memcpy(bytes, broken[i].bytes, num_bytes);
        assert_int_equal(convert(&text, &num), TYTO_ERR_FORMAT);
        free(text);
    }
}

static void a_file_is_read_as_utf8(void **state)
{
    static const char wide[] = "\xFF\xFEo\0n\0e\0\n\0", marked[] = "\xEF\xBB\xBFone\n";
    static const struct {
        const char *bytes;
        size_t num;
        const char *line;
    } files[] = {
        {wide, sizeof(wide) - 1, "one\n"},
        {marked, sizeof(marked) - 1, "one\n"},
        {"one\n", 4, "one\n"},
        {"", 0, NULL},
        {"\xFF\xFE", 2, NULL},
    };
    char path[] = "/tmp/tyto-encoding-XXXXXX", line[64];
    const int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, files[i].bytes, files[i].num, 0), (int)files[i].num);
        FILE *file = tyto_fopen_text(path);
        assert_non_null(file);
        const char *got = fgets(line, sizeof(line), file);
        assert_int_equal(got != NULL, files[i].line != NULL);
        if (got)
            assert_string_equal(line, files[i].line);
        assert_null(fgets(line, sizeof(line), file));
        fclose(file);
    }
    assert_int_equal(pwrite(fd, "\xFF\xFE!", 3, 0), 3);
    assert_null(tyto_fopen_text(path));
    assert_int_equal(errno, EILSEQ);
    assert_non_null(strstr(tyto_open_reason(errno), "save it as UTF-8"));
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_bytes_becomes_utf8),
        cmocka_unit_test(utf8_stays_as_it_is_without_its_mark),
        cmocka_unit_test(half_a_character_is_refused),
        cmocka_unit_test(a_file_is_read_as_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
