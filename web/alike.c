/* SPDX-License-Identifier: MIT */
#include "web/alike.h"

#include <libsoup/soup.h>
#include <string.h>

#include "base/text.h"
#include "client/query.h"
#include "web/common/errand.h"

enum { MAX_JOBS = 8, MAX_FOUND = 12, TIMEOUT_MS = 3000 };

struct tyto_alike {
    struct tyto_serving *serving;
    GQueue jobs; /* of struct job, owned */
};

struct found {
    struct tyto_event event;
    float similarity;
};

/* Somebody who waits for the answer. */
struct job {
    struct tyto_alike *alike;
    SoupServerMessage *msg; /* held */
    bool is_gone;           /* the connection is */
    struct tyto_errand *errand;
    char id[TYTO_ULID_CHARS + 1];
    enum tyto_among by, among;
    enum tyto_err err;
    struct tyto_embeddings like; /* of the event */
    uint32_t num_found;
    struct found found[MAX_FOUND];
};

static void free_job(struct job *job)
{
    tyto_errand_free(job->errand);
    g_signal_handlers_disconnect_by_data(job->msg, job);
    g_object_unref(job->msg);
    g_free(job);
}

/* --- asking, on a thread of its own ----------------------------------------------------------- */

static bool take_event(void *user, const struct tyto_message *message)
{
    struct job *job = user;
    if (message->kind == TYTO_MESSAGE_EVENT)
        job->like = message->u.event.embeddings;
    return false; /* the latest is the first */
}

static bool take_found(void *user, const struct tyto_message *message, float similarity)
{
    struct job *job = user;
    if (message->kind == TYTO_MESSAGE_EVENT)
        job->found[job->num_found++] = (struct found){message->u.event, similarity};
    return job->num_found < MAX_FOUND;
}

/* Nothing to look for is nothing found. */
static enum tyto_err ask(struct job *job, struct tyto_query *query)
{
    enum tyto_err err = tyto_query_get(query, job->id, take_event, job);
    struct tyto_query_likeness likeness = {
        .like = job->like, .among = job->among, .but_id = job->id, .filter = {.limit = MAX_FOUND}};
    likeness.like.has_sound &= job->by != TYTO_AMONG_PICTURES;
    likeness.like.has_picture &= job->by != TYTO_AMONG_SOUNDS;
    if (!err && job->like.space && (likeness.like.has_sound || likeness.like.has_picture))
        err = tyto_query_find(query, &likeness, take_found, job);
    return err;
}

static void run(void *user)
{
    struct job *job = user;
    const struct tyto_serve_params *params = job->alike->serving->params;
    const struct tyto_query_params asked = {.endpoint = params->endpoint,
                                            .server_key = params->server_key,
                                            .secret_key = params->key,
                                            .timeout_ms = TIMEOUT_MS};
    struct tyto_query *query = NULL;
    job->err = tyto_query_create(&asked, &query);
    if (!job->err)
        job->err = ask(job, query);
    tyto_query_destroy(&query);
}

/* --- answering, on the main loop -------------------------------------------------------------- */

static struct tyto_json *view(const struct found *found)
{
    const struct tyto_event *event = &found->event;
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "id", tyto_json_new_string(event->id));
    tyto_json_set(json, "camera", tyto_json_new_string(event->camera));
    tyto_json_set(json, "class", tyto_json_new_string(event->class_name));
    tyto_json_set(json, "modality", tyto_json_new_string(tyto_modality_name(event->modality)));
    tyto_json_set(json, "begin", tyto_json_new_u64((uint64_t)event->begin_unix_ns / 1000000));
    tyto_json_set(json, "similarity", tyto_json_new_f64((double)found->similarity));
    return json;
}

static void answer(const struct job *job)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *events = tyto_json_new_array();
    for (uint32_t i = 0; i < job->num_found; i++)
        (void)tyto_json_append(events, view(&job->found[i]));
    tyto_json_set(json, "events", events);
    tyto_json_set(json, "has_sound", tyto_json_new_bool(job->like.has_sound));
    tyto_json_set(json, "has_picture", tyto_json_new_bool(job->like.has_picture));
    tyto_http_json(job->msg, SOUP_STATUS_OK, json);
}

static void done(void *user)
{
    struct job *job = user;
    if (!job->is_gone) {
        if (job->err == TYTO_ERR_NOT_FOUND)
            tyto_http_error(job->msg, SOUP_STATUS_NOT_FOUND,
                            "tytod does not know this event any more");
        else if (job->err)
            tyto_http_error(job->msg, SOUP_STATUS_BAD_GATEWAY,
                            "tytod cannot be asked, or knows no such question");
        else
            answer(job);
        soup_server_message_unpause(job->msg);
    }
    (void)g_queue_remove(&job->alike->jobs, job);
    free_job(job);
}

static void on_finished(SoupServerMessage *msg, struct job *job)
{
    (void)msg;
    job->is_gone = true;
}

/* Absent: any. */
static bool read_sense(GHashTable *query, const char *key, enum tyto_among *ret_sense)
{
    const char *text = tyto_http_text(query, key);
    *ret_sense = !text || strcmp(text, "any") == 0 ? TYTO_AMONG_OWN
                 : strcmp(text, "picture") == 0    ? TYTO_AMONG_PICTURES
                                                   : TYTO_AMONG_SOUNDS;
    return *ret_sense != TYTO_AMONG_SOUNDS || strcmp(text, "sound") == 0;
}

void tyto_alike_get(const struct tyto_web_request *request)
{
    struct tyto_alike *alike = request->serving->alike;
    const char *id = tyto_http_text(request->query, "id");
    enum tyto_among by = TYTO_AMONG_OWN, among = TYTO_AMONG_OWN;
    if (!id || !tyto_event_id_is_valid(id) || !read_sense(request->query, "by", &by) ||
        !read_sense(request->query, "among", &among) ||
        (by == TYTO_AMONG_OWN && among != TYTO_AMONG_OWN)) {
        tyto_http_error(request->msg, SOUP_STATUS_BAD_REQUEST,
                        "id must be an event's, by and among any, sound or picture, and among "
                        "needs by");
        return;
    }
    if (g_queue_get_length(&alike->jobs) == MAX_JOBS) {
        tyto_http_error(request->msg, SOUP_STATUS_SERVICE_UNAVAILABLE, "too many ask at once");
        return;
    }
    struct job *job = g_new0(struct job, 1);
    job->alike = alike;
    job->msg = g_object_ref(request->msg);
    (void)g_strlcpy(job->id, id, sizeof(job->id));
    job->by = by;
    job->among = among;
    g_signal_connect(job->msg, "finished", G_CALLBACK(on_finished), job);
    g_queue_push_tail(&alike->jobs, job);
    soup_server_message_pause(job->msg);
    job->errand = tyto_errand_new(
        &(struct tyto_errand_params){.name = "alike", .run = run, .done = done, .user = job});
}

struct tyto_alike *tyto_alike_new(struct tyto_serving *serving)
{
    struct tyto_alike *alike = g_new0(struct tyto_alike, 1);
    alike->serving = serving;
    g_queue_init(&alike->jobs);
    return alike;
}

void tyto_alike_free(struct tyto_alike *alike)
{
    if (!alike)
        return;
    for (struct job *job; (job = g_queue_pop_head(&alike->jobs)) != NULL;)
        free_job(job);
    g_free(alike);
}
