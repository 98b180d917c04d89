/* SPDX-License-Identifier: MIT */
/* Events as JSON, the same in `tyto watch --json` and `tyto localize --json`.
 * Times in seconds (media clock) and as UTC text, scores rounded to 4 digits. */
#ifndef TYTO_CLI_EVENT_JSON_H
#define TYTO_CLI_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/json.h"
#include "proto/event.h"

/* An object, owned by the caller; NULL when out of memory. with_segments adds
 * the scores of the event's last segments, and which of them answered which (alignment). */
struct tyto_json *tyto_event_to_json(const struct tyto_event *event, bool with_segments);
struct tyto_json *tyto_camera_state_to_json(const struct tyto_camera_state *state);
/* Which event a picture shows, when, where. */
struct tyto_json *tyto_thumbnail_to_json(const struct tyto_thumbnail *thumbnail);

/* When a message about it was told, and its number. */
void tyto_json_put_told(struct tyto_json **event, int64_t told_unix_ns, uint64_t seq);

/* A score, rounded to 4 digits. */
struct tyto_json *tyto_json_new_score(double value);
/* tyto_utc_text(). */
struct tyto_json *tyto_json_new_utc(int64_t unix_ns);
/* Prints one line to stdout and frees; false when out of memory or not writable. */
bool tyto_json_put_line(struct tyto_json **json);
/* "2026-01-31T12:00:00.123Z" */
void tyto_utc_text(int64_t unix_ns, char *ret_text, size_t text_bytes);

#endif
