/* SPDX-License-Identifier: MIT */
#include "files/encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Without a mark the first characters tell, which are of ASCII in every format that we read. */
enum { LOOKED_AT_BYTES = 64, MAX_UNICODE = 0x10FFFF };

struct encoding {
    size_t unit_bytes; /* 1: UTF-8 */
    size_t mark_bytes;
    bool is_big_endian;
};

/* Whether of each unit one byte alone is not 0: the last one, or the first one. */
static bool is_ascii_in(const char *bytes, size_t num_bytes, size_t unit_bytes, bool is_big_endian)
{
    const size_t num = (num_bytes < LOOKED_AT_BYTES ? num_bytes : LOOKED_AT_BYTES) / unit_bytes;
    const size_t place = is_big_endian ? unit_bytes - 1 : 0;
    bool is_one = num >= 2;
    for (size_t i = 0; i < num * unit_bytes; i++)
        is_one &= (bytes[i] != 0) == (i % unit_bytes == place);
    return is_one;
}

static struct encoding encoding_of(const char *bytes, size_t num_bytes)
{
    static const struct {
        const char *mark;
        struct encoding encoding;
    } marks[] = {
        {"\xEF\xBB\xBF", {1, 3, false}}, {"\xFF\xFE\0\0", {4, 4, false}},
        {"\0\0\xFE\xFF", {4, 4, true}},  {"\xFF\xFE", {2, 2, false}},
        {"\xFE\xFF", {2, 2, true}},
    };
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const size_t num = marks[i].encoding.mark_bytes;
        if (num_bytes >= num && memcmp(bytes, marks[i].mark, num) == 0)
            return marks[i].encoding;
    }
    for (size_t unit = 4; unit >= 2; unit -= 2) {
        for (int is_big_endian = 0; is_big_endian < 2; is_big_endian++) {
            if (is_ascii_in(bytes, num_bytes, unit, is_big_endian))
                return (struct encoding){unit, 0, is_big_endian};
        }
    }
    return (struct encoding){1, 0, false};
}

bool tyto_encoding_is_other(const char *begin, size_t num_bytes)
{
    const struct encoding encoding = encoding_of(begin, num_bytes);
    return encoding.unit_bytes > 1 || encoding.mark_bytes > 0;
}

static uint32_t read_unit(const uint8_t *at, const struct encoding *encoding)
{
    uint32_t unit = 0;
    for (size_t i = 0; i < encoding->unit_bytes; i++)
        unit = unit << 8 | at[encoding->is_big_endian ? i : encoding->unit_bytes - 1 - i];
    return unit;
}

/* The character at *at, which is behind it then. False: there is none. */
static bool read_char(const uint8_t **at, const uint8_t *end, const struct encoding *encoding,
                      uint32_t *ret_char)
{
    if ((size_t)(end - *at) < encoding->unit_bytes)
        return false;
    uint32_t c = read_unit(*at, encoding);
    *at += encoding->unit_bytes;
    if (encoding->unit_bytes == 2 && c >= 0xD800 && c <= 0xDBFF) {
        const uint32_t low = (size_t)(end - *at) >= 2 ? read_unit(*at, encoding) : 0;
        if (low < 0xDC00 || low > 0xDFFF)
            return false;
        *at += 2;
        c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
    }
    *ret_char = c;
    return c <= MAX_UNICODE && !(c >= 0xD800 && c <= 0xDFFF);
}

static char *put_char(char *to, uint32_t c)
{
    const uint32_t num_more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(first[num_more] | c >> 6 * num_more);
    for (uint32_t i = num_more; i-- > 0;)
        *to++ = (char)(0x80 | (c >> 6 * i & 0x3F));
    return to;
}

enum tyto_err tyto_encoding_make_utf8(char **text, size_t *num_bytes)
{
    const struct encoding encoding = encoding_of(*text, *num_bytes);
    if (encoding.unit_bytes == 1) {
        *num_bytes -= encoding.mark_bytes;
        memmove(*text, *text + encoding.mark_bytes, *num_bytes + 1);
        return TYTO_OK;
    }
    /* Two bytes become three at most. */
    char *made = malloc(*num_bytes / 2 * 3 + 1), *to = made;
    if (!made)
        return TYTO_ERR_NOMEM;
    const uint8_t *at = (const uint8_t *)*text + encoding.mark_bytes;
    const uint8_t *end = (const uint8_t *)*text + *num_bytes;
    bool is_sound = true;
    while (is_sound && at < end) {
        uint32_t c = 0;
        is_sound = read_char(&at, end, &encoding, &c);
        to = is_sound ? put_char(to, c) : to;
    }
    *to = '\0';
    if (!is_sound) {
        free(made);
        return TYTO_ERR_FORMAT;
    }
    free(*text);
    *text = made;
    *num_bytes = (size_t)(to - made);
    return TYTO_OK;
}
