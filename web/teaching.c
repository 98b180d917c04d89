/* SPDX-License-Identifier: MIT */
#include "web/teaching.h"

#include <libsoup/soup.h>
#include <string.h>

#include "client/control/ask.h"
#include "web/common/errand.h"
#include "web/known/clips.h"
#include "web/review.h"
#include "web/teach/teach.h"

enum { MAX_CLIPS = 1024, MAX_RUN_S = 3600, TELL_MS = 250 };

/* A model that is on its way into tytod, or was the last one. */
struct push {
    struct tyto_errand *errand; /* NULL: none is on its way */
    uint32_t run;               /* 0: the one before */
    char path[TYTO_TEACH_PATH_MAX];
    enum tyto_err err;
    struct tyto_fault fault;
    bool was_made;
    bool goes_back, is_kept, can_go_back;
    char digest[TYTO_DIGEST_MAX + 1], starts_with[1024];
};

struct tyto_teaching {
    struct tyto_serving *serving;
    struct tyto_teach_params params;
    const char *extra[4];
    struct tyto_teach *teach; /* NULL: this server does not teach */
    struct push push;
    struct tyto_errand *look; /* asks tytod whether it can go back, once; NULL: does not */
    bool looked, found;       /* what the errand saw: its thread's until it is over */
    bool has_looked, can_go_back;
    guint tell; /* source; 0: nothing to be told */
};

/* --- telling --------------------------------------------------------------------------------- */

static struct tyto_json *view_push(const struct tyto_teaching *teaching)
{
    const struct push *push = &teaching->push;
    struct tyto_json *json = tyto_json_new_object();
    char text[sizeof(push->fault)];
    const char *state = push->errand      ? "pushing"
                        : !push->was_made ? "none"
                        : push->err       ? "failed"
                                          : "done";
    tyto_json_set(json, "state", tyto_json_new_string(state));
    tyto_json_set(json, "run", tyto_json_new_u64(push->run));
    tyto_json_set(json, "can_go_back", tyto_json_new_bool(teaching->can_go_back));
    if (push->errand || !push->was_made)
        return json;
    tyto_fault_print(&push->fault, text, sizeof(text));
    if (push->err)
        tyto_json_set(json, "error", tyto_json_new_name(text[0] ? text : tyto_err_text(push->err)));
    tyto_json_set(json, "digest", tyto_json_new_string(push->digest));
    tyto_json_set(json, "path", tyto_json_new_name(push->path));
    tyto_json_set(json, "starts_with", tyto_json_new_name(push->starts_with));
    tyto_json_set(json, "kept", tyto_json_new_bool(push->is_kept));
    return json;
}

static struct tyto_json *view(const struct tyto_teaching *teaching)
{
    struct tyto_json *json = tyto_json_new_object();
    if (teaching->teach)
        tyto_json_set(json, "now", tyto_teach_view(teaching->teach));
    tyto_json_set(json, "push", view_push(teaching));
    return json;
}

static gboolean tell(gpointer user)
{
    struct tyto_teaching *teaching = user;
    teaching->tell = 0;
    tyto_stream_send(teaching->serving->stream, "teach", view(teaching));
    return G_SOURCE_REMOVE;
}

/* Lines may come many times a second. */
static void on_change(void *user)
{
    struct tyto_teaching *teaching = user;
    if (teaching->tell == 0)
        teaching->tell = g_timeout_add(TELL_MS, tell, teaching);
}

static bool may_teach(const struct tyto_web_request *request)
{
    if (request->serving->teaching->teach)
        return true;
    tyto_http_error(request->msg, SOUP_STATUS_FORBIDDEN,
                    "this server does not teach: tyto serve --corrections DIR --teach DIR");
    return false;
}

/* --- teaching ----------------------------------------------------------------------------------
 */

/* What is chosen, or all that there is; names are borrowed from asked and list. */
static uint32_t choose(const struct tyto_json *asked, const struct tyto_json *list,
                       const char *clips[MAX_CLIPS])
{
    const uint32_t num_asked = tyto_json_num_items(asked);
    const uint32_t num = num_asked > 0 ? num_asked : tyto_json_num_items(list);
    for (uint32_t i = 0; i < num && i < MAX_CLIPS; i++) {
        const char *clip = num_asked > 0
                               ? tyto_json_string(tyto_json_at(asked, i))
                               : tyto_json_string(tyto_json_get(tyto_json_at(list, i), "clip"));
        clips[i] = clip ? clip : "";
    }
    return num < MAX_CLIPS ? num : MAX_CLIPS;
}

void tyto_teaching_start(const struct tyto_web_request *request)
{
    struct tyto_teaching *teaching = request->serving->teaching;
    const char *clips[MAX_CLIPS];
    struct tyto_fault fault = {.text = ""};
    char text[sizeof(fault)];
    struct tyto_json *body = may_teach(request) ? tyto_http_body(request->msg) : NULL;
    if (!body)
        return;
    struct tyto_json *list = tyto_review_list(request->serving->params->corrections);
    const uint32_t num = choose(tyto_json_get(body, "clips"), list, clips);
    const enum tyto_err err = tyto_teach_start(teaching->teach, clips, num, &fault);
    tyto_fault_print(&fault, text, sizeof(text));
    if (err)
        tyto_http_error(request->msg,
                        err == TYTO_ERR_EXISTS    ? SOUP_STATUS_CONFLICT
                        : err == TYTO_ERR_INVALID ? SOUP_STATUS_BAD_REQUEST
                                                  : SOUP_STATUS_INTERNAL_SERVER_ERROR,
                        text);
    else
        tyto_http_json(request->msg, SOUP_STATUS_OK, view(teaching));
    tyto_json_destroy(&list);
    tyto_json_destroy(&body);
}

void tyto_teaching_cancel(const struct tyto_web_request *request)
{
    if (!may_teach(request))
        return;
    tyto_teach_cancel(request->serving->teaching->teach);
    tyto_http_json(request->msg, SOUP_STATUS_OK, view(request->serving->teaching));
}

/* --- into tytod, on the errand's thread ---------------------------------------------------------
 */

static enum tyto_err ask(const char *socket, struct tyto_json *request,
                         struct tyto_json **ret_answer, struct tyto_fault *ret_fault)
{
    bool is_ok = false;
    enum tyto_err err = tyto_ask_daemon(socket, request, ret_answer, ret_fault);
    tyto_json_destroy(&request);
    if (err)
        return err;
    (void)tyto_json_bool(tyto_json_get(*ret_answer, "ok"), &is_ok);
    if (is_ok)
        return TYTO_OK;
    const char *text = tyto_json_string(tyto_json_get(*ret_answer, "error"));
    err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID,
                         tyto_json_string(tyto_json_get(*ret_answer, "file")), 0,
                         tyto_json_string(tyto_json_get(*ret_answer, "key")),
                         "tytod refuses it: %s", text ? text : "it does not say why");
    tyto_json_destroy(ret_answer);
    return err;
}

static void copy_text(const struct tyto_json *json, const char *key, char *ret_text, size_t bytes)
{
    const char *text = tyto_json_string(tyto_json_get(json, key));
    (void)g_strlcpy(ret_text, text ? text : "", bytes);
}

static void run_look(void *user)
{
    struct tyto_teaching *teaching = user;
    struct tyto_fault fault;
    struct tyto_json *request = tyto_json_new_object(), *answer = NULL;
    tyto_json_set(request, "command", tyto_json_new_string("status"));
    if (ask(teaching->serving->params->socket, request, &answer, &fault) != TYTO_OK)
        return; /* tytod does not run: the next one that looks asks again */
    (void)tyto_json_bool(tyto_json_get(tyto_json_get(answer, "model"), "can_go_back"),
                         &teaching->found);
    teaching->looked = true;
    tyto_json_destroy(&answer);
}

static void end_look(void *user)
{
    struct tyto_teaching *teaching = user;
    tyto_errand_free(teaching->look);
    teaching->look = NULL;
    if (teaching->looked && !teaching->push.was_made)
        teaching->can_go_back = teaching->found;
    teaching->has_looked = teaching->looked;
    on_change(teaching);
}

/* A model may have been pushed before this server began. */
static void look(struct tyto_teaching *teaching)
{
    const struct tyto_errand_params params = {
        .name = "look", .run = run_look, .done = end_look, .user = teaching};
    if (!teaching->has_looked && !teaching->look && !teaching->push.errand)
        teaching->look = tyto_errand_new(&params);
}

static void run_push(void *user)
{
    struct tyto_teaching *teaching = user;
    struct push *push = &teaching->push;
    const char *socket = teaching->serving->params->socket;
    struct tyto_json *request = tyto_json_new_object(), *answer = NULL;
    tyto_json_set(request, "command", tyto_json_new_string("swap"));
    if (push->goes_back)
        tyto_json_set(request, "back", tyto_json_new_bool(true));
    else
        tyto_json_set(request, "path", tyto_json_new_name(push->path));
    push->err = ask(socket, request, &answer, &push->fault);
    if (push->err)
        return;
    copy_text(answer, "path", push->path, sizeof(push->path));
    copy_text(answer, "digest", push->digest, sizeof(push->digest));
    copy_text(answer, "starts_with", push->starts_with, sizeof(push->starts_with));
    (void)tyto_json_bool(tyto_json_get(answer, "kept"), &push->is_kept);
    (void)tyto_json_bool(tyto_json_get(answer, "can_go_back"), &push->can_go_back);
    tyto_json_destroy(&answer);
}

static void end_push(void *user)
{
    struct tyto_teaching *teaching = user;
    struct push *push = &teaching->push;
    tyto_errand_free(push->errand);
    push->errand = NULL;
    push->was_made = true;
    if (!push->err)
        teaching->can_go_back = push->can_go_back;
    on_change(teaching);
}

void tyto_teaching_push(const struct tyto_web_request *request)
{
    struct tyto_teaching *teaching = request->serving->teaching;
    struct tyto_json *body = may_teach(request) ? tyto_http_body(request->msg) : NULL;
    struct push wish = {.run = 0};
    bool goes_back = false;
    if (!body)
        return;
    (void)tyto_json_bool(tyto_json_get(body, "back"), &goes_back);
    (void)tyto_json_u32(tyto_json_get(body, "run"), UINT32_MAX, &wish.run);
    wish.goes_back = goes_back;
    if (goes_back)
        wish.run = 0;
    tyto_json_destroy(&body);
    if (teaching->push.errand) {
        tyto_http_error(request->msg, SOUP_STATUS_CONFLICT, "a model is on its way already");
    } else if (!goes_back &&
               !tyto_teach_model(teaching->teach, wish.run, wish.path, sizeof(wish.path))) {
        tyto_http_error(request->msg, SOUP_STATUS_NOT_FOUND, "there is no such model");
    } else {
        const struct tyto_errand_params params = {
            .name = "push", .run = run_push, .done = end_push, .user = teaching};
        g_message("%s brings %s into tytod",
                  request->visitor.name[0] ? request->visitor.name : "somebody at this machine",
                  goes_back ? "the model before" : wish.path);
        teaching->push = wish;
        teaching->push.errand = tyto_errand_new(&params);
        tyto_http_json(request->msg, SOUP_STATUS_OK, view(teaching));
    }
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void tyto_teaching_get(const struct tyto_web_request *request)
{
    const struct tyto_teaching *teaching = request->serving->teaching;
    struct tyto_json *json = view(teaching);
    tyto_json_set(json, "teaches", tyto_json_new_bool(teaching->teach != NULL));
    if (teaching->teach) {
        look(request->serving->teaching);
        tyto_json_set(json, "corrections", tyto_review_list(request->serving->params->corrections));
        tyto_json_set(json, "runs", tyto_teach_runs(teaching->teach));
    }
    tyto_http_json(request->msg, SOUP_STATUS_OK, json);
}

/* --- beginning and end -------------------------------------------------------------------------
 */

enum tyto_err tyto_teaching_new(struct tyto_serving *serving, struct tyto_teaching **ret_teaching,
                                struct tyto_fault *ret_fault)
{
    struct tyto_teaching *teaching = g_new0(struct tyto_teaching, 1);
    const struct tyto_serve_params *params = serving->params;
    enum tyto_err err = TYTO_OK;
    teaching->serving = serving;
    uint32_t num_extra = 0;
    if (params->models) {
        teaching->extra[num_extra++] = "--models";
        teaching->extra[num_extra++] = params->models;
    }
    if (params->socket) { /* it begins with what that tytod serves */
        teaching->extra[num_extra++] = "--socket";
        teaching->extra[num_extra++] = params->socket;
    }
    teaching->params = (struct tyto_teach_params){.dir = params->teach,
                                                  .corrections = params->corrections,
                                                  .program = params->program,
                                                  .extra = teaching->extra,
                                                  .num_extra = num_extra,
                                                  .max_s = MAX_RUN_S,
                                                  .on_change = on_change,
                                                  .user = teaching};
    if (params->teach && !params->corrections)
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "teach",
                             "a model is taught from corrections: give --corrections DIR, too");
    else if (params->teach)
        err = tyto_teach_new(&teaching->params, &teaching->teach, ret_fault);
    if (err)
        g_free(teaching);
    else
        *ret_teaching = teaching;
    return err;
}

void tyto_teaching_free(struct tyto_teaching *teaching)
{
    if (!teaching)
        return;
    tyto_errand_free(teaching->push.errand);
    tyto_errand_free(teaching->look);
    tyto_teach_free(teaching->teach);
    if (teaching->tell != 0)
        g_source_remove(teaching->tell);
    g_free(teaching);
}
