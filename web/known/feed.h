/* SPDX-License-Identifier: MIT */
/* What tytod says, followed: camera states, the model, events, and while somebody looks the scores
 * of each second. One thread, on its main loop. */
#ifndef TYTO_WEB_KNOWN_FEED_H
#define TYTO_WEB_KNOWN_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"
#include "web/known/events.h"

enum { TYTO_WEB_MAX_CAMERAS = 256 };

struct tyto_web_camera {
    struct tyto_camera_state state; /* camera is always there */
    int64_t told_unix_ms;           /* when the state came */
    bool has_scores;
    struct tyto_debug_scores scores; /* the newest */
    int64_t scores_unix_ms;
    bool has_place;
    struct tyto_place_map place; /* of the newest event that had one */
    int64_t place_unix_ms;
};

/* Of the connection to tytod. */
struct tyto_web_link {
    bool was_heard, is_silent;
    const char
        *denied;      /* why no hands are shaken, for people; NULL: they are, or nobody is there */
    char version[32]; /* of tytod; "": not told */
    int64_t heard_unix_ms;
    uint32_t num_restarts;
    uint64_t num_received, num_lost, num_malformed;
    bool has_model;
    struct tyto_model_state model;
    char refused[TYTO_STATE_TEXT_MAX + 1]; /* why the last model was; "": none was */
};

struct tyto_web_feed_params {
    const char *endpoint;         /* NULL: libtyto's default; borrowed for good */
    const char *server_key, *key; /* of tytod, and one's own secret one; NULL: none; likewise */
    const char *recordings;       /* folder, or NULL; borrowed for good */
    void *user;
    /* What has changed; each may be called many times a second. */
    void (*on_camera)(void *user, const struct tyto_web_camera *camera);
    void (*on_scores)(void *user, const struct tyto_web_camera *camera);
    void (*on_event)(void *user, const struct tyto_web_event *event);
    void (*on_gone)(void *user, const char *id); /* an event was taken back */
    void (*on_link)(void *user);
    void (*on_past)(void *user); /* events of the journal have come, all that are there */
};

struct tyto_web_feed;

/* INVALID for a bad endpoint, NOMEM, IO. Does not wait for tytod. */
TYTO_MUST_CHECK
enum tyto_err tyto_web_feed_create(const struct tyto_web_feed_params *params,
                                   struct tyto_web_feed **ret_feed);
void tyto_web_feed_destroy(struct tyto_web_feed **feed);
/* Whether scores of each second are wanted: tytod makes them only for those who ask. */
void tyto_web_feed_want_scores(struct tyto_web_feed *feed, bool wants);

/* Borrowed; they change with the main loop's next turn. */
const struct tyto_web_link *tyto_web_feed_link(const struct tyto_web_feed *feed);
struct tyto_web_events *tyto_web_feed_events(struct tyto_web_feed *feed);
uint32_t tyto_web_feed_num_cameras(const struct tyto_web_feed *feed);
const struct tyto_web_camera *tyto_web_feed_camera(const struct tyto_web_feed *feed, uint32_t idx);

#endif
