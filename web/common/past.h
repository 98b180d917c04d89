/* SPDX-License-Identifier: MIT */
/* Events of the past, from the journal of a tytod that keeps one: asked for on a thread of its own,
 * taken in on the main loop's. */
#ifndef TYTO_WEB_COMMON_PAST_H
#define TYTO_WEB_COMMON_PAST_H

#include <stdint.h>

#include "proto/event.h"

enum { TYTO_PAST_BATCH = 256 };

struct tyto_past;

/* Where to ask; endpoint NULL: libtyto's default, keys NULL: none. Borrowed until the free. */
struct tyto_past_source {
    const char *endpoint, *server_key, *key;
};

/* Begins to ask for the newest max events. take is called on the main loop for each, the newest
 * first, with how many came before it; then done, once, with num_events, 0 also where nothing can
 * be asked. */
struct tyto_past *tyto_past_new(const struct tyto_past_source *source, uint32_t max,
                                void (*take)(void *user, const struct tyto_event *event,
                                             uint32_t num_before),
                                void (*done)(void *user, uint32_t num_events), void *user);
/* Waits for the thread: some seconds where tytod does not answer. NULL is fine. */
void tyto_past_free(struct tyto_past *past);

#endif
