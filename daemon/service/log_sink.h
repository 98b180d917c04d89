/* SPDX-License-Identifier: MIT */
/* Where the daemon's log goes: stderr, as readable lines (with colour on a
 * terminal, with priorities under systemd) or as JSON lines. Any thread; who logs
 * never waits: lines go through a bounded buffer that a thread of its own writes
 * out. What finds no room there, and what comes too fast, is left out and counted. */
#ifndef TYTO_DAEMON_SERVICE_LOG_SINK_H
#define TYTO_DAEMON_SERVICE_LOG_SINK_H

#include <stdint.h>

#include "base/log.h"
#include "daemon/config/config.h"

enum {
    TYTO_LOG_SINK_BYTES = 256 * 1024,
    /* Lines that differ in numbers alone: so many at once, and so many a second. The very same line
     * comes once a second. */
    TYTO_LOG_SINK_BURST = 200,
    TYTO_LOG_SINK_PER_S = 20,
};

struct tyto_log_sink_params {
    int fd; /* borrowed until destroy; may be one that nobody reads */
    enum tyto_log_format format;
    enum tyto_log_level level;
};

struct tyto_log_sink;

/* Starts the thread: signals must be blocked by then. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_sink_create(const struct tyto_log_sink_params *params,
                                   struct tyto_log_sink **ret_sink);
/* A log that writes there; usable until destroy. */
struct tyto_log tyto_log_sink_log(struct tyto_log_sink *sink);
/* Another level, from now on. Any thread. */
void tyto_log_sink_set_level(struct tyto_log_sink *sink, enum tyto_log_level level);
/* Lines left out since the start because nobody read them fast enough. Any thread. */
uint64_t tyto_log_sink_num_left_out(struct tyto_log_sink *sink);
/* Waits until all is written, at most 1 s. What the thread has not written by then is written here,
 * as far as that takes no waiting. Any thread. */
void tyto_log_sink_flush(struct tyto_log_sink *sink);
/* Of the thread: one a second at least. While whoever should read its lines keeps it waiting, that
 * counts as one. Any thread; never waits. */
uint64_t tyto_log_sink_num_turns(struct tyto_log_sink *sink);
/* Flushes, joins. A thread that hangs in a write is left with what it has. */
void tyto_log_sink_destroy(struct tyto_log_sink **sink);

#endif
