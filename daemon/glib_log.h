/* SPDX-License-Identifier: MIT */
/* What GLib, and GStreamer through it, would write to stderr by themselves: lines without number or
 * end where a camera is odd, and on a stderr that nobody reads, threads that stand still. */
#ifndef TYTO_DAEMON_GLIB_LOG_H
#define TYTO_DAEMON_GLIB_LOG_H

#include "base/log.h"

/* From now on that goes to log as warnings, or where it is less, as debug; once in a process. log
 * is borrowed until tyto_glib_log_end(). */
void tyto_glib_log_begin(const struct tyto_log *log);
/* From now on it is left away. */
void tyto_glib_log_end(void);

#endif
