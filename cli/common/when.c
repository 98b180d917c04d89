/* SPDX-License-Identifier: MIT */
#include "cli/common/when.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { DAY_S = 24 * 3600 };

/* "15m" is so many seconds ago. */
static bool read_ago(const char *text, int64_t *ret_s)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_S}};
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]) || strlen(text) > 8)
        return false;
    const long num = strtol(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (end[0] == units[i].unit && end[1] == '\0') {
            *ret_s = num * units[i].s;
            return true;
        }
    }
    return false;
}

/* ".250" behind the seconds. */
static const char *read_fraction(const char *text, int64_t *ret_ns)
{
    int64_t digit_ns = (int64_t)TYTO_NS_PER_S / 10;
    *ret_ns = 0;
    if (*text != '.' || !isdigit((unsigned char)text[1]))
        return text;
    for (text++; isdigit((unsigned char)*text); text++) {
        *ret_ns += (*text - '0') * digit_ns;
        digit_ns /= 10;
    }
    return text;
}

static bool read_date(const char *text, int64_t *ret_unix_ns)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                          "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        int64_t ns = 0;
        const char *rest = strptime(text, formats[i], &parts);
        if (!rest)
            continue;
        rest = read_fraction(rest, &ns);
        const bool is_utc = strcmp(rest, "Z") == 0;
        if (!is_utc && *rest != '\0')
            continue;
        const time_t s = is_utc ? timegm(&parts) : mktime(&parts);
        *ret_unix_ns = (int64_t)s * (int64_t)TYTO_NS_PER_S + ns;
        return s > 0 && parts.tm_year < 300;
    }
    return false;
}

/* "18:30" is the last time that it was so late. */
static bool read_clock(const char *text, int64_t now_unix_ns, int64_t *ret_unix_ns)
{
    const time_t now_s = (time_t)(now_unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm parts;
    if (strlen(text) < 4 || !localtime_r(&now_s, &parts))
        return false;
    parts.tm_sec = 0;
    const char *rest = strptime(text, "%H:%M", &parts);
    if (rest && *rest == ':')
        rest = strptime(rest, ":%S", &parts);
    if (!rest || *rest != '\0')
        return false;
    parts.tm_isdst = -1;
    struct tm before = parts;
    time_t s = mktime(&parts);
    if (s > now_s) {
        before.tm_mday--;
        s = mktime(&before);
    }
    *ret_unix_ns = (int64_t)s * (int64_t)TYTO_NS_PER_S;
    return true;
}

enum tyto_err tyto_when_read(const char *text, int64_t now_unix_ns, int64_t *ret_unix_ns,
                             struct tyto_fault *ret_fault)
{
    int64_t ago_s = 0;
    if (strcmp(text, "now") == 0) {
        *ret_unix_ns = now_unix_ns;
        return TYTO_OK;
    }
    if (read_ago(text, &ago_s)) {
        const int64_t unix_ns = now_unix_ns - ago_s * (int64_t)TYTO_NS_PER_S;
        *ret_unix_ns = unix_ns > 0 ? unix_ns : 1;
        return TYTO_OK;
    }
    if (read_date(text, ret_unix_ns) || read_clock(text, now_unix_ns, ret_unix_ns))
        return TYTO_OK;
    return tyto_fault_set(
        ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
        "'%.40s' must be a time: 2026-11-27T18:30 (with Z behind it: UTC), 18:30, "
        "or 15m, 2h, 3d ago",
        text);
}

enum tyto_err tyto_when_set(void *value, const char *text, struct tyto_fault *ret_fault)
{
    return tyto_when_read(text, (int64_t)tyto_clock_unix_ns(), value, ret_fault);
}

void tyto_when_print(const void *value, char *ret_text, size_t text_bytes)
{
    const int64_t unix_ns = *(const int64_t *)value;
    const time_t s = (time_t)(unix_ns / (int64_t)TYTO_NS_PER_S);
    struct tm parts;
    ret_text[0] = '\0';
    if (unix_ns > 0 && gmtime_r(&s, &parts))
        (void)strftime(ret_text, text_bytes, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
