/* SPDX-License-Identifier: MIT */
/* Structured logging through a handle that travels in params; a NULL handle is
 * silent. Rooms below daemon/ log at debug only: errors are returned instead. */
#ifndef TYTO_BASE_LOG_H
#define TYTO_BASE_LOG_H

#include "base/err.h"
#include "base/words.h"

/* From the rarest to the most talkative. */
#define TYTO_LOG_LEVEL_LIST(X)                                                                     \
    X(TYTO_LOG_ERROR, "error", NULL)                                                               \
    X(TYTO_LOG_WARNING, "warning", NULL)                                                           \
    X(TYTO_LOG_INFO, "info", NULL)                                                                 \
    X(TYTO_LOG_DEBUG, "debug", NULL)
enum tyto_log_level { TYTO_LOG_LEVEL_LIST(TYTO_WORD_ENUM) };

/* Called for each message that passes the level; may come from any thread.
 * room ("pipeline") and text are borrowed until it returns. */
typedef void (*tyto_log_sink)(void *user, enum tyto_log_level level, const char *room,
                              const char *text);

struct tyto_log {
    tyto_log_sink sink;
    void *user;
    enum tyto_log_level max_level;
};

void tyto_log_write(const struct tyto_log *log, enum tyto_log_level level, const char *room,
                    const char *fmt, ...) TYTO_PRINTF(4, 5);

/* A sink that writes "LEVEL room: text" lines to stderr; user is not used. */
void tyto_log_stderr(void *user, enum tyto_log_level level, const char *room, const char *text);

const char *tyto_log_level_name(enum tyto_log_level level);

#endif
