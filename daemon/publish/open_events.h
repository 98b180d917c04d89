/* SPDX-License-Identifier: MIT */
/* The events that have begun and not ended, in memory and, where there is no journal, in a small
 * file: what a killed daemon leaves open, the next one ends. Of the publisher's thread, once that
 * runs. */
#ifndef TYTO_DAEMON_PUBLISH_OPEN_EVENTS_H
#define TYTO_DAEMON_PUBLISH_OPEN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/event.h"

enum { TYTO_OPEN_EVENTS_MAX = 2048 }; /* more are not kept, and said so */

struct tyto_open_events;

/* A random UUID. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_uuid_make(uint8_t ret_uuid[TYTO_UUID_BYTES]);

/* Reads the file, if there is one; what cannot be read is told to the log. path NULL:
 * all is kept in memory alone. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_open_events_create(const char *path, const struct tyto_log *log,
                                      struct tyto_open_events **ret_open);
void tyto_open_events_destroy(struct tyto_open_events **self);

/* Before an event is sent: one that has begun must be in the file by then. */
void tyto_open_events_before(struct tyto_open_events *self, const struct tyto_event *event);
/* Afterwards: one that has ended may be forgotten. */
void tyto_open_events_after(struct tyto_open_events *self, const struct tyto_event *event);
/* One that is open, as its END; false when there is none. */
bool tyto_open_events_next(const struct tyto_open_events *self, enum tyto_event_reason reason,
                           struct tyto_event *ret_end);

/* One that the run before left open, by another memory than the file. NOMEM, FULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_open_events_add_left(struct tyto_open_events *self,
                                        const struct tyto_event *event);
/* Events that the run before left open, as their ENDs. They stay in the file until dropped. */
uint32_t tyto_open_events_num_left(const struct tyto_open_events *self);
const struct tyto_event *tyto_open_events_left(const struct tyto_open_events *self, uint32_t idx);
void tyto_open_events_drop_left(struct tyto_open_events *self);

#endif
