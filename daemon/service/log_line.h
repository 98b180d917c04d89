/* SPDX-License-Identifier: MIT */
/* One message as one line. Between log_line.c and log_sink.c only. */
#ifndef TYTO_DAEMON_SERVICE_LOG_LINE_H
#define TYTO_DAEMON_SERVICE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

enum { TYTO_LOG_LINE_BYTES = 4096 };

struct tyto_log_style {
    bool is_json, is_color, is_journal;
};

/* Writes the line, its end included, into TYTO_LOG_LINE_BYTES and gives its length. */
size_t tyto_log_line(const struct tyto_log_style *style, enum tyto_log_level level,
                     const char *room, const char *text, char *ret_line);

#endif
