/* SPDX-License-Identifier: MIT */
/* What the pages are told, as JSON. Times are milliseconds since 1970, UTC; scores have three
 * digits. Every text is owned by the caller (g_free or free as said). */
#ifndef TYTO_WEB_VIEW_H
#define TYTO_WEB_VIEW_H

#include "files/json.h"
#include "web/known/events.h"
#include "web/known/feed.h"

/* Objects, owned: tyto_json_destroy(); NULL when out of memory. */
struct tyto_json *tyto_view_camera(const struct tyto_web_camera *camera);
struct tyto_json *tyto_view_scores(const struct tyto_web_camera *camera);
struct tyto_json *tyto_view_place(const struct tyto_place_map *place);
/* As a row of a list: without map and segments. */
struct tyto_json *tyto_view_event(const struct tyto_web_events *events,
                                  const struct tyto_web_event *event);
/* With everything that is known of it. */
struct tyto_json *tyto_view_event_whole(const struct tyto_web_events *events,
                                        const struct tyto_web_event *event);
struct tyto_json *tyto_view_link(const struct tyto_web_link *link);

struct tyto_view_filter {
    int64_t from_ms, to_ms; /* events that touch [from, to) */
    uint32_t max;           /* rows: the newest ones */
};
/* {"cameras": [...], "classes": [...], "more": true|false, "events": [[id, camera, class, begin,
 * end or 0, modality, joint, heard, seen, has a recording], ...]}, oldest first; camera and class
 * are indexes, scores thousandths, unknown ones null. Written straight away, as there may be many.
 * g_free(). */
char *tyto_view_events(const struct tyto_web_events *events, const struct tyto_view_filter *filter);

#endif
