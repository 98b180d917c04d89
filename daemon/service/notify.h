/* SPDX-License-Identifier: MIT */
/* Tells systemd how we are (sd_notify's protocol), when it started us; else nothing. */
#ifndef TYTO_DAEMON_SERVICE_NOTIFY_H
#define TYTO_DAEMON_SERVICE_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1"; lines may be joined by '\n'. */
void tyto_notify(const char *state);
/* How often WATCHDOG=1 is due (half of what systemd allows); 0: not wanted. */
uint64_t tyto_notify_watchdog_ns(void);

#endif
