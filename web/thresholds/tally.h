/* SPDX-License-Identifier: MIT */
/* How many events other thresholds would have given: the scores that tytod has kept go through its
 * tracker again, once as it was and once for each step by which thresholds may be moved. One count
 * at a time, on a thread of its own; called on the main loop's thread. */
#ifndef TYTO_WEB_THRESHOLDS_TALLY_H
#define TYTO_WEB_THRESHOLDS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "files/json.h"
#include "proto/event.h"

/* All three thresholds of a class move together, in log-odds: step i by (i - STEPS / 2) / 4. */
enum { TYTO_TALLY_STEPS = 25, TYTO_TALLY_MAX_CAMERAS = 64 };

struct tyto_tally_source {
    const char *endpoint;         /* NULL: libtyto's default */
    const char *server_key, *key; /* or NULL */
};

struct tyto_tally;

/* source is borrowed until free. on_change is told when the state is another one. */
struct tyto_tally *tyto_tally_new(const struct tyto_tally_source *source,
                                  void (*on_change)(void *user), void *user);
/* Ends a count that goes on; waits for that. */
void tyto_tally_free(struct tyto_tally *tally);
/* Begins to count what these cameras had since then. EXISTS: one is being counted; INVALID: none,
 * or too many, or no names. */
TYTO_MUST_CHECK
enum tyto_err tyto_tally_start(struct tyto_tally *tally, const char *const *cameras,
                               uint32_t num_cameras, int64_t since_unix_ns);
void tyto_tally_cancel(struct tyto_tally *tally);
/* {"state": "none" | "counting" | "done" | "failed", "share": 0..1, "error"}; whole: with what came
 * of the last count: {"from", "to": ms, "steps": [log-odds], "cameras": [{"id", "segments",
 * "classes": [{"name", "off", "thresholds": [joint, heard, seen], "was", "counts": [STEPS]}]}]}.
 * Owned. */
struct tyto_json *tyto_tally_view(struct tyto_tally *tally, bool is_whole);

#endif
