/* SPDX-License-Identifier: MIT */
#include "web/figures.h"

#include <libsoup/soup.h>

#include "base/clock.h"
#include "client/control/ask.h"
#include "web/common/errand.h"

enum { FRESH_MS = 2000, MAX_WAITING = 128, TIMEOUT_S = 5 };

struct tyto_figures {
    struct tyto_serving *serving;
    struct tyto_errand *errand;         /* NULL: nobody asks */
    GQueue waiters;                     /* of SoupServerMessage, held */
    struct tyto_json *metrics, *status; /* answers, owned; of the thread while it asks */
    struct tyto_fault fault;            /* why there are none */
    int64_t asked_ms;                   /* UTC; 0: never */
    uint64_t asked_ns;
};

/* --- asking, on a thread of its own ----------------------------------------------------------- */

static bool ask(struct tyto_figures *figures, const char *command, struct tyto_json **ret_answer)
{
    struct tyto_json *request = tyto_json_new_object();
    tyto_json_set(request, "command", tyto_json_new_string(command));
    const enum tyto_err err = tyto_ask_daemon_within(figures->serving->params->socket, request,
                                                     TIMEOUT_S, ret_answer, &figures->fault);
    tyto_json_destroy(&request);
    return !err;
}

static void run(void *user)
{
    struct tyto_figures *figures = user;
    tyto_json_destroy(&figures->metrics);
    tyto_json_destroy(&figures->status);
    figures->fault = (struct tyto_fault){.text = ""};
    if (ask(figures, "metrics", &figures->metrics))
        (void)ask(figures, "status", &figures->status);
}

/* --- answering, on the main loop -------------------------------------------------------------- */

static void set_text(struct tyto_json *json, const char *key, const struct tyto_json *from)
{
    const char *text = tyto_json_string(from);
    if (text)
        tyto_json_set(json, key, tyto_json_new_name(text));
}

static void answer(const struct tyto_figures *figures, SoupServerMessage *msg)
{
    struct tyto_json *json = tyto_json_new_object();
    const char *text = tyto_json_string(tyto_json_get(figures->metrics, "metrics"));
    const struct tyto_json *config = tyto_json_get(figures->status, "config");
    const struct tyto_json *model = tyto_json_get(figures->status, "model");
    tyto_json_set(json, "asked", tyto_json_new_u64((uint64_t)figures->asked_ms));
    tyto_json_set(json, "metrics", text ? tyto_json_new_string(text) : tyto_json_new_null());
    if (!text)
        tyto_json_set(json, "why", tyto_json_new_name(figures->fault.text));
    set_text(json, "version", tyto_json_get(figures->status, "version"));
    set_text(json, "config_error", tyto_json_get(config, "error"));
    set_text(json, "device", tyto_json_get(model, "device"));
    tyto_http_json(msg, SOUP_STATUS_OK, json);
}

static void done(void *user)
{
    struct tyto_figures *figures = user;
    figures->asked_ns = tyto_clock_mono_ns();
    figures->asked_ms = (int64_t)(tyto_clock_unix_ns() / TYTO_NS_PER_MS);
    g_clear_pointer(&figures->errand, tyto_errand_free);
    for (SoupServerMessage *msg; (msg = g_queue_pop_head(&figures->waiters)) != NULL;) {
        answer(figures, msg);
        soup_server_message_unpause(msg);
        g_object_unref(msg);
    }
}

void tyto_figures_get(const struct tyto_web_request *request)
{
    struct tyto_figures *figures = request->serving->figures;
    const bool is_fresh = figures->asked_ms > 0 && tyto_clock_mono_ns() - figures->asked_ns <
                                                       FRESH_MS * (uint64_t)TYTO_NS_PER_MS;
    if (is_fresh && !figures->errand) {
        answer(figures, request->msg);
        return;
    }
    if (g_queue_get_length(&figures->waiters) >= MAX_WAITING) {
        tyto_http_error(request->msg, SOUP_STATUS_SERVICE_UNAVAILABLE, "too many ask at once");
        return;
    }
    g_queue_push_tail(&figures->waiters, g_object_ref(request->msg));
    soup_server_message_pause(request->msg);
    if (!figures->errand)
        figures->errand = tyto_errand_new(&(struct tyto_errand_params){
            .name = "figures", .run = run, .done = done, .user = figures});
}

struct tyto_figures *tyto_figures_new(struct tyto_serving *serving)
{
    struct tyto_figures *figures = g_new0(struct tyto_figures, 1);
    figures->serving = serving;
    g_queue_init(&figures->waiters);
    return figures;
}

void tyto_figures_free(struct tyto_figures *figures)
{
    if (!figures)
        return;
    tyto_errand_free(figures->errand);
    g_queue_clear_full(&figures->waiters, g_object_unref);
    tyto_json_destroy(&figures->metrics);
    tyto_json_destroy(&figures->status);
    g_free(figures);
}
