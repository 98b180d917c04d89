/* SPDX-License-Identifier: MIT */
#include "web/judge.h"

#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/control/ask.h"
#include "web/common/errand.h"
#include "web/known/clips.h"
#include "web/review.h"
#include "web/teach/child.h"

enum {
    MAX_CLIPS = 256,  /* that are judged: the last ones that were corrected */
    MAX_OTHERS = 200, /* that are shown to be looked through */
    MAX_EVENTS = 256, /* of a recording */
    MAX_S = 1800,
    ASK_S = 5,
    MAX_PATH = 4096,
};

enum state { NONE, RUNNING, DONE, FAILED };
static const char *const state_names[] = {"none", "running", "done", "failed"};

struct tyto_judge {
    struct tyto_serving *serving;
    enum state state;
    char digest[TYTO_DIGEST_MAX + 1]; /* of the model by which results are */
    GHashTable *results;              /* clip -> struct tyto_json, an array or null; both owned */
    uint32_t num_asked, num_done;     /* of the run that goes on */
    char error[512];
    struct tyto_child *child;
    GPtrArray *argv;            /* of the child, texts are owned */
    struct tyto_json *events;   /* of the file that is being read */
    struct tyto_errand *errand; /* asks tytod what it serves */
    struct tyto_json *status;   /* its answer */
    struct tyto_fault fault;
};

static void free_json(gpointer data)
{
    struct tyto_json *json = data;
    tyto_json_destroy(&json);
}

static void fail(struct tyto_judge *judge, const char *text)
{
    judge->state = FAILED;
    (void)g_strlcpy(judge->error, text, sizeof(judge->error));
}

/* --- what the child says ---------------------------------------------------------------------- */

static void take_event(struct tyto_judge *judge, const struct tyto_json *line)
{
    const char *class_name = tyto_json_string(tyto_json_get(line, "class"));
    const char *modality = tyto_json_string(tyto_json_get(line, "modality"));
    double begin_s = 0, end_s = 0;
    if (!class_name || !modality || !tyto_json_f64(tyto_json_get(line, "begin_s"), &begin_s) ||
        !tyto_json_f64(tyto_json_get(line, "end_s"), &end_s) ||
        tyto_json_num_items(judge->events) >= MAX_EVENTS)
        return;
    struct tyto_json *event = tyto_json_new_object();
    tyto_json_set(event, "class", tyto_json_new_name(class_name));
    tyto_json_set(event, "begin", tyto_json_new_f64(begin_s));
    tyto_json_set(event, "end", tyto_json_new_f64(end_s));
    tyto_json_set(event, "modality", tyto_json_new_name(modality));
    (void)tyto_json_append(judge->events, event);
}

static void take_file(struct tyto_judge *judge, const struct tyto_json *line)
{
    const char *path = tyto_json_string(tyto_json_get(line, "file"));
    const char *dir = judge->serving->params->corrections;
    bool is_ok = false;
    (void)tyto_json_bool(tyto_json_get(line, "ok"), &is_ok);
    if (path && g_str_has_prefix(path, dir) && path[strlen(dir)] == '/') {
        struct tyto_json *found = is_ok ? judge->events : tyto_json_new_null();
        if (!is_ok)
            tyto_json_destroy(&judge->events);
        g_hash_table_replace(judge->results, g_strdup(path + strlen(dir) + 1), found);
        judge->events = tyto_json_new_array();
        judge->num_done++;
    }
}

static void on_line(void *user, const char *text)
{
    struct tyto_judge *judge = user;
    struct tyto_json *line = NULL;
    if (tyto_json_parse(text, strlen(text), &line, NULL, 0) != TYTO_OK)
        return;
    const char *type = tyto_json_string(tyto_json_get(line, "type"));
    if (type && strcmp(type, "event") == 0)
        take_event(judge, line);
    else if (type && strcmp(type, "file") == 0)
        take_file(judge, line);
    tyto_json_destroy(&line);
}

static void on_end(void *user, int status, bool was_late, const char *said)
{
    struct tyto_judge *judge = user;
    if (was_late)
        fail(judge, "it took too long");
    else if (judge->num_done == 0 || status < 0 || status > 1)
        fail(judge, said[0] ? said : "it was ended before its time");
    else
        judge->state = DONE;
    g_clear_pointer(&judge->child, tyto_child_free);
    g_clear_pointer(&judge->argv, g_ptr_array_unref);
    tyto_json_destroy(&judge->events);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* The weights that tytod serves, on a thread of its own. */
static void ask(void *user)
{
    struct tyto_judge *judge = user;
    struct tyto_json *request = tyto_json_new_object();
    tyto_json_set(request, "command", tyto_json_new_string("status"));
    (void)!tyto_ask_daemon_within(judge->serving->params->socket, request, ASK_S, &judge->status,
                                  &judge->fault);
    tyto_json_destroy(&request);
}

static void add(struct tyto_judge *judge, const char *text)
{
    g_ptr_array_add(judge->argv, g_strdup(text));
}

static void add_clips(struct tyto_judge *judge)
{
    const char *dir = judge->serving->params->corrections;
    struct tyto_json *all = tyto_review_list(dir);
    const uint32_t num = tyto_json_num_items(all);
    for (uint32_t i = num > MAX_CLIPS ? num - MAX_CLIPS : 0; i < num; i++) {
        const char *clip = tyto_json_string(tyto_json_get(tyto_json_at(all, i), "clip"));
        char path[MAX_PATH];
        if (!clip || g_hash_table_contains(judge->results, clip))
            continue;
        g_snprintf(path, sizeof(path), "%s/%s", dir, clip);
        add(judge, path);
        judge->num_asked++;
    }
    tyto_json_destroy(&all);
}

static void begin(struct tyto_judge *judge, const char *weights)
{
    const struct tyto_serve_params *params = judge->serving->params;
    struct tyto_fault fault = {.text = ""};
    judge->num_asked = judge->num_done = 0;
    judge->argv = g_ptr_array_new_with_free_func(g_free);
    const char *const fixed[] = {params->program, "localize",  "--json",
                                 "--no-progress", "--weights", weights};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        add(judge, fixed[i]);
    if (params->models) {
        add(judge, "--models");
        add(judge, params->models);
    }
    add_clips(judge);
    g_ptr_array_add(judge->argv, NULL);
    judge->events = tyto_json_new_array();
    const struct tyto_child_params child = {.argv = (const char *const *)judge->argv->pdata,
                                            .max_s = MAX_S,
                                            .on_line = on_line,
                                            .on_end = on_end,
                                            .user = judge};
    if (judge->num_asked > 0 && tyto_child_start(&child, &judge->child, &fault) == TYTO_OK)
        return; /* on_end goes on */
    if (judge->num_asked == 0)
        judge->state = DONE;
    else
        fail(judge, fault.text);
    g_clear_pointer(&judge->argv, g_ptr_array_unref);
    tyto_json_destroy(&judge->events);
}

static void on_asked(void *user)
{
    struct tyto_judge *judge = user;
    const struct tyto_json *model = tyto_json_get(judge->status, "model");
    const char *path = tyto_json_string(tyto_json_get(model, "path"));
    const char *digest = tyto_json_string(tyto_json_get(model, "digest"));
    g_clear_pointer(&judge->errand, tyto_errand_free);
    if (!path || !digest) {
        fail(judge, judge->fault.text[0] ? judge->fault.text : "tytod does not say what it serves");
    } else {
        if (strcmp(digest, judge->digest) != 0)
            g_hash_table_remove_all(judge->results);
        (void)g_strlcpy(judge->digest, digest, sizeof(judge->digest));
        begin(judge, path);
    }
    tyto_json_destroy(&judge->status);
}

/* --- asked for -------------------------------------------------------------------------------- */

static bool may_judge(const struct tyto_web_request *request)
{
    if (request->serving->params->corrections)
        return true;
    tyto_http_error(request->msg, SOUP_STATUS_FORBIDDEN,
                    "nothing is corrected here: tyto serve --recordings DIR --corrections DIR");
    return false;
}

static struct tyto_json *view(const struct tyto_judge *judge)
{
    struct tyto_json *json = tyto_json_new_object();
    const struct tyto_web_link *link = tyto_web_feed_link(judge->serving->feed);
    tyto_json_set(json, "state", tyto_json_new_string(state_names[judge->state]));
    tyto_json_set(json, "model", tyto_json_new_string(judge->digest));
    tyto_json_set(
        json, "is_present",
        tyto_json_new_bool(link->has_model && strcmp(link->model.digest, judge->digest) == 0));
    tyto_json_set(json, "num", tyto_json_new_u64(judge->num_done));
    tyto_json_set(json, "of", tyto_json_new_u64(judge->num_asked));
    if (judge->state == FAILED)
        tyto_json_set(json, "error", tyto_json_new_name(judge->error));
    return json;
}

static struct tyto_json *copy_of(const struct tyto_json *json)
{
    struct tyto_json *copy = NULL;
    char *text = tyto_json_print(json);
    if (text)
        (void)!tyto_json_parse(text, strlen(text), &copy, NULL, 0);
    free(text);
    return copy;
}

/* By clip, of list. Borrowed keys. */
static GHashTable *index_of(const struct tyto_json *list)
{
    GHashTable *by_clip = g_hash_table_new(g_str_hash, g_str_equal);
    for (uint32_t i = 0; i < tyto_json_num_items(list); i++) {
        const struct tyto_json *item = tyto_json_at(list, i);
        g_hash_table_replace(by_clip,
                             (gpointer)(uintptr_t)tyto_json_string(tyto_json_get(item, "clip")),
                             (gpointer)(uintptr_t)item);
    }
    return by_clip;
}

/* Adds to each that was corrected what was told of it, then and now. */
static struct tyto_json *view_corrected(const struct tyto_judge *judge,
                                        const struct tyto_json *corrected,
                                        const struct tyto_json *recorded)
{
    struct tyto_json *list = tyto_json_new_array();
    GHashTable *by_clip = index_of(recorded);
    for (uint32_t i = 0; i < tyto_json_num_items(corrected); i++) {
        const struct tyto_json *item = tyto_json_at(corrected, i);
        const char *clip = tyto_json_string(tyto_json_get(item, "clip"));
        const struct tyto_json *then = g_hash_table_lookup(by_clip, clip);
        const struct tyto_json *now = g_hash_table_lookup(judge->results, clip);
        struct tyto_json *json = tyto_json_new_object();
        tyto_json_set(json, "clip", tyto_json_new_string(clip));
        tyto_json_set(json, "labels", copy_of(tyto_json_get(item, "labels")));
        if (then)
            tyto_json_set(json, "then", copy_of(tyto_json_get(then, "labels")));
        if (now)
            tyto_json_set(json, "now", copy_of(now));
        (void)tyto_json_append(list, json);
    }
    g_hash_table_destroy(by_clip);
    return list;
}

static bool is_there(const char *dir, const char *clip)
{
    char path[MAX_PATH];
    g_snprintf(path, sizeof(path), "%s/%s", dir, clip);
    return access(path, R_OK) == 0;
}

/* The newest that nobody has looked through and that are still there. */
static struct tyto_json *view_others(const char *dir, const struct tyto_json *corrected,
                                     const struct tyto_json *recorded)
{
    struct tyto_json *list = tyto_json_new_array();
    GHashTable *by_clip = index_of(corrected);
    for (uint32_t i = tyto_json_num_items(recorded), num = 0; i-- > 0 && num < MAX_OTHERS;) {
        const struct tyto_json *item = tyto_json_at(recorded, i);
        const char *clip = tyto_json_string(tyto_json_get(item, "clip"));
        if (g_hash_table_contains(by_clip, clip) || !is_there(dir, clip))
            continue;
        (void)tyto_json_append(list, copy_of(item));
        num++;
    }
    g_hash_table_destroy(by_clip);
    return list;
}

void tyto_judge_get(const struct tyto_web_request *request)
{
    const struct tyto_judge *judge = request->serving->judge;
    const struct tyto_serve_params *params = request->serving->params;
    if (!may_judge(request))
        return;
    struct tyto_json *corrected = tyto_review_list(params->corrections);
    struct tyto_json *recorded =
        params->recordings ? tyto_review_list(params->recordings) : tyto_json_new_array();
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "corrected", view_corrected(judge, corrected, recorded));
    tyto_json_set(json, "others", view_others(params->recordings, corrected, recorded));
    tyto_json_set(json, "judged", view(judge));
    tyto_json_destroy(&corrected);
    tyto_json_destroy(&recorded);
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

void tyto_judge_start(const struct tyto_web_request *request)
{
    struct tyto_judge *judge = request->serving->judge;
    bool is_stop = false;
    if (!may_judge(request))
        return;
    struct tyto_json *body = tyto_http_body(request->msg);
    if (!body)
        return;
    (void)tyto_json_bool(tyto_json_get(body, "stop"), &is_stop);
    tyto_json_destroy(&body);
    if (is_stop && judge->child) {
        tyto_child_stop(judge->child);
    } else if (!is_stop && !judge->child && !judge->errand) {
        judge->state = RUNNING;
        judge->fault = (struct tyto_fault){.text = ""};
        judge->num_asked = judge->num_done = 0;
        judge->errand = tyto_errand_new(&(struct tyto_errand_params){
            .name = "judge", .run = ask, .done = on_asked, .user = judge});
    }
    tyto_http_json(request->msg, SOUP_STATUS_OK, view(judge));
}

struct tyto_judge *tyto_judge_new(struct tyto_serving *serving)
{
    struct tyto_judge *judge = g_new0(struct tyto_judge, 1);
    judge->serving = serving;
    judge->results = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    return judge;
}

void tyto_judge_free(struct tyto_judge *judge)
{
    if (!judge)
        return;
    tyto_errand_free(judge->errand);
    tyto_child_free(judge->child);
    if (judge->argv)
        g_ptr_array_unref(judge->argv);
    tyto_json_destroy(&judge->events);
    tyto_json_destroy(&judge->status);
    g_hash_table_destroy(judge->results);
    g_free(judge);
}
