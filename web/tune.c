/* SPDX-License-Identifier: MIT */
#include "web/tune.h"

#include <libsoup/soup.h>
#include <string.h>

#include "base/clock.h"
#include "web/common/errand.h"
#include "web/config/apply.h"

enum { MAX_HOURS = 24 * 366 };

/* A change of the configuration that is on its way, or was the last one. */
struct change {
    struct tyto_errand *errand; /* NULL: none is on its way */
    char camera[TYTO_ID_MAX + 1];
    struct tyto_config_wish wishes[TYTO_CONFIG_MAX_WISHES];
    uint32_t num_wishes;
    enum tyto_err err;
    struct tyto_fault fault;
    uint32_t generation;
    bool was_made, is_tuned;
};

struct tyto_tune {
    struct tyto_serving *serving;
    struct tyto_tally_source source;
    struct tyto_tally *tally;
    struct change change;
};

/* --- telling --------------------------------------------------------------------------------- */

static struct tyto_json *view_change(const struct change *change)
{
    struct tyto_json *json = tyto_json_new_object();
    char text[sizeof(change->fault)];
    const char *state = change->errand      ? "applying"
                        : !change->was_made ? "none"
                        : change->err       ? "failed"
                                            : "done";
    tyto_json_set(json, "state", tyto_json_new_string(state));
    if (change->errand || !change->was_made)
        return json;
    tyto_fault_print(&change->fault, text, sizeof(text));
    if (change->err)
        tyto_json_set(json, "error",
                      tyto_json_new_name(text[0] ? text : tyto_err_text(change->err)));
    tyto_json_set(json, "generation", tyto_json_new_u64(change->generation));
    tyto_json_set(json, "tuned", tyto_json_new_bool(change->is_tuned));
    return json;
}

static struct tyto_json *view(struct tyto_tune *tune, bool is_whole)
{
    struct tyto_json *json = tyto_tally_view(tune->tally, is_whole);
    tyto_json_set(json, "change", view_change(&tune->change));
    return json;
}

static void tell(void *user)
{
    struct tyto_tune *tune = user;
    tyto_stream_send(tune->serving->stream, "thresholds", view(tune, false));
}

void tyto_tune_get(const struct tyto_web_request *request)
{
    const char *config = request->serving->params->config;
    struct tyto_fault fault = {.text = ""};
    char text[sizeof(fault)];
    struct tyto_json *json = view(request->serving->tune, true);
    const bool can_apply = config && tyto_config_is_writable(config, &fault);
    tyto_fault_print(&fault, text, sizeof(text));
    tyto_json_set(json, "can_apply", tyto_json_new_bool(can_apply));
    tyto_json_set(json, "config", config ? tyto_json_new_name(config) : tyto_json_new_null());
    if (config && !can_apply)
        tyto_json_set(json, "why_not", tyto_json_new_name(text));
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

/* --- counting -------------------------------------------------------------------------------- */

/* The cameras that are asked for, or all that are known. Their number. */
static uint32_t choose_cameras(const struct tyto_web_request *request,
                               const struct tyto_json *asked,
                               const char *names[TYTO_TALLY_MAX_CAMERAS])
{
    const struct tyto_web_feed *feed = request->serving->feed;
    const uint32_t num_asked = tyto_json_num_items(asked);
    const uint32_t num = num_asked > 0 ? num_asked : tyto_web_feed_num_cameras(feed);
    for (uint32_t i = 0; i < num && i < TYTO_TALLY_MAX_CAMERAS; i++) {
        const char *name = num_asked > 0 ? tyto_json_string(tyto_json_at(asked, i))
                                         : tyto_web_feed_camera(feed, i)->state.camera;
        names[i] = name ? name : "";
    }
    return num;
}

void tyto_tune_count(const struct tyto_web_request *request)
{
    struct tyto_tune *tune = request->serving->tune;
    struct tyto_json *body = tyto_http_body(request->msg);
    const char *names[TYTO_TALLY_MAX_CAMERAS];
    bool stops = false;
    double hours = 0;
    if (!body)
        return;
    if (tyto_json_bool(tyto_json_get(body, "stop"), &stops) && stops) {
        tyto_tally_cancel(tune->tally);
        tyto_http_json(request->msg, SOUP_STATUS_OK, view(tune, false));
        tyto_json_destroy(&body);
        return;
    }
    const uint32_t num = choose_cameras(request, tyto_json_get(body, "cameras"), names);
    if (!tyto_json_f64(tyto_json_get(body, "hours"), &hours) || !(hours > 0) || hours > MAX_HOURS) {
        tyto_http_error(request->msg, SOUP_STATUS_BAD_REQUEST, "hours must be a number over 0");
    } else {
        const int64_t since_ns =
            (int64_t)tyto_clock_unix_ns() - (int64_t)(hours * 3600 * (double)TYTO_NS_PER_S);
        const enum tyto_err err = tyto_tally_start(tune->tally, names, num, since_ns);
        if (err == TYTO_ERR_EXISTS)
            tyto_http_error(request->msg, SOUP_STATUS_CONFLICT,
                            "something is being counted already");
        else if (err)
            tyto_http_error(request->msg, SOUP_STATUS_BAD_REQUEST,
                            num == 0 ? "no camera is known here"
                                     : "these are no cameras, or more than 64");
        else
            tyto_http_json(request->msg, SOUP_STATUS_OK, view(tune, false));
    }
    tyto_json_destroy(&body);
}

/* --- changing -------------------------------------------------------------------------------- */

static void run(void *user)
{
    struct tyto_tune *tune = user;
    struct change *change = &tune->change;
    const struct tyto_serve_params *params = tune->serving->params;
    const struct tyto_config_change wish = {.file = params->config,
                                            .socket = params->socket,
                                            .camera = change->camera[0] ? change->camera : NULL,
                                            .wishes = change->wishes,
                                            .num_wishes = change->num_wishes};
    change->err = tyto_config_apply(&wish, &change->generation, &change->is_tuned, &change->fault);
}

static void done(void *user)
{
    struct tyto_tune *tune = user;
    tyto_errand_free(tune->change.errand);
    tune->change.errand = NULL;
    tune->change.was_made = true;
    tell(tune);
}

static bool read_wish(const struct tyto_json *json, struct tyto_config_wish *ret_wish)
{
    const char *name = tyto_json_string(tyto_json_get(json, "name"));
    const struct tyto_json *thresholds = tyto_json_get(json, "thresholds");
    float *const values[] = {&ret_wish->joint, &ret_wish->heard, &ret_wish->seen};
    if (!name || !tyto_id_is_valid(name) || tyto_json_num_items(thresholds) != 3)
        return false;
    (void)g_strlcpy(ret_wish->class_name, name, sizeof(ret_wish->class_name));
    for (uint32_t i = 0; i < 3; i++) {
        double value = 0;
        if (!tyto_json_f64(tyto_json_at(thresholds, i), &value) || !(value >= 0.01 && value <= 1))
            return false;
        *values[i] = (float)value;
    }
    return true;
}

static bool read_change(const struct tyto_json *body, struct change *change)
{
    const char *camera = tyto_json_string(tyto_json_get(body, "camera"));
    const struct tyto_json *classes = tyto_json_get(body, "classes");
    *change = (struct change){.num_wishes = tyto_json_num_items(classes)};
    if ((camera && !tyto_id_is_valid(camera)) || change->num_wishes == 0 ||
        change->num_wishes > TYTO_CONFIG_MAX_WISHES)
        return false;
    (void)g_strlcpy(change->camera, camera ? camera : "", sizeof(change->camera));
    for (uint32_t i = 0; i < change->num_wishes; i++) {
        if (!read_wish(tyto_json_at(classes, i), &change->wishes[i]))
            return false;
    }
    return true;
}

void tyto_tune_apply(const struct tyto_web_request *request)
{
    struct tyto_tune *tune = request->serving->tune;
    if (!request->serving->params->config) {
        tyto_http_error(
            request->msg, SOUP_STATUS_FORBIDDEN,
            "this server does not know tytod's configuration: tyto serve --config FILE");
        return;
    }
    if (tune->change.errand) {
        tyto_http_error(request->msg, SOUP_STATUS_CONFLICT, "a change is on its way already");
        return;
    }
    struct tyto_json *body = tyto_http_body(request->msg);
    if (!body)
        return;
    if (read_change(body, &tune->change)) {
        const struct tyto_errand_params params = {
            .name = "apply", .run = run, .done = done, .user = tune};
        g_message("%s changes thresholds of %u classes%s%s",
                  request->visitor.name[0] ? request->visitor.name : "somebody at this machine",
                  tune->change.num_wishes, tune->change.camera[0] ? " of " : "",
                  tune->change.camera);
        tune->change.errand = tyto_errand_new(&params);
        tyto_http_json(request->msg, SOUP_STATUS_OK, view(tune, false));
    } else {
        tyto_http_error(request->msg, SOUP_STATUS_BAD_REQUEST,
                        "classes with three thresholds each, 0.01 to 1, are expected");
    }
    tyto_json_destroy(&body);
}

struct tyto_tune *tyto_tune_new(struct tyto_serving *serving)
{
    struct tyto_tune *tune = g_new0(struct tyto_tune, 1);
    const struct tyto_serve_params *params = serving->params;
    tune->serving = serving;
    tune->source = (struct tyto_tally_source){
        .endpoint = params->endpoint, .server_key = params->server_key, .key = params->key};
    tune->tally = tyto_tally_new(&tune->source, tell, tune);
    return tune;
}

void tyto_tune_free(struct tyto_tune *tune)
{
    if (!tune)
        return;
    tyto_errand_free(tune->change.errand);
    tyto_tally_free(tune->tally);
    g_free(tune);
}
