/* SPDX-License-Identifier: MIT */
/* Two clients of libtyto: one for good, and one that asks for scores as well, which lives only as
 * long as somebody looks, because tytod makes scores for those who ask. */
#include "web/known/feed.h"

#include <glib-unix.h>
#include <string.h>

#include "base/clock.h"
#include "client/tyto.h"
#include "web/common/past.h"
#include "web/known/clips.h"

enum {
    LOOK_MS = 250,    /* how often silence is looked for */
    MAX_AT_ONCE = 256 /* messages before others of the main loop have their turn */
};

struct listener {
    struct tyto_web_feed *feed;
    struct tyto_client *client;
    guint fd_source, timer_source;
    bool is_scores;
};

struct tyto_web_feed {
    struct tyto_web_feed_params params;
    struct listener all, scores;
    struct tyto_web_link link;
    struct tyto_web_events *events;
    GPtrArray *cameras;     /* of struct tyto_web_camera */
    struct tyto_past *past; /* NULL: not asked for yet */
};

static int64_t now_ms(void)
{
    return (int64_t)(tyto_clock_unix_ns() / TYTO_NS_PER_MS);
}

/* NULL: there are too many. */
static struct tyto_web_camera *camera_of(struct tyto_web_feed *feed, const char *id)
{
    for (guint i = 0; i < feed->cameras->len; i++) {
        struct tyto_web_camera *camera = g_ptr_array_index(feed->cameras, i);
        if (strcmp(camera->state.camera, id) == 0)
            return camera;
    }
    if (feed->cameras->len >= TYTO_WEB_MAX_CAMERAS)
        return NULL;
    struct tyto_web_camera *camera = g_new0(struct tyto_web_camera, 1);
    (void)g_strlcpy(camera->state.camera, id, sizeof(camera->state.camera));
    g_ptr_array_add(feed->cameras, camera);
    return camera;
}

static void take_event(struct tyto_web_feed *feed, const struct tyto_event *event)
{
    char clip[TYTO_WEB_CLIP_MAX];
    const bool has_clip =
        tyto_clip_of_uri(feed->params.recordings, event->clip_uri, clip, sizeof(clip));
    struct tyto_web_camera *camera = camera_of(feed, event->camera);
    if (camera && event->place.rows > 0) {
        camera->has_place = true;
        camera->place = event->place;
        camera->place_unix_ms = now_ms();
    }
    const struct tyto_web_event *known =
        tyto_web_events_put(feed->events, event, has_clip ? clip : NULL);
    if (known)
        feed->params.on_event(feed->params.user, known);
    else if (event->phase == TYTO_EVENT_PHASE_RETRACTED)
        feed->params.on_gone(feed->params.user, event->id);
}

static void take_state(struct tyto_web_feed *feed, const struct tyto_camera_state *state)
{
    struct tyto_web_camera *camera = camera_of(feed, state->camera);
    if (!camera)
        return;
    camera->state = *state;
    camera->told_unix_ms = now_ms();
    feed->params.on_camera(feed->params.user, camera);
}

static void take_scores(struct tyto_web_feed *feed, const struct tyto_debug_scores *scores)
{
    struct tyto_web_camera *camera = camera_of(feed, scores->camera);
    if (!camera)
        return;
    camera->scores = *scores;
    camera->has_scores = true;
    camera->scores_unix_ms = now_ms();
    feed->params.on_scores(feed->params.user, camera);
}

static void take_model(struct tyto_web_feed *feed, const struct tyto_model_state *model)
{
    const bool is_refused = model->outcome == TYTO_MODEL_OUTCOME_REJECTED;
    (void)g_strlcpy(feed->link.refused, is_refused ? model->text : "", sizeof(feed->link.refused));
    if (!is_refused || !feed->link.has_model)
        feed->link.model = *model;
    feed->link.has_model = true;
}

static void take_past(void *user, const struct tyto_event *event, uint32_t num_before)
{
    struct tyto_web_feed *feed = user;
    char clip[TYTO_WEB_CLIP_MAX];
    const bool has_clip =
        tyto_clip_of_uri(feed->params.recordings, event->clip_uri, clip, sizeof(clip));
    /* The live ones want details, too. */
    tyto_web_events_put_past(feed->events, event, has_clip ? clip : NULL,
                             num_before < TYTO_WEB_MAX_DETAILS / 2);
}

static void end_past(void *user, uint32_t num_events)
{
    struct tyto_web_feed *feed = user;
    if (num_events == 0)
        return;
    tyto_web_events_settle(feed->events);
    feed->params.on_past(feed->params.user);
}

static void take(struct tyto_web_feed *feed, const struct tyto_message *message)
{
    struct tyto_web_link *link = &feed->link;
    link->heard_unix_ms = now_ms();
    switch (message->kind) {
    case TYTO_MESSAGE_EVENT:
        take_event(feed, &message->u.event);
        return;
    case TYTO_MESSAGE_CAMERA_STATE:
        take_state(feed, &message->u.camera_state);
        return;
    case TYTO_MESSAGE_DEBUG_SCORES:
        return; /* the other listener's */
    case TYTO_MESSAGE_MODEL_STATE:
        take_model(feed, &message->u.model_state);
        break;
    case TYTO_MESSAGE_CONNECTED:
        link->was_heard = true;
        link->denied = NULL;
        if (!feed->past)
            feed->past =
                tyto_past_new(&(struct tyto_past_source){.endpoint = feed->params.endpoint,
                                                         .server_key = feed->params.server_key,
                                                         .key = feed->params.key},
                              TYTO_WEB_MAX_EVENTS / 2, take_past, end_past, feed);
        if (message->has_hello)
            (void)g_strlcpy(link->version, message->u.hello.version, sizeof(link->version));
        break;
    case TYTO_MESSAGE_SILENT:
        link->is_silent = true;
        break;
    case TYTO_MESSAGE_ALIVE:
        link->is_silent = false;
        break;
    case TYTO_MESSAGE_RESTARTED:
        link->num_restarts++;
        break;
    case TYTO_MESSAGE_REFUSED:
        link->denied = tyto_refusal_text(message->refusal);
        g_warning("%s: %s", feed->params.endpoint ? feed->params.endpoint : "tytod", link->denied);
        break;
    case TYTO_MESSAGE_LOST:
        break;
    }
    struct tyto_client_counts counts;
    tyto_client_get_counts(feed->all.client, &counts);
    link->num_received = counts.num_received;
    link->num_lost = counts.num_lost;
    link->num_malformed = counts.num_malformed;
    feed->params.on_link(feed->params.user);
}

/* True: there may be more. */
static bool drain(struct listener *listener)
{
    static struct tyto_message message; /* large; the main loop's thread is the only one */
    for (int i = 0; i < MAX_AT_ONCE; i++) {
        if (tyto_client_next(listener->client, 0, &message) != TYTO_OK)
            return false;
        if (!listener->is_scores)
            take(listener->feed, &message);
        else if (message.kind == TYTO_MESSAGE_DEBUG_SCORES)
            take_scores(listener->feed, &message.u.debug_scores);
    }
    return true;
}

static gboolean drain_more(gpointer user)
{
    return drain(user) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean on_fd(gint fd, GIOCondition condition, gpointer user)
{
    (void)fd;
    (void)condition;
    struct listener *listener = user;
    /* The descriptor tells of news once: what is left has to be asked for. */
    if (drain(listener))
        (void)g_idle_add(drain_more, listener);
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer user)
{
    (void)drain(user);
    return G_SOURCE_CONTINUE;
}

static enum tyto_err start(struct listener *listener, struct tyto_web_feed *feed, bool is_scores)
{
    const struct tyto_client_params params = {.endpoint = feed->params.endpoint,
                                              .server_key = feed->params.server_key,
                                              .secret_key = feed->params.key,
                                              .debug = is_scores};
    const enum tyto_err err = tyto_client_create(&params, &listener->client);
    if (err)
        return err;
    listener->feed = feed;
    listener->is_scores = is_scores;
    listener->fd_source = g_unix_fd_add(tyto_client_fd(listener->client), G_IO_IN, on_fd, listener);
    listener->timer_source = g_timeout_add(LOOK_MS, on_timer, listener);
    return TYTO_OK;
}

static void stop(struct listener *listener)
{
    if (!listener->client)
        return;
    while (g_idle_remove_by_data(listener))
        ;
    g_source_remove(listener->fd_source);
    g_source_remove(listener->timer_source);
    tyto_client_destroy(&listener->client);
}

enum tyto_err tyto_web_feed_create(const struct tyto_web_feed_params *params,
                                   struct tyto_web_feed **ret_feed)
{
    struct tyto_web_feed *feed = g_new0(struct tyto_web_feed, 1);
    feed->params = *params;
    feed->events = tyto_web_events_new();
    feed->cameras = g_ptr_array_new_with_free_func(g_free);
    const enum tyto_err err = start(&feed->all, feed, false);
    if (err)
        tyto_web_feed_destroy(&feed);
    else
        *ret_feed = feed;
    return err;
}

void tyto_web_feed_destroy(struct tyto_web_feed **feed)
{
    if (!feed || !*feed)
        return;
    stop(&(*feed)->all);
    stop(&(*feed)->scores);
    tyto_past_free((*feed)->past);
    tyto_web_events_free((*feed)->events);
    g_ptr_array_free((*feed)->cameras, TRUE);
    g_free(*feed);
    *feed = NULL;
}

void tyto_web_feed_want_scores(struct tyto_web_feed *feed, bool wants)
{
    if (wants && !feed->scores.client)
        (void)start(&feed->scores, feed, true); /* without it the page has no bars, no more */
    else if (!wants)
        stop(&feed->scores);
}

const struct tyto_web_link *tyto_web_feed_link(const struct tyto_web_feed *feed)
{
    return &feed->link;
}

struct tyto_web_events *tyto_web_feed_events(struct tyto_web_feed *feed)
{
    return feed->events;
}

uint32_t tyto_web_feed_num_cameras(const struct tyto_web_feed *feed)
{
    return feed->cameras->len;
}

const struct tyto_web_camera *tyto_web_feed_camera(const struct tyto_web_feed *feed, uint32_t idx)
{
    return g_ptr_array_index(feed->cameras, idx);
}
