/* SPDX-License-Identifier: MIT */
#include "web/serving.h"

#include <glib.h>

#include "base/clock.h"
#include "web/alike.h"
#include "web/figures.h"
#include "web/judge.h"
#include "web/known/clips.h"
#include "web/playing.h"
#include "web/teaching.h"
#include "web/tune.h"
#include "web/view.h"

static void on_watched(void *user, bool is_watched)
{
    struct tyto_serving *serving = user;
    tyto_web_feed_want_scores(serving->feed, is_watched);
    tyto_sights_want(serving->sights, is_watched);
}

static void on_camera(void *user, const struct tyto_web_camera *camera)
{
    tyto_stream_send(((struct tyto_serving *)user)->stream, "camera", tyto_view_camera(camera));
}

static void on_scores(void *user, const struct tyto_web_camera *camera)
{
    tyto_stream_send_second(((struct tyto_serving *)user)->stream, "scores",
                            tyto_view_scores(camera));
}

static void on_event(void *user, const struct tyto_web_event *event)
{
    struct tyto_serving *serving = user;
    struct tyto_json *json = tyto_view_event(tyto_web_feed_events(serving->feed), event);
    if (event->detail && event->detail->place.rows > 0)
        tyto_json_set(json, "place", tyto_view_place(&event->detail->place));
    tyto_stream_send(serving->stream, "event", json);
}

static void on_gone(void *user, const char *id)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "id", tyto_json_new_string(id));
    tyto_stream_send(((struct tyto_serving *)user)->stream, "gone", json);
}

static void on_link(void *user)
{
    struct tyto_serving *serving = user;
    tyto_stream_send(serving->stream, "link", tyto_view_link(tyto_web_feed_link(serving->feed)));
}

static void on_past(void *user)
{
    tyto_stream_send(((struct tyto_serving *)user)->stream, "past", tyto_json_new_object());
}

static void on_sight(void *user, const char *camera)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "camera", tyto_json_new_string(camera));
    tyto_json_set(json, "at", tyto_json_new_u64(tyto_clock_unix_ns() / TYTO_NS_PER_MS));
    tyto_stream_send_second(((struct tyto_serving *)user)->stream, "sight", json);
}

static void on_over(void *user, uint64_t session_id)
{
    tyto_stream_drop(((struct tyto_serving *)user)->stream, session_id);
}

static enum tyto_err open_feed(struct tyto_serving *serving, struct tyto_fault *ret_fault)
{
    const struct tyto_serve_params *params = serving->params;
    const struct tyto_web_feed_params feed = {.endpoint = params->endpoint,
                                              .server_key = params->server_key,
                                              .key = params->key,
                                              .recordings = params->recordings,
                                              .user = serving,
                                              .on_camera = on_camera,
                                              .on_scores = on_scores,
                                              .on_event = on_event,
                                              .on_gone = on_gone,
                                              .on_link = on_link,
                                              .on_past = on_past};
    const enum tyto_err err = tyto_web_feed_create(&feed, &serving->feed);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, "endpoint", "cannot watch %s: %s",
                              params->endpoint ? params->endpoint : TYTO_DEFAULT_ENDPOINT,
                              tyto_err_text(err));
    if (params->recordings)
        tyto_clips_load(params->recordings, tyto_web_feed_events(serving->feed));
    return TYTO_OK;
}

enum tyto_err tyto_serving_create(const struct tyto_serve_params *params, bool is_local,
                                  struct tyto_serving **ret_serving, struct tyto_fault *ret_fault)
{
    struct tyto_serving *serving = g_new0(struct tyto_serving, 1);
    serving->params = params;
    serving->begin_unix_ms = (int64_t)(tyto_clock_unix_ns() / TYTO_NS_PER_MS);
    serving->stream = tyto_stream_new(on_watched, serving);
    serving->door_params = (struct tyto_door_params){
        .users = params->users,
        .proxy = params->proxy,
        .names = params->names,
        .num_names = params->num_names,
        .has_any_name = !is_local && !params->proxy,
        .is_secure = params->tls_cert || params->proxy,
        .on_over = on_over,
        .user = serving,
    };
    enum tyto_err err = tyto_door_create(&serving->door_params, &serving->door, ret_fault);
    if (!err)
        err = tyto_teaching_new(serving, &serving->teaching, ret_fault);
    if (!err)
        err = open_feed(serving, ret_fault);
    if (err) {
        tyto_serving_destroy(&serving);
        return err;
    }
    serving->sights = tyto_sights_new(&(struct tyto_sights_params){.endpoint = params->endpoint,
                                                                   .server_key = params->server_key,
                                                                   .key = params->key,
                                                                   .on_sight = on_sight,
                                                                   .user = serving});
    serving->login = tyto_login_new(serving->door);
    serving->tune = tyto_tune_new(serving);
    serving->alike = tyto_alike_new(serving);
    serving->playing = tyto_playing_new();
    serving->figures = tyto_figures_new(serving);
    serving->judge = tyto_judge_new(serving);
    *ret_serving = serving;
    return TYTO_OK;
}

void tyto_serving_destroy(struct tyto_serving **serving)
{
    if (!serving || !*serving)
        return;
    tyto_teaching_free((*serving)->teaching);
    tyto_tune_free((*serving)->tune);
    tyto_alike_free((*serving)->alike);
    tyto_playing_free((*serving)->playing);
    tyto_figures_free((*serving)->figures);
    tyto_judge_free((*serving)->judge);
    tyto_login_free((*serving)->login);
    tyto_sights_free((*serving)->sights);
    tyto_web_feed_destroy(&(*serving)->feed);
    tyto_door_destroy(&(*serving)->door);
    tyto_stream_free((*serving)->stream);
    g_free(*serving);
    *serving = NULL;
}
