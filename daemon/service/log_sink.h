/* SPDX-License-Identifier: MIT */
/* Where the daemon's log goes: stderr, as readable lines (with colour on a
 * terminal, with priorities under systemd) or as JSON lines. Any thread; each
 * message is one write. */
#ifndef TYTO_DAEMON_SERVICE_LOG_SINK_H
#define TYTO_DAEMON_SERVICE_LOG_SINK_H

#include "base/log.h"
#include "daemon/config/config.h"

struct tyto_log_sink_state {
    bool is_json, is_color, is_journal;
};

/* A log that writes by format; state is borrowed as long as the log is used. */
struct tyto_log tyto_log_sink_init(struct tyto_log_sink_state *state, enum tyto_log_format format,
                                   enum tyto_log_level level);

#endif
