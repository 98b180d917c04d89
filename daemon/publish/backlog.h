/* SPDX-License-Identifier: MIT */
/* Messages that were published though the journal could not be written, by age: they wait for it to
 * be writable again, and are there for who asks meanwhile. */
#ifndef TYTO_DAEMON_PUBLISH_BACKLOG_H
#define TYTO_DAEMON_PUBLISH_BACKLOG_H

#include <stdint.h>

#include "base/err.h"
#include "daemon/publish/outgoing.h"

enum { TYTO_BACKLOG_MAX = 8192 };

struct tyto_backlog;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_backlog_create(struct tyto_backlog **ret_backlog);
void tyto_backlog_destroy(struct tyto_backlog **backlog);

/* All of any thread; none waits. */

/* Shares it; one that is sent (num_bytes > 0). Its seq is above those of all that are there.
 * Returns how many were let go for it: the oldest one, when there was no room. */
uint32_t tyto_backlog_put(struct tyto_backlog *backlog, struct tyto_outgoing *outgoing);
/* The first ones whose seq is from_seq or more, in order, as of one moment: at most max, a
 * reference each. Returns how many. */
uint32_t tyto_backlog_take(struct tyto_backlog *backlog, uint64_t from_seq,
                           struct tyto_outgoing **ret_outgoing, uint32_t max);
/* The oldest num, at most all, are not needed any more. */
void tyto_backlog_drop(struct tyto_backlog *backlog, uint32_t num);
uint32_t tyto_backlog_num(const struct tyto_backlog *backlog);

#endif
