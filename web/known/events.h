/* SPDX-License-Identifier: MIT */
/* The events that this server knows, by id, in the order in which they came. Bounded: the oldest
 * go. One thread. */
#ifndef TYTO_WEB_KNOWN_EVENTS_H
#define TYTO_WEB_KNOWN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/event.h"

enum {
    TYTO_WEB_MAX_EVENTS = 200000,
    TYTO_WEB_MAX_DETAILS = 4096, /* events that keep their map and segments */
    TYTO_WEB_MAX_NAMES = 4096,   /* cameras, classes, zones */
    TYTO_WEB_CLIP_MAX = 256,
};

struct tyto_web_event {
    char id[TYTO_ULID_CHARS + 1];
    uint8_t phase, modality; /* enum tyto_event_phase, tyto_modality */
    uint16_t camera, class;  /* of the names */
    uint16_t num_zones;
    uint16_t *zones;           /* (num_zones) of the names; owned; NULL: none */
    int64_t begin_ms, end_ms;  /* UTC; end 0: still open */
    float joint, heard, seen;  /* NaN: not known */
    char *clip;                /* owned: "CAMERA/NAME.mkv" below the recordings; NULL: none */
    struct tyto_event *detail; /* owned; NULL: not kept */
};

struct tyto_web_events;

struct tyto_web_events *tyto_web_events_new(void);
void tyto_web_events_free(struct tyto_web_events *events);

/* Puts in what tytod says, or renews it. clip may be NULL. NULL: it was taken back (RETRACTED), or
 * there are too many names. Borrowed until the next put. */
const struct tyto_web_event *tyto_web_events_put(struct tyto_web_events *events,
                                                 const struct tyto_event *event, const char *clip);
/* The same of the journal: what is known stays as it is. keeps_detail: with map and segments. */
void tyto_web_events_put_past(struct tyto_web_events *events, const struct tyto_event *event,
                              const char *clip, bool keeps_detail);
/* After these: puts all in the order of their begins, and takes out labels of recordings that other
 * events tell of. */
void tyto_web_events_settle(struct tyto_web_events *events);
/* Puts in one that only a recording's label tells of; one that is there already stays. */
void tyto_web_events_put_label(struct tyto_web_events *events, const char *id, const char *camera,
                               const char *class_name, enum tyto_modality modality,
                               int64_t begin_ms, int64_t end_ms, const char *clip);
/* NULL: not known. Borrowed until the next put. */
const struct tyto_web_event *tyto_web_events_get(const struct tyto_web_events *events,
                                                 const char *id);
uint32_t tyto_web_events_num(const struct tyto_web_events *events);
/* In the order in which they came; idx < num. */
const struct tyto_web_event *tyto_web_events_at(const struct tyto_web_events *events, uint32_t idx);
const char *tyto_web_events_camera(const struct tyto_web_events *events, uint32_t idx);
const char *tyto_web_events_class(const struct tyto_web_events *events, uint32_t idx);
const char *tyto_web_events_zone(const struct tyto_web_events *events, uint32_t idx);
uint32_t tyto_web_events_num_cameras(const struct tyto_web_events *events);
uint32_t tyto_web_events_num_classes(const struct tyto_web_events *events);
uint32_t tyto_web_events_num_zones(const struct tyto_web_events *events);

#endif
