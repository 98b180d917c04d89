/* SPDX-License-Identifier: MIT */
#include "web/api.h"

#include <libsoup/soup.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "web/alike.h"
#include "web/figures.h"
#include "web/judge.h"
#include "web/known/beside.h"
#include "web/known/clips.h"
#include "web/playing.h"
#include "web/request.h"
#include "web/review.h"
#include "web/teaching.h"
#include "web/tune.h"
#include "web/view.h"

enum {
    MAX_RECENT = 60,
    MAX_ROWS = TYTO_WEB_MAX_EVENTS,
    MAX_PATH = 4096,
    MAX_CLASSES = 64, /* of a filter */
    MAX_PICTURE_BYTES = 4 << 20,
};

static void get_me(const struct tyto_web_request *request)
{
    struct tyto_json *json = tyto_json_new_object();
    const struct tyto_serve_params *params = request->serving->params;
    const struct tyto_visitor *visitor = &request->visitor;
    tyto_json_set(json, "users", tyto_json_new_bool(tyto_door_has_users(request->serving->door)));
    tyto_json_set(json, "token", tyto_json_new_string(visitor->token));
    if (visitor->is_let_in) { /* others need no more than the form */
        const bool may_correct = params->corrections && visitor->role == TYTO_ROLE_ADMIN;
        tyto_json_set(json, "version", tyto_json_new_string(params->version));
        tyto_json_set(json, "name", tyto_json_new_string(visitor->name));
        tyto_json_set(json, "role", tyto_json_new_string(tyto_role_name(visitor->role)));
        tyto_json_set(json, "corrections", tyto_json_new_bool(may_correct));
        tyto_json_set(json, "teach", tyto_json_new_bool(params->teach && may_correct));
        tyto_json_set(json, "pictures", tyto_json_new_bool(params->pictures != NULL));
        tyto_json_set(json, "recordings", tyto_json_new_bool(params->recordings != NULL));
    }
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

static struct tyto_json *view_camera(const struct tyto_web_request *request,
                                     const struct tyto_web_camera *camera)
{
    struct tyto_json *json = tyto_view_camera(camera);
    GBytes *sight = tyto_sights_get(request->serving->sights, camera->state.camera);
    tyto_json_set(json, "sight", tyto_json_new_bool(sight != NULL));
    if (sight)
        g_bytes_unref(sight);
    return json;
}

/* Everything that the page begins with; the stream goes on from there. */
static void get_now(const struct tyto_web_request *request)
{
    struct tyto_web_feed *feed = request->serving->feed;
    const struct tyto_web_events *events = tyto_web_feed_events(feed);
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *cameras = tyto_json_new_array();
    struct tyto_json *recent = tyto_json_new_array();
    for (uint32_t i = 0; i < tyto_web_feed_num_cameras(feed); i++)
        (void)tyto_json_append(cameras, view_camera(request, tyto_web_feed_camera(feed, i)));
    const uint32_t num = tyto_web_events_num(events);
    for (uint32_t i = num > MAX_RECENT ? num - MAX_RECENT : 0; i < num; i++)
        (void)tyto_json_append(recent, tyto_view_event(events, tyto_web_events_at(events, i)));
    tyto_json_set(json, "cameras", cameras);
    tyto_json_set(json, "events", recent);
    tyto_json_set(json, "link", tyto_view_link(tyto_web_feed_link(feed)));
    tyto_json_set(json, "now", tyto_json_new_u64(tyto_clock_unix_ns() / TYTO_NS_PER_MS));
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

static void get_stream(const struct tyto_web_request *request)
{
    const char *seconds = tyto_http_text(request->query, "seconds");
    tyto_stream_join(request->serving->stream, request->msg, request->visitor.session_id,
                     g_strcmp0(seconds, "no") != 0);
}

static void get_events(const struct tyto_web_request *request)
{
    const int64_t far_ms = INT64_MAX / 4;
    struct tyto_view_filter filter = {0};
    int64_t max;
    if (!tyto_http_number(request->query, "from", -far_ms, far_ms, 0, &filter.from_ms) ||
        !tyto_http_number(request->query, "to", -far_ms, far_ms, far_ms, &filter.to_ms) ||
        !tyto_http_number(request->query, "max", 1, MAX_ROWS, MAX_ROWS, &max)) {
        tyto_http_error(request->msg, SOUP_STATUS_BAD_REQUEST,
                        "from, to and max must be whole numbers");
        return;
    }
    filter.max = (uint32_t)max;
    tyto_http_json_text(request->msg,
                        tyto_view_events(tyto_web_feed_events(request->serving->feed), &filter));
}

static void get_event(const struct tyto_web_request *request)
{
    const char *id = tyto_http_text(request->query, "id");
    const struct tyto_web_events *events = tyto_web_feed_events(request->serving->feed);
    const struct tyto_web_event *event =
        id && tyto_event_id_is_valid(id) ? tyto_web_events_get(events, id) : NULL;
    const char *pictures = request->serving->params->pictures;
    char path[MAX_PATH];
    if (!event) {
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "no such event is known here");
        return;
    }
    struct tyto_json *json = tyto_view_event_whole(events, event);
    if (pictures)
        tyto_json_set(
            json, "picture",
            tyto_json_new_bool(tyto_clip_picture(pictures, events, event, path, sizeof(path))));
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

static struct tyto_json *new_id(const struct tyto_web_event *event)
{
    return event ? tyto_json_new_string(event->id) : tyto_json_new_null();
}

static enum tyto_modality modality_of(const char *name)
{
    enum tyto_modality modality = 0;
    for (int i = TYTO_MODALITY_AV; name && i <= TYTO_MODALITY_V; i++) {
        if (strcmp(name, tyto_modality_name((enum tyto_modality)i)) == 0)
            modality = (enum tyto_modality)i;
    }
    return modality;
}

/* The events before and after one, of those that the timeline's filters leave. */
static void get_beside(const struct tyto_web_request *request)
{
    const char *id = tyto_http_text(request->query, "id");
    const char *class_text = tyto_http_text(request->query, "class");
    const struct tyto_web_events *events = tyto_web_feed_events(request->serving->feed);
    const struct tyto_web_event *event =
        id && tyto_event_id_is_valid(id) ? tyto_web_events_get(events, id) : NULL;
    int64_t score;
    if (!event || !tyto_http_number(request->query, "score", 0, 100, 0, &score)) {
        tyto_http_error(request->msg, event ? SOUP_STATUS_BAD_REQUEST : SOUP_STATUS_NOT_FOUND,
                        event ? "score must be a whole number up to 100"
                              : "no such event is known here");
        return;
    }
    char **classes = class_text ? g_strsplit(class_text, ",", MAX_CLASSES) : NULL;
    const struct tyto_web_wanted wanted = {
        .camera = tyto_http_text(request->query, "camera"),
        .zone = tyto_http_text(request->query, "zone"),
        .classes = (const char *const *)classes,
        .modality = modality_of(tyto_http_text(request->query, "modality")),
        .score = (float)score / 100.0f,
    };
    const struct tyto_web_beside beside = tyto_web_events_beside(events, event, &wanted);
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "before", new_id(beside.before));
    tyto_json_set(json, "after", new_id(beside.after));
    tyto_json_set(json, "at", tyto_json_new_u64(beside.at));
    tyto_json_set(json, "of", tyto_json_new_u64(beside.num));
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
    g_strfreev(classes);
}

/* Of a file that is replaced as a whole when a better picture comes. */
static void get_picture(const struct tyto_web_request *request)
{
    const char *id = tyto_http_text(request->query, "id");
    const char *pictures = request->serving->params->pictures;
    const struct tyto_web_events *events = tyto_web_feed_events(request->serving->feed);
    const struct tyto_web_event *event =
        pictures && id && tyto_event_id_is_valid(id) ? tyto_web_events_get(events, id) : NULL;
    char path[MAX_PATH];
    GMappedFile *file = event && tyto_clip_picture(pictures, events, event, path, sizeof(path))
                            ? g_mapped_file_new(path, FALSE, NULL)
                            : NULL;
    if (!file || g_mapped_file_get_length(file) > MAX_PICTURE_BYTES) {
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "there is no picture of it");
    } else {
        soup_server_message_set_status(request->msg, SOUP_STATUS_OK, NULL);
        soup_server_message_set_response(request->msg, "image/jpeg", SOUP_MEMORY_COPY,
                                         g_mapped_file_get_contents(file),
                                         g_mapped_file_get_length(file));
    }
    if (file)
        g_mapped_file_unref(file);
}

/* What a camera sees now. */
static void get_live(const struct tyto_web_request *request)
{
    const char *camera = tyto_http_text(request->query, "camera");
    GBytes *jpeg = camera ? tyto_sights_get(request->serving->sights, camera) : NULL;
    if (!jpeg) {
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "there is no picture of it now");
        return;
    }
    SoupServerMessage *msg = request->msg;
    soup_message_headers_set_content_type(soup_server_message_get_response_headers(msg),
                                          "image/jpeg", NULL);
    soup_message_body_append_bytes(soup_server_message_get_response_body(msg), jpeg);
    soup_server_message_set_status(msg, SOUP_STATUS_OK, NULL);
    g_bytes_unref(jpeg);
}

static void get_health(const struct tyto_web_request *request)
{
    const struct tyto_serving *serving = request->serving;
    const struct tyto_web_events *events = tyto_web_feed_events(serving->feed);
    struct tyto_json *json = tyto_json_new_object();
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    tyto_json_set(json, "version", tyto_json_new_string(serving->params->version));
    tyto_json_set(json, "begin", tyto_json_new_u64((uint64_t)serving->begin_unix_ms));
    tyto_json_set(json, "viewers", tyto_json_new_u64(tyto_stream_num_viewers(serving->stream)));
    tyto_json_set(json, "events", tyto_json_new_u64(tyto_web_events_num(events)));
    tyto_json_set(json, "memory_kib", tyto_json_new_u64((uint64_t)usage.ru_maxrss));
    tyto_json_set(
        json, "cpu_s",
        tyto_json_new_f64((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6));
    tyto_json_set(json, "endpoint",
                  tyto_json_new_name(serving->params->endpoint ? serving->params->endpoint
                                                               : TYTO_DEFAULT_ENDPOINT));
    tyto_json_set(json, "link", tyto_view_link(tyto_web_feed_link(serving->feed)));
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

/* The recording of the event that the query names, or NULL, which has been answered. */
static const char *clip_of(const struct tyto_web_request *request, const char *id)
{
    const struct tyto_web_event *event =
        id && tyto_event_id_is_valid(id)
            ? tyto_web_events_get(tyto_web_feed_events(request->serving->feed), id)
            : NULL;
    if (event && event->clip && request->serving->params->recordings)
        return event->clip;
    tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "there is no recording of it");
    return NULL;
}

static void get_recording(const struct tyto_web_request *request)
{
    const char *clip = clip_of(request, tyto_http_text(request->query, "id"));
    const struct tyto_serve_params *params = request->serving->params;
    if (!clip)
        return;
    struct tyto_json *json = tyto_review_get(params->recordings, params->corrections, clip);
    char *path = g_build_filename(params->recordings, clip, NULL);
    tyto_json_set(json, "name", tyto_json_new_string(clip));
    tyto_json_set(json, "whole", tyto_json_new_bool(g_file_test(path, G_FILE_TEST_EXISTS)));
    g_free(path);
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

/* Recordings get their name when they are whole and never change after that, so that they can be
 * mapped; libsoup gives the ranges of it that a player asks for. */
static void get_media(const struct tyto_web_request *request)
{
    const char *clip = clip_of(request, tyto_http_text(request->query, "id"));
    if (!clip)
        return;
    char *path = g_build_filename(request->serving->params->recordings, clip, NULL);
    GMappedFile *file = g_mapped_file_new(path, FALSE, NULL);
    g_free(path);
    if (!file) {
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND,
                        "its recording is not there, or not yet whole");
        return;
    }
    GBytes *bytes = g_mapped_file_get_bytes(file);
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(request->msg);
    soup_message_headers_set_content_type(headers, "video/x-matroska", NULL);
    soup_message_headers_replace(headers, "Accept-Ranges", "bytes");
    soup_message_body_append_bytes(soup_server_message_get_response_body(request->msg), bytes);
    soup_server_message_set_status(request->msg, SOUP_STATUS_OK, NULL);
    g_bytes_unref(bytes);
    g_mapped_file_unref(file);
}

/* What of it a browser plays, and whether it is there at all. */
static void get_film(const struct tyto_web_request *request)
{
    const char *clip = clip_of(request, tyto_http_text(request->query, "id"));
    if (clip)
        tyto_playing_tell(request, clip);
}

static void get_play(const struct tyto_web_request *request)
{
    const char *clip = clip_of(request, tyto_http_text(request->query, "id"));
    if (clip)
        tyto_playing_play(request, clip);
}

/* --- what changes something -------------------------------------------------------------- */

static void post_login(const struct tyto_web_request *request)
{
    if (tyto_door_has_users(request->serving->door))
        tyto_login_answer(request->serving->login, request->msg);
    else
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "there are no users here");
}

static void post_logout(const struct tyto_web_request *request)
{
    tyto_door_see_off(request->serving->door, request->msg, &request->visitor);
    tyto_http_json(request->msg, SOUP_STATUS_OK, tyto_json_new_object());
}

static void post_correct(const struct tyto_web_request *request)
{
    const struct tyto_serve_params *params = request->serving->params;
    if (!params->corrections) {
        tyto_http_error(request->msg, SOUP_STATUS_FORBIDDEN,
                        "no corrections are taken: tyto serve --corrections DIR");
        return;
    }
    struct tyto_json *body = tyto_http_body(request->msg);
    const char *clip = body ? clip_of(request, tyto_json_string(tyto_json_get(body, "id"))) : NULL;
    struct tyto_fault fault = {0};
    if (clip) {
        const enum tyto_err err = tyto_review_put(params->recordings, params->corrections, clip,
                                                  tyto_json_get(body, "labels"), &fault);
        if (err)
            tyto_http_error(request->msg,
                            err == TYTO_ERR_INVALID ? SOUP_STATUS_BAD_REQUEST
                                                    : SOUP_STATUS_INTERNAL_SERVER_ERROR,
                            fault.text);
        else
            tyto_http_json(request->msg, SOUP_STATUS_OK,
                           tyto_review_get(params->recordings, params->corrections, clip));
    }
    tyto_json_destroy(&body);
}

/* --- who may what ------------------------------------------------------------------------- */

enum need { OF_ANYBODY, OF_VIEWER, OF_ADMIN };

static const struct route {
    const char *path;
    void (*answer)(const struct tyto_web_request *request);
    enum need need;
    bool is_post;
} routes[] = {
    {"/api/me", get_me, OF_ANYBODY, false},
    {"/api/login", post_login, OF_ANYBODY, true},
    {"/api/logout", post_logout, OF_ANYBODY, true},
    {"/api/now", get_now, OF_VIEWER, false},
    {"/api/stream", get_stream, OF_VIEWER, false},
    {"/api/events", get_events, OF_VIEWER, false},
    {"/api/event", get_event, OF_VIEWER, false},
    {"/api/beside", get_beside, OF_VIEWER, false},
    {"/api/alike", tyto_alike_get, OF_VIEWER, false},
    {"/api/recording", get_recording, OF_VIEWER, false},
    {"/api/health", get_health, OF_VIEWER, false},
    {"/api/figures", tyto_figures_get, OF_VIEWER, false},
    {"/api/film", get_film, OF_VIEWER, false},
    {"/live", get_live, OF_VIEWER, false},
    {"/picture", get_picture, OF_VIEWER, false},
    {"/media", get_media, OF_VIEWER, false},
    {"/play", get_play, OF_VIEWER, false},
    {"/api/correct", post_correct, OF_ADMIN, true},
    {"/api/review", tyto_judge_get, OF_ADMIN, false},
    {"/api/review/judge", tyto_judge_start, OF_ADMIN, true},
    {"/api/teach", tyto_teaching_get, OF_ADMIN, false},
    {"/api/teach/start", tyto_teaching_start, OF_ADMIN, true},
    {"/api/teach/cancel", tyto_teaching_cancel, OF_ADMIN, true},
    {"/api/teach/push", tyto_teaching_push, OF_ADMIN, true},
    {"/api/thresholds", tyto_tune_get, OF_ADMIN, false},
    {"/api/thresholds/count", tyto_tune_count, OF_ADMIN, true},
    {"/api/thresholds/apply", tyto_tune_apply, OF_ADMIN, true},
};

static void answer(const struct route *route, const struct tyto_web_request *request)
{
    SoupServerMessage *msg = request->msg;
    const struct tyto_visitor *visitor = &request->visitor;
    const bool is_post = soup_server_message_get_method(msg) == SOUP_METHOD_POST;
    if (is_post != route->is_post)
        tyto_http_error(msg, SOUP_STATUS_METHOD_NOT_ALLOWED, "that is asked in another way");
    else if (route->need != OF_ANYBODY && !visitor->is_let_in)
        tyto_http_error(msg, SOUP_STATUS_UNAUTHORIZED, "log in first");
    else if (is_post && !tyto_door_is_own_page(request->serving->door, msg, visitor))
        tyto_http_error(msg, SOUP_STATUS_FORBIDDEN, "only this server's own page may do that");
    else if (route->need == OF_ADMIN && visitor->role != TYTO_ROLE_ADMIN)
        tyto_http_error(msg, SOUP_STATUS_FORBIDDEN, "an admin may do that, a viewer may not");
    else
        route->answer(request);
}

void tyto_api_answer(struct tyto_serving *serving, SoupServerMessage *msg, const char *path,
                     GHashTable *query)
{
    struct tyto_web_request request = {.serving = serving, .msg = msg, .query = query};
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        tyto_door_look(serving->door, msg, &request.visitor);
        answer(&routes[i], &request);
        return;
    }
    tyto_http_error(msg, SOUP_STATUS_NOT_FOUND, "there is no such page");
}
