/* SPDX-License-Identifier: MIT */
#include "daemon/service/log_line.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

static size_t put_json_string(char *line, size_t at, const char *text)
{
    /* Control characters are gone already; room is left for the end of the line. */
    for (const unsigned char *c = (const unsigned char *)text; *c && at < TYTO_LOG_LINE_BYTES - 64;
         c++) {
        if (*c == '"' || *c == '\\')
            at += (size_t)snprintf(line + at, TYTO_LOG_LINE_BYTES - at, "\\%c", *c);
        else
            line[at++] = (char)*c;
    }
    return at;
}

static size_t json_line(char *line, enum tyto_log_level level, const char *room, const char *text)
{
    const uint64_t unix_ns = tyto_clock_unix_ns();
    const time_t seconds = (time_t)(unix_ns / TYTO_NS_PER_S);
    struct tm parts;
    char date[32] = "";
    if (gmtime_r(&seconds, &parts))
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    size_t at = (size_t)snprintf(line, TYTO_LOG_LINE_BYTES,
                                 "{\"time\":\"%s.%06uZ\",\"level\":\"%s\",\"room\":\"%.40s\","
                                 "\"text\":\"",
                                 date, (unsigned)(unix_ns % TYTO_NS_PER_S / 1000),
                                 tyto_log_level_name(level), room);
    at = put_json_string(line, at, text);
    return at + (size_t)snprintf(line + at, TYTO_LOG_LINE_BYTES - at, "\"}\n");
}

static size_t human_line(const struct tyto_log_style *style, char *line, enum tyto_log_level level,
                         const char *room, const char *text)
{
    static const char *const colors[] = {"\033[31m", "\033[33m", "", "\033[2m"};
    static const int priorities[] = {3, 4, 6, 7}; /* of syslog, which the journal reads */
    const unsigned idx = level <= TYTO_LOG_DEBUG ? (unsigned)level : 3u;
    size_t at = 0;
    if (style->is_journal) {
        at = (size_t)snprintf(line, TYTO_LOG_LINE_BYTES, "<%d>%.40s: ", priorities[idx], room);
    } else {
        const time_t seconds = (time_t)(tyto_clock_unix_ns() / TYTO_NS_PER_S);
        struct tm parts;
        char date[32] = "";
        if (localtime_r(&seconds, &parts))
            (void)strftime(date, sizeof(date), "%H:%M:%S", &parts);
        at = (size_t)snprintf(line, TYTO_LOG_LINE_BYTES,
                              "%s%s %-7s %.40s: ", style->is_color ? colors[idx] : "", date,
                              tyto_log_level_name(level), room);
    }
    for (const char *c = text; *c && at < TYTO_LOG_LINE_BYTES - 16; c++)
        line[at++] = *c;
    return at + (size_t)snprintf(line + at, TYTO_LOG_LINE_BYTES - at, "%s\n",
                                 style->is_color ? "\033[0m" : "");
}

size_t tyto_log_line(const struct tyto_log_style *style, enum tyto_log_level level,
                     const char *room, const char *text, char *ret_line)
{
    char clean[TYTO_LOG_LINE_BYTES / 2];
    tyto_text_clean(clean, sizeof(clean), text);
    return style->is_json ? json_line(ret_line, level, room, clean)
                          : human_line(style, ret_line, level, room, clean);
}
