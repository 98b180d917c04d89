/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* --- UTF-8 ----------------------------------------------------------------------------------- */

/* Of a lead byte: how many bytes follow; -1: it cannot lead. Overlong forms and surrogates are
 * refused by the range of the first that follows. */
static int follow_of(uint8_t lead, uint8_t *ret_min, uint8_t *ret_max)
{
    *ret_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef)
        return 2;
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

size_t tyto_text_char_bytes(const char *text, size_t num_bytes)
{
    const uint8_t *at = (const uint8_t *)text;
    uint8_t min = 0, max = 0;
    const int num = num_bytes > 0 ? follow_of(at[0], &min, &max) : -1;
    if (num < 0 || (size_t)num >= num_bytes)
        return 0;
    for (int i = 1; i <= num; i++, min = 0x80, max = 0xbf) {
        if (at[i] < min || at[i] > max)
            return 0;
    }
    return (size_t)num + 1;
}

bool tyto_text_is_utf8(const char *text, size_t num_bytes)
{
    for (size_t at = 0; at < num_bytes;) {
        const size_t num = tyto_text_char_bytes(text + at, num_bytes - at);
        if (num == 0)
            return false;
        at += num;
    }
    return true;
}

/* --- what may be printed -----------------------------------------------------------------------
 */

/* What cannot be seen and changes what is: marks of direction, with which one name looks like
 * another, spaces without width, separators of lines. Not U+200C and U+200D, which words need. */
static bool turns_text(const char *text)
{
    static const struct {
        const char *first, *last;
    } ranges[] = {{"\xd8\x9c", "\xd8\x9c"},         {"\xe2\x80\x8b", "\xe2\x80\x8b"},
                  {"\xe2\x80\x8e", "\xe2\x80\x8f"}, {"\xe2\x80\xa8", "\xe2\x80\xae"},
                  {"\xe2\x81\xa0", "\xe2\x81\xaf"}, {"\xef\xbb\xbf", "\xef\xbb\xbf"}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const size_t num = strlen(ranges[i].first);
        if (strncmp(text, ranges[i].first, num) >= 0 && strncmp(text, ranges[i].last, num) <= 0)
            return true;
    }
    return false;
}

bool tyto_text_is_control(const char *text)
{
    const uint8_t first = (uint8_t)text[0];
    return first < 0x20 || first == 0x7f ||
           (first == 0xc2 && (uint8_t)text[1] >= 0x80 && (uint8_t)text[1] < 0xa0) ||
           turns_text(text);
}

void tyto_text_clean(char *ret_text, size_t text_bytes, const char *text)
{
    size_t at = 0;
    while (*text) {
        const size_t num = tyto_text_char_bytes(text, strnlen(text, 4));
        const bool is_bad = num == 0 || tyto_text_is_control(text);
        if (at + (is_bad ? 1 : num) >= text_bytes)
            break;
        if (is_bad)
            ret_text[at++] = '?';
        else
            for (size_t i = 0; i < num; i++)
                ret_text[at++] = text[i];
        text += num == 0 ? 1 : num;
    }
    ret_text[at] = '\0';
}

void tyto_text_make_printable(char *text)
{
    size_t num_bytes = strlen(text);
    for (size_t back = 1; back < 4 && back <= num_bytes; back++) {
        uint8_t min, max;
        const int num = follow_of((uint8_t)text[num_bytes - back], &min, &max);
        if (num >= (int)back) { /* the last character leads more than there is */
            num_bytes -= back;
            text[num_bytes] = '\0';
        }
        if (num >= 0)
            break;
    }
    tyto_text_clean(text, num_bytes + 1, text); /* what is written is never ahead of what is read */
}

/* --- names ---------------------------------------------------------------------------------------
 */

bool tyto_text_is_name(const char *text, size_t name_bytes)
{
    const size_t num = text ? strnlen(text, name_bytes) : 0;
    return num > 0 && num < name_bytes &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= num;
}

uint32_t tyto_text_find(const char *const *texts, uint32_t num, const char *text)
{
    uint32_t i = 0;
    while (i < num && strcmp(texts[i], text) != 0)
        i++;
    return i;
}

int tyto_text_hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* --- CSV -----------------------------------------------------------------------------------------
 */

char *tyto_text_trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t num = strlen(text);
    while (num > 0 && strchr(" \t\r\n", text[num - 1]))
        num--;
    text[num] = '\0';
    return text;
}

bool tyto_text_table_field(char *text, char separator, char **ret_field, char **ret_next)
{
    char *at = text + strspn(text, " ");
    if (*at != '"') {
        char *stop = strchr(text, separator);
        *ret_next = stop ? stop + 1 : NULL;
        if (stop)
            *stop = '\0';
        *ret_field = tyto_text_trim(text);
        return strchr(*ret_field, '"') == NULL;
    }
    char *put = ++at;
    *ret_field = at;
    while (*at && (*at != '"' || at[1] == '"')) {
        at += *at == '"';
        *put++ = *at++;
    }
    if (*at != '"')
        return false;
    at++;
    at += strspn(at, " ");
    *ret_next = *at == separator ? at + 1 : NULL;
    const bool is_closed = *at == separator || *at == '\0';
    *put = '\0';
    return is_closed;
}

bool tyto_text_csv_field(char *text, char **ret_field, char **ret_next)
{
    return tyto_text_table_field(text, ',', ret_field, ret_next);
}

void tyto_text_csv_put(FILE *file, const char *text)
{
    const bool is_plain = !strpbrk(text, ",\" \r\n");
    if (!is_plain)
        fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    if (!is_plain)
        fputc('"', file);
}
