/* SPDX-License-Identifier: MIT */
#include "daemon/admin.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/config/json.h"
#include "daemon/control/control.h"
#include "daemon/service/notify.h"
#include "options/json.h"

/* What a reload that is under way has at the end. */
#define FINISH_NS (8 * TYTO_NS_PER_S)

struct tyto_admin {
    struct tyto_admin_params p;
    uint64_t begin_ns;

    pthread_mutex_t lock; /* guards what follows; held for copies only */
    pthread_cond_t changed;
    uint32_t num_reloads; /* one under way, and one more asked for meanwhile */
};

enum tyto_err tyto_admin_create(const struct tyto_admin_params *params,
                                struct tyto_admin **ret_admin)
{
    struct tyto_admin *admin = calloc(1, sizeof(*admin));
    if (!admin)
        return TYTO_ERR_NOMEM;
    admin->p = *params;
    admin->begin_ns = tyto_clock_mono_ns();
    pthread_mutex_init(&admin->lock, NULL);
    tyto_cond_init(&admin->changed);
    *ret_admin = admin;
    return TYTO_OK;
}

void tyto_admin_destroy(struct tyto_admin **admin)
{
    if (!admin || !*admin)
        return;
    pthread_cond_destroy(&(*admin)->changed);
    pthread_mutex_destroy(&(*admin)->lock);
    free(*admin);
    *admin = NULL;
}

/* --- by signal ----------------------------------------------------------------------------------
 */

static void reload_once(struct tyto_admin *admin)
{
    struct tyto_reload_result result;
    struct tyto_fault fault = {.text = ""};
    char text[64];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             tyto_clock_mono_ns() / 1000);
    tyto_notify(text);
    (void)!tyto_reload_run(admin->p.reload, &result, &fault);
    tyto_notify("READY=1");
}

static void *reload(void *user)
{
    struct tyto_admin *admin = user;
    bool is_going = true;
    pthread_setname_np(pthread_self(), "tyto-reload");
    while (is_going) {
        reload_once(admin);
        pthread_mutex_lock(&admin->lock);
        is_going = --admin->num_reloads > 0;
        pthread_cond_broadcast(&admin->changed);
        pthread_mutex_unlock(&admin->lock);
    }
    return NULL;
}

void tyto_admin_reload(struct tyto_admin *admin)
{
    pthread_t thread;
    pthread_mutex_lock(&admin->lock);
    const bool is_first = admin->num_reloads == 0;
    if (admin->num_reloads < 2) /* the one under way may have read the file already */
        admin->num_reloads++;
    pthread_mutex_unlock(&admin->lock);
    if (!is_first)
        return;
    if (pthread_create(&thread, NULL, reload, admin) == 0) {
        pthread_detach(thread);
        return;
    }
    pthread_mutex_lock(&admin->lock);
    admin->num_reloads = 0;
    pthread_mutex_unlock(&admin->lock);
    tyto_log_write(admin->p.log, TYTO_LOG_ERROR, "daemon", "no thread to reload with");
}

bool tyto_admin_finish(struct tyto_admin *admin)
{
    bool in_time = true;
    if (!admin)
        return true;
    const uint64_t until_ns = tyto_clock_mono_ns() + FINISH_NS;
    pthread_mutex_lock(&admin->lock);
    while (admin->num_reloads > 0 && in_time)
        in_time = tyto_cond_wait_until(&admin->changed, &admin->lock, until_ns);
    in_time = admin->num_reloads == 0;
    pthread_mutex_unlock(&admin->lock);
    return in_time;
}

/* --- another head, another configuration ---------------------------------------------------------
 */

static bool is_in(const struct tyto_engine_head *head, const char *class_name)
{
    for (uint32_t k = 0; k < head->num_classes; k++) {
        if (strcmp(head->class_names[k], class_name) == 0)
            return true;
    }
    return false;
}

/* The classes of head that the other one lacks. */
static struct tyto_json *names_without(const struct tyto_engine_head *head,
                                       const struct tyto_engine_head *other)
{
    struct tyto_json *names = tyto_json_new_array();
    for (uint32_t k = 0; k < head->num_classes; k++) {
        if (!other || !is_in(other, head->class_names[k]))
            (void)tyto_json_append(names, tyto_json_new_string(head->class_names[k]));
    }
    return names;
}

static void put_swap(struct tyto_json *json, const char *path,
                     const struct tyto_swap_result *result, double took_ms)
{
    (void)tyto_json_set(json, "path", tyto_json_new_string(path));
    (void)tyto_json_set(json, "same", tyto_json_new_bool(result->is_same));
    (void)tyto_json_set(json, "old_digest", tyto_json_new_string(result->old_digest));
    (void)tyto_json_set(json, "digest", tyto_json_new_string(result->new_digest));
    (void)tyto_json_set(json, "took_ms", tyto_json_new_f64(took_ms));
    (void)tyto_json_set(json, "stop_ms", tyto_json_new_f64((double)result->stop_ns / 1e6));
    (void)tyto_json_set(json, "events_went_on", tyto_json_new_u64(result->num_went_on));
    (void)tyto_json_set(json, "events_ended", tyto_json_new_u64(result->num_ended));
}

static double ms_since(uint64_t begin_ns)
{
    return (double)(tyto_clock_mono_ns() - begin_ns) / 1e6;
}

/* Whether a start goes on with what serves. */
static void put_first(struct tyto_json *json, const struct tyto_heads_places *places,
                      const char *digest)
{
    (void)tyto_json_set(json, "starts_with", tyto_json_new_string(places->first));
    (void)tyto_json_set(json, "kept",
                        tyto_json_new_bool(strcmp(places->first_digest, digest) == 0));
    (void)tyto_json_set(json, "can_go_back", tyto_json_new_bool(places->before[0] != '\0'));
}

static struct tyto_json *answer_swap(struct tyto_admin *admin, const char *path)
{
    struct tyto_engine_head before = {.num_classes = 0}, after = {.num_classes = 0};
    struct tyto_swap_result result;
    struct tyto_fault fault = {.text = ""};
    const uint64_t begin_ns = tyto_clock_mono_ns();
    enum tyto_err err = tyto_engine_get_head(admin->p.engine, &before);
    if (!err)
        err = tyto_reload_swap(admin->p.reload, path, &result, &fault);
    const double took_ms = ms_since(begin_ns);
    if (!err)
        err = tyto_engine_get_head(admin->p.engine, &after);
    struct tyto_json *json = NULL;
    if (err) {
        json = tyto_control_refuse(err, &fault);
    } else {
        struct tyto_heads_places places;
        tyto_heads_get_places(admin->p.heads, &places);
        json = tyto_json_new_object();
        (void)tyto_json_set(json, "ok", tyto_json_new_bool(true));
        put_swap(json, places.path, &result, took_ms);
        put_first(json, &places, result.new_digest);
        (void)tyto_json_set(json, "num_classes", tyto_json_new_u64(after.num_classes));
        (void)tyto_json_set(json, "added", names_without(&after, &before));
        (void)tyto_json_set(json, "removed", names_without(&before, &after));
    }
    tyto_engine_head_finish(&before);
    tyto_engine_head_finish(&after);
    return json;
}

/* Keys with commas between them, as a list. */
static struct tyto_json *json_of_keys(const char *keys)
{
    struct tyto_json *list = tyto_json_new_array();
    while (keys[0]) {
        char key[64];
        const size_t num = strcspn(keys, ",");
        snprintf(key, sizeof(key), "%.*s", (int)(num < sizeof(key) ? num : sizeof(key) - 1), keys);
        (void)tyto_json_append(list, tyto_json_new_string(key));
        keys += num;
        keys += strspn(keys, ", ");
    }
    return list;
}

static struct tyto_json *answer_reload(struct tyto_admin *admin)
{
    struct tyto_reload_result result;
    struct tyto_fault fault = {.text = ""};
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const enum tyto_err err = tyto_reload_run(admin->p.reload, &result, &fault);
    if (err)
        return tyto_control_refuse(err, &fault);
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "ok", tyto_json_new_bool(true));
    (void)tyto_json_set(json, "generation", tyto_json_new_u64(result.generation));
    (void)tyto_json_set(json, "cameras_added", tyto_json_new_u64(result.num_added));
    (void)tyto_json_set(json, "cameras_changed", tyto_json_new_u64(result.num_changed));
    (void)tyto_json_set(json, "cameras_removed", tyto_json_new_u64(result.num_removed));
    (void)tyto_json_set(json, "cameras_failed", tyto_json_new_u64(result.num_failed));
    (void)tyto_json_set(json, "tuned", tyto_json_new_bool(result.is_tuned));
    (void)tyto_json_set(json, "needs_restart", json_of_keys(result.kept));
    put_swap(json, result.head_path, &result.head, ms_since(begin_ns));
    return json;
}

/* --- status ------------------------------------------------------------------------------------
 */

static struct tyto_json *json_of_model(struct tyto_admin *admin)
{
    struct tyto_engine_head head;
    struct tyto_engine_counts counts;
    struct tyto_heads_places places;
    tyto_engine_get_counts(admin->p.engine, &counts);
    if (tyto_engine_get_head(admin->p.engine, &head) != TYTO_OK)
        return NULL;
    tyto_heads_get_places(admin->p.heads, &places);
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "digest", tyto_json_new_string(head.digest));
    (void)tyto_json_set(json, "path", tyto_json_new_string(places.path));
    put_first(json, &places, head.digest);
    (void)tyto_json_set(json, "classes", names_without(&head, NULL));
    (void)tyto_json_set(json, "device",
                        tyto_json_new_string(tyto_engine_device_name(admin->p.engine)));
    (void)tyto_json_set(json, "device_losses", tyto_json_new_u64(counts.num_device_losses));
    (void)tyto_json_set(json, "fallback", tyto_json_new_bool(counts.is_fallback));
    tyto_engine_head_finish(&head);
    return json;
}

/* Of sound and picture; NULL where nobody looks. */
static struct tyto_json *json_of_alignment(const struct tyto_alignment *alignment)
{
    const struct tyto_sync_estimate *estimate = &alignment->estimate;
    if (!alignment->is_watched)
        return NULL;
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "status",
                        tyto_json_new_string(tyto_sync_status_text(estimate->status)));
    (void)tyto_json_set(json, "applied_ms", tyto_json_new_f64((double)alignment->applied_ns / 1e6));
    (void)tyto_json_set(json, "evidence_s", tyto_json_new_f64(estimate->evidence_s));
    if (estimate->status != TYTO_SYNC_CONFIDENT)
        return json;
    (void)tyto_json_set(json, "offset_ms", tyto_json_new_f64((double)estimate->offset_ns / 1e6));
    (void)tyto_json_set(json, "low_ms", tyto_json_new_f64((double)estimate->low_ns / 1e6));
    (void)tyto_json_set(json, "high_ms", tyto_json_new_f64((double)estimate->high_ns / 1e6));
    (void)tyto_json_set(json, "confidence", tyto_json_new_f64(estimate->confidence));
    if (estimate->has_drift)
        (void)tyto_json_set(json, "drift_ppm", tyto_json_new_f64(estimate->drift_ppm));
    return json;
}

static struct tyto_json *json_of_camera(const struct tyto_running_camera *camera)
{
    const struct tyto_camera_counts *counts = &camera->counts;
    const enum tyto_camera_status status = camera->state.status;
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "id", tyto_json_new_string(camera->id));
    (void)tyto_json_set(
        json, "status",
        tyto_json_new_string(status ? tyto_camera_status_name(status) : "connecting"));
    (void)tyto_json_set(json, "text", tyto_json_new_string(camera->state.text));
    (void)tyto_json_set(json, "segments", tyto_json_new_u64(counts->segmenter.num_segments));
    (void)tyto_json_set(json, "dropped",
                        tyto_json_new_u64(counts->num_dropped_audio + counts->num_dropped_video +
                                          counts->segmenter.num_overrun));
    (void)tyto_json_set(json, "losses", tyto_json_new_u64(counts->num_losses));
    (void)tyto_json_set(json, "abandoned", tyto_json_new_u64(counts->num_abandoned));
    if (counts->num_processes > 0) {
        (void)tyto_json_set(json, "pid", tyto_json_new_u64((uint64_t)counts->pid));
        (void)tyto_json_set(json, "processes", tyto_json_new_u64(counts->num_processes));
    }
    (void)tyto_json_set(json, "alignment", json_of_alignment(&counts->alignment));
    return json;
}

/* What came of reloads. */
static struct tyto_json *json_of_config(struct tyto_admin *admin)
{
    struct tyto_reload_status status;
    tyto_reload_get_status(admin->p.reload, &status);
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "generation", tyto_json_new_u64(status.generation));
    (void)tyto_json_set(json, "applied", tyto_json_new_u64(status.num_applied));
    (void)tyto_json_set(json, "refused", tyto_json_new_u64(status.num_refused));
    (void)tyto_json_set(json, "needs_restart", json_of_keys(status.kept));
    if (!status.is_refused)
        return json;
    const struct tyto_fault *fault = &status.fault;
    (void)tyto_json_set(json, "error", tyto_json_new_string(fault->text));
    if (fault->file[0])
        (void)tyto_json_set(json, "file", tyto_json_new_string(fault->file));
    if (fault->line)
        (void)tyto_json_set(json, "line", tyto_json_new_u64(fault->line));
    if (fault->key[0])
        (void)tyto_json_set(json, "key", tyto_json_new_string(fault->key));
    return json;
}

static struct tyto_json *answer_status(struct tyto_admin *admin)
{
    struct tyto_engine_counts counts;
    struct tyto_publisher_counts published;
    tyto_engine_get_counts(admin->p.engine, &counts);
    tyto_publisher_get_counts(admin->p.publisher, &published);
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *cameras = tyto_json_new_array();
    struct tyto_running_camera *items = NULL;
    uint32_t num_cameras = 0;
    if (tyto_running_get_cameras(admin->p.running, admin->p.engine, &items, &num_cameras) !=
        TYTO_OK)
        num_cameras = 0;
    for (uint32_t i = 0; i < num_cameras; i++)
        (void)tyto_json_append(cameras, json_of_camera(&items[i]));
    free(items);
    (void)tyto_json_set(json, "ok", tyto_json_new_bool(true));
    (void)tyto_json_set(json, "version", tyto_json_new_string(TYTO_VERSION));
    (void)tyto_json_set(json, "pid", tyto_json_new_u64((uint64_t)getpid()));
    (void)tyto_json_set(
        json, "uptime_s",
        tyto_json_new_u64((tyto_clock_mono_ns() - admin->begin_ns) / TYTO_NS_PER_S));
    (void)tyto_json_set(json, "config", json_of_config(admin));
    (void)tyto_json_set(json, "model", json_of_model(admin));
    (void)tyto_json_set(json, "cameras", cameras);
    (void)tyto_json_set(json, "segments", tyto_json_new_u64(counts.num_segments));
    (void)tyto_json_set(json, "events", tyto_json_new_u64(counts.num_events));
    (void)tyto_json_set(json, "batches", tyto_json_new_u64(counts.num_steps));
    (void)tyto_json_set(json, "heads", tyto_json_new_u64(counts.num_heads));
    (void)tyto_json_set(json, "messages", tyto_json_new_u64(published.num_events));
    (void)tyto_json_set(json, "abandoned", tyto_json_new_u64(counts.num_abandoned));
    (void)tyto_json_set(json, "hanging", tyto_json_new_u64(counts.num_hanging));
    (void)tyto_json_set(json, "subscribers", tyto_json_new_u64(published.num_connections));
    (void)tyto_json_set(json, "subscribers_cut_off", tyto_json_new_u64(published.num_cut_off));
    (void)tyto_json_set(json, "messages_lost", tyto_json_new_u64(published.num_lost));
    return json;
}

/* --- requests ------------------------------------------------------------------------------------
 */

#define COMMAND_LIST(X)                                                                            \
    X(COMMAND_STATUS, "status", NULL)                                                              \
    X(COMMAND_CONFIG, "config", NULL)                                                              \
    X(COMMAND_METRICS, "metrics", NULL)                                                            \
    X(COMMAND_SWAP, "swap", NULL)                                                                  \
    X(COMMAND_RELOAD, "reload", NULL)
enum command { COMMAND_LIST(TYTO_WORD_ENUM) };

struct request {
    enum command command;
    char path[TYTO_CONFIG_PATH_MAX];
    bool goes_back;
    uint64_t given;
};

static enum tyto_err check_path(const char *text, struct tyto_fault *ret_fault)
{
    if (text[0] == '/' && strlen(text) < TYTO_CONFIG_PATH_MAX)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "must be an absolute path of at most %d bytes", TYTO_CONFIG_PATH_MAX - 1);
}

static const struct tyto_option request_rows[] = {
    {.key = "command",
     .type = TYTO_OPTION_WORD,
     TYTO_OPTION_AT(struct request, command),
     .words = TYTO_WORDS(COMMAND_LIST)},
    {.key = "path",
     .type = TYTO_OPTION_CHARS,
     TYTO_OPTION_AT(struct request, path),
     .check = check_path},
    {.key = "back", .type = TYTO_OPTION_FLAG, TYTO_OPTION_AT(struct request, goes_back)},
};
static const struct tyto_option_group request_group = {.rows = request_rows,
                                                       .num_rows = TYTO_NUM_ROWS(request_rows),
                                                       .marks = offsetof(struct request, given)};

static enum tyto_err read_request(const struct tyto_json *json, struct request *ret_request,
                                  struct tyto_fault *ret_fault)
{
    char words[64];
    const enum tyto_err err =
        tyto_options_from_json(&request_group, 1, ret_request, json, NULL, ret_fault);
    if (err)
        return err;
    tyto_words_print(request_rows[0].words, ", ", words, sizeof(words));
    if (!(ret_request->given & 1))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "command", "must be one of: %s",
                              words);
    if (ret_request->command == COMMAND_SWAP && !ret_request->path[0] == !ret_request->goes_back)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "path",
                              "must be there, an absolute path, or else \"back\": true");
    return TYTO_OK;
}

static struct tyto_json *answer_config(const struct tyto_admin *admin)
{
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "ok", tyto_json_new_bool(true));
    const struct tyto_config *config = tyto_running_lock(admin->p.running);
    (void)tyto_json_set(json, "config", tyto_config_to_json(config));
    tyto_running_unlock(admin->p.running);
    return json;
}

static struct tyto_json *answer_metrics(const struct tyto_admin *admin)
{
    char *text = NULL;
    size_t num_bytes = 0;
    struct tyto_fault fault = {.text = ""};
    const enum tyto_err err = tyto_metrics_print(admin->p.metrics, &text, &num_bytes);
    if (err) {
        (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "the figures cannot be told");
        return tyto_control_refuse(err, &fault);
    }
    struct tyto_json *json = tyto_json_new_object();
    (void)tyto_json_set(json, "ok", tyto_json_new_bool(true));
    (void)tyto_json_set(json, "metrics", tyto_json_new_string(text));
    free(text);
    return json;
}

struct tyto_json *tyto_admin_answer(void *user, const struct tyto_json *json)
{
    struct tyto_admin *admin = user;
    struct tyto_fault fault = {.text = ""};
    struct request request = {.given = 0};
    const enum tyto_err err = read_request(json, &request, &fault);
    if (err)
        return tyto_control_refuse(err, &fault);
    switch (request.command) {
    case COMMAND_STATUS:
        return answer_status(admin);
    case COMMAND_CONFIG:
        return answer_config(admin);
    case COMMAND_METRICS:
        return answer_metrics(admin);
    case COMMAND_SWAP:
        return answer_swap(admin, request.goes_back ? NULL : request.path);
    case COMMAND_RELOAD:
        break;
    }
    return answer_reload(admin);
}
