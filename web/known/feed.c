/* SPDX-License-Identifier: MIT */
/* Two of libtyto: a feed for good, which fetches what it missed, and a client that asks for scores,
 * which lives only as long as somebody looks, because tytod makes scores for those who ask. */
#include "web/known/feed.h"

#include <glib-unix.h>
#include <string.h>

#include "base/clock.h"
#include "client/feed.h"
#include "client/tyto.h"
#include "web/common/past.h"
#include "web/known/clips.h"

enum {
    LOOK_MS = 250,    /* how often silence is looked for */
    MAX_AT_ONCE = 256 /* messages before others of the main loop have their turn */
};

/* Something of libtyto, looked at whenever there may be news. */
struct listener {
    struct tyto_web_feed *feed;
    bool (*take)(struct tyto_web_feed *feed); /* the next one; false: there is none */
    guint fd_source, timer_source;
};

struct tyto_web_feed {
    struct tyto_web_feed_params params;
    struct tyto_feed *all;
    struct tyto_client *scores; /* NULL: nobody looks */
    struct listener all_listener, scores_listener;
    char denied[TYTO_STATE_TEXT_MAX + 1]; /* what link.denied is */
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

/* Of the other kinds a feed makes items of its own. */
static void take_message(struct tyto_web_feed *feed, const struct tyto_message *message)
{
    if (message->kind == TYTO_MESSAGE_EVENT)
        take_event(feed, &message->u.event);
    if (message->kind == TYTO_MESSAGE_CAMERA_STATE)
        take_state(feed, &message->u.camera_state);
    if (message->kind != TYTO_MESSAGE_MODEL_STATE)
        return;
    take_model(feed, &message->u.model_state);
    feed->params.on_link(feed->params.user);
}

static void take_contact(struct tyto_web_feed *feed, const struct tyto_message *message)
{
    struct tyto_web_link *link = &feed->link;
    const struct tyto_past_source source = {.endpoint = feed->params.endpoint,
                                            .server_key = feed->params.server_key,
                                            .key = feed->params.key};
    link->was_heard = true;
    link->denied = NULL;
    if (!feed->past)
        feed->past = tyto_past_new(&source, TYTO_WEB_MAX_EVENTS / 2, take_past, end_past, feed);
    if (message->has_hello)
        (void)g_strlcpy(link->version, message->u.hello.version, sizeof(link->version));
}

static void take_item(struct tyto_web_feed *feed, const struct tyto_feed_item *item)
{
    struct tyto_web_link *link = &feed->link;
    struct tyto_feed_counts counts;
    tyto_feed_get_counts(feed->all, &counts);
    link->num_received = counts.num_given;
    link->num_lost = counts.num_lost;
    link->num_malformed = counts.num_malformed;
    if (item->kind != TYTO_FEED_SILENT && item->kind != TYTO_FEED_REFUSED)
        link->heard_unix_ms = now_ms();
    switch (item->kind) {
    case TYTO_FEED_MESSAGE:
        take_message(feed, &item->message);
        return;
    case TYTO_FEED_RESTARTED:
        link->num_restarts++;
        take_contact(feed, &item->message);
        break;
    case TYTO_FEED_CONNECTED:
        take_contact(feed, &item->message);
        break;
    case TYTO_FEED_SILENT:
        link->is_silent = true;
        break;
    case TYTO_FEED_ALIVE:
        link->is_silent = false;
        break;
    case TYTO_FEED_REFUSED:
        (void)g_strlcpy(feed->denied, item->text, sizeof(feed->denied));
        link->denied = feed->denied;
        g_warning("%s: %s", feed->params.endpoint ? feed->params.endpoint : "tytod", link->denied);
        break;
    case TYTO_FEED_LOST:
        g_warning("of tytod's messages some are lost (%s): %s", tyto_feed_loss_name(item->why),
                  item->text);
        break;
    case TYTO_FEED_CAUGHT_UP:
    case TYTO_FEED_LIVE_ONLY:
        break;
    }
    feed->params.on_link(feed->params.user);
}

/* --- listening ------------------------------------------------------------------------------- */

static bool take_next(struct tyto_web_feed *feed)
{
    const struct tyto_feed_item *item;
    if (tyto_feed_next(feed->all, 0, &item) != TYTO_OK)
        return false;
    take_item(feed, item);
    return true;
}

static bool take_next_scores(struct tyto_web_feed *feed)
{
    static struct tyto_message message; /* large; the main loop's thread is the only one */
    if (tyto_client_next(feed->scores, 0, &message) != TYTO_OK)
        return false;
    if (message.kind == TYTO_MESSAGE_DEBUG_SCORES)
        take_scores(feed, &message.u.debug_scores);
    return true;
}

/* True: there may be more. */
static bool drain(struct listener *listener)
{
    for (int i = 0; i < MAX_AT_ONCE; i++) {
        if (!listener->take(listener->feed))
            return false;
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
    struct listener *listener = user;
    if (drain(listener))
        (void)g_idle_add(drain_more, listener);
    return G_SOURCE_CONTINUE;
}

static void listen_to(struct listener *listener, struct tyto_web_feed *feed, int fd,
                      bool (*take)(struct tyto_web_feed *feed))
{
    *listener = (struct listener){.feed = feed, .take = take};
    listener->fd_source = g_unix_fd_add(fd, G_IO_IN, on_fd, listener);
    listener->timer_source = g_timeout_add(LOOK_MS, on_timer, listener);
}

static void stop_listening(struct listener *listener)
{
    while (g_idle_remove_by_data(listener))
        ;
    g_source_remove(listener->fd_source);
    g_source_remove(listener->timer_source);
}

enum tyto_err tyto_web_feed_create(const struct tyto_web_feed_params *params,
                                   struct tyto_web_feed **ret_feed)
{
    struct tyto_web_feed *feed = g_new0(struct tyto_web_feed, 1);
    feed->params = *params;
    feed->events = tyto_web_events_new();
    feed->cameras = g_ptr_array_new_with_free_func(g_free);
    const struct tyto_feed_params all = {.endpoint = params->endpoint,
                                         .with_snapshot = true,
                                         .server_key = params->server_key,
                                         .secret_key = params->key};
    const enum tyto_err err = tyto_feed_open(&all, &feed->all);
    if (err) {
        tyto_web_feed_destroy(&feed);
        return err;
    }
    listen_to(&feed->all_listener, feed, tyto_feed_fd(feed->all), take_next);
    *ret_feed = feed;
    return TYTO_OK;
}

void tyto_web_feed_destroy(struct tyto_web_feed **feed)
{
    if (!feed || !*feed)
        return;
    tyto_web_feed_want_scores(*feed, false);
    if ((*feed)->all)
        stop_listening(&(*feed)->all_listener);
    tyto_feed_close(&(*feed)->all);
    tyto_past_free((*feed)->past);
    tyto_web_events_free((*feed)->events);
    g_ptr_array_free((*feed)->cameras, TRUE);
    g_free(*feed);
    *feed = NULL;
}

void tyto_web_feed_want_scores(struct tyto_web_feed *feed, bool wants)
{
    const struct tyto_client_params params = {.endpoint = feed->params.endpoint,
                                              .server_key = feed->params.server_key,
                                              .secret_key = feed->params.key,
                                              .debug = true};
    /* Without it the page has no bars, no more. */
    if (wants && !feed->scores && tyto_client_create(&params, &feed->scores) == TYTO_OK)
        listen_to(&feed->scores_listener, feed, tyto_client_fd(feed->scores), take_next_scores);
    if (wants || !feed->scores)
        return;
    stop_listening(&feed->scores_listener);
    tyto_client_destroy(&feed->scores);
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
