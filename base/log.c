/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

const char *tyto_log_level_name(enum tyto_log_level level)
{
    const char *word = tyto_word_of(TYTO_WORDS(TYTO_LOG_LEVEL_LIST), level);
    return word ? word : "unknown";
}

void tyto_log_write(const struct tyto_log *log, enum tyto_log_level level, const char *room,
                    const char *fmt, ...)
{
    if (!log || !log->sink || level > log->max_level)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log->sink(log->user, level, room, text);
}

void tyto_log_stderr(void *user, enum tyto_log_level level, const char *room, const char *text)
{
    (void)user;
    fprintf(stderr, "%s %s: %s\n", tyto_log_level_name(level), room, text);
}
