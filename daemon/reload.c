/* SPDX-License-Identifier: MIT */
#include "daemon/reload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/config/difference.h"
#include "daemon/config/pushed.h"
#include "daemon/models.h"
#include "daemon/service/isolation.h"
#include "daemon/service/limits.h"

#define TURN_NS (10 * TYTO_NS_PER_S)
/* What each step may take before it counts as standing still: networks are set up, a pipeline lets
 * go. */
#define STEP_NS (4 * TYTO_NS_PER_S)
static const char removed_text[] = "removed from the configuration";

struct tyto_reload {
    struct tyto_reload_params p;
    pthread_mutex_t turn; /* whoever changes anything has it from beginning to end */
    atomic_bool is_open, is_busy;
    atomic_uint_fast64_t stepped_ns; /* until when who has the turn may be at its step */

    pthread_mutex_t lock; /* guards what follows; held for copies only */
    struct tyto_reload_status status;
};

enum tyto_err tyto_reload_create(const struct tyto_reload_params *params,
                                 struct tyto_reload **ret_reload)
{
    struct tyto_reload *reload = calloc(1, sizeof(*reload));
    if (!reload)
        return TYTO_ERR_NOMEM;
    reload->p = *params;
    pthread_mutex_init(&reload->turn, NULL);
    pthread_mutex_init(&reload->lock, NULL);
    *ret_reload = reload;
    return TYTO_OK;
}

void tyto_reload_destroy(struct tyto_reload **reload)
{
    if (!reload || !*reload)
        return;
    pthread_mutex_destroy(&(*reload)->lock);
    pthread_mutex_destroy(&(*reload)->turn);
    free(*reload);
    *reload = NULL;
}

void tyto_reload_open(struct tyto_reload *reload)
{
    atomic_store(&reload->is_open, true);
}

bool tyto_reload_is_busy(const struct tyto_reload *reload)
{
    return atomic_load(&reload->is_busy);
}

static void step(struct tyto_reload *reload)
{
    atomic_store(&reload->stepped_ns, tyto_clock_mono_ns() + STEP_NS);
}

uint64_t tyto_reload_turned_ns(const struct tyto_reload *reload)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t stepped_ns = atomic_load(&reload->stepped_ns);
    return atomic_load(&reload->is_busy) && stepped_ns < now_ns ? stepped_ns : now_ns;
}

void tyto_reload_get_status(struct tyto_reload *reload, struct tyto_reload_status *ret_status)
{
    pthread_mutex_lock(&reload->lock);
    *ret_status = reload->status;
    pthread_mutex_unlock(&reload->lock);
    ret_status->generation = tyto_running_generation(reload->p.running);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Pipelines, descriptors, places in the networks. */
static enum tyto_err check_room(const struct tyto_reload *reload, const struct tyto_config *config,
                                struct tyto_fault *ret_fault)
{
    uint32_t max_connections = 0;
    if (config->num_cameras > reload->p.max_cameras)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, config->file, 0, "cameras",
                              "%u of them, and there is room for %u until a restart",
                              config->num_cameras, reload->p.max_cameras);
    return tyto_limits_raise(config->num_cameras, tyto_config_num_recorded(config),
                             &max_connections, ret_fault);
}

/* The whole of it, and what it changes. *ret_config is what is going to run. */
static enum tyto_err read_all(struct tyto_reload *reload, struct tyto_config **ret_config,
                              struct tyto_config_difference *ret_difference,
                              struct tyto_fault *ret_fault)
{
    struct tyto_config *config = NULL;
    struct tyto_pushed pushed;
    enum tyto_err err = reload->p.read(reload->p.user, &config, ret_fault);
    if (err)
        return err;
    err = tyto_config_find_models(config, ret_fault);
    if (!err)
        err = tyto_isolation_check(config, ret_fault);
    if (err && strcmp(ret_fault->file, config->models.first_head) == 0)
        tyto_heads_refused(reload->p.heads, ret_fault);
    if (!err) {
        err = tyto_config_compare(tyto_running_config(reload->p.running), config, ret_difference);
        tyto_pushed_find(config, &pushed); /* comparing may have put the old paths back */
        memcpy(config->models.first_head, pushed.first, sizeof(pushed.first));
        if (err)
            (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL, "out of memory");
        else
            err = check_room(reload, config, ret_fault);
        if (err)
            tyto_config_difference_finish(ret_difference);
    }
    if (err)
        tyto_config_destroy(&config);
    else
        *ret_config = config;
    return err;
}

/* --- thresholds and head ------------------------------------------------------------------------
 */

struct tuning {
    struct tyto_tracker_params tracker;   /* rules owned */
    struct tyto_tracker_params *trackers; /* rules owned */
    struct tyto_engine_camera_tuning *cameras;
    uint32_t num_cameras;
};

static void free_tuning(struct tuning *tuning)
{
    free((void *)(uintptr_t)tuning->tracker.rules);
    for (uint32_t i = 0; i < tuning->num_cameras; i++)
        free((void *)(uintptr_t)tuning->trackers[i].rules);
    free(tuning->trackers);
    free(tuning->cameras);
}

/* For every camera that runs. One that goes, or connects anew, is judged as all are until it has:
 * its own rules may be for classes that the next head does not know. */
static enum tyto_err make_tuning(const struct tyto_config *running, const struct tyto_config *next,
                                 const struct tyto_config_difference *difference,
                                 struct tuning *ret_tuning)
{
    struct tuning *tuning = ret_tuning;
    const size_t num = (size_t)running->num_cameras + 1;
    tuning->trackers = calloc(num, sizeof(*tuning->trackers));
    tuning->cameras = calloc(num, sizeof(*tuning->cameras));
    enum tyto_err err = tuning->trackers && tuning->cameras ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_config_make_tracker(next, NULL, &tuning->tracker);
    for (uint32_t i = 0; !err && i < running->num_cameras; i++) {
        const char *id = running->cameras[i].id;
        const struct tyto_config_camera *camera =
            difference->old_fates[i] == TYTO_CAMERA_STAYS
                ? &next->cameras[tyto_config_find_camera(next, id)]
                : NULL;
        struct tyto_tracker_params *tracker = &tuning->trackers[i];
        err = tyto_config_make_tracker(next, camera, tracker);
        tuning->cameras[i] = (struct tyto_engine_camera_tuning){.id = id, .tracker = tracker};
        tuning->num_cameras += !err;
    }
    return err;
}

/* All that may still be refused, at one blow. running is borrowed: nobody else exchanges it. */
static enum tyto_err tune(struct tyto_reload *reload, const struct tyto_config *running,
                          const struct tyto_config *next,
                          const struct tyto_config_difference *difference, uint32_t generation,
                          struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault)
{
    struct tuning tuning = {.num_cameras = 0};
    enum tyto_err err = make_tuning(running, next, difference, &tuning);
    if (err) {
        (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    } else {
        const struct tyto_engine_tuning params = {
            .tracker = &tuning.tracker,
            .cameras = tuning.cameras,
            .num_cameras = tuning.num_cameras,
            .config_generation = generation,
            .connects_per_s = next->connects_per_s,
        };
        err = tyto_heads_change(reload->p.heads, next->models.first_head, &params, ret_result,
                                ret_fault);
    }
    free_tuning(&tuning);
    return err;
}

/* --- cameras ------------------------------------------------------------------------------------
 */

/* Keeps the state for whoever asks, too, of a camera that the configuration has. */
static void tell(struct tyto_reload *reload, const char *id, enum tyto_camera_status status,
                 const char *text)
{
    struct tyto_camera_state state;
    memset(&state, 0, sizeof(state));
    snprintf(state.camera, sizeof(state.camera), "%s", id);
    snprintf(state.text, sizeof(state.text), "%.*s", TYTO_STATE_TEXT_MAX, text);
    state.status = status;
    state.since_unix_ns = (int64_t)tyto_clock_unix_ns();
    tyto_running_keep_state(reload->p.running, &state);
    (void)!tyto_publisher_camera_state(reload->p.publisher, &state);
}

static void tell_removed(struct tyto_reload *reload, const char *id)
{
    tell(reload, id, TYTO_CAMERA_STATUS_ENDED, removed_text);
    tyto_log_write(reload->p.log, TYTO_LOG_INFO, "camera", "%s is %s", id, removed_text);
}

/* All at once: each may take seconds to let its pipeline go. */
static void take_out(struct tyto_reload *reload, const struct tyto_config *running,
                     const struct tyto_config_difference *difference)
{
    const struct tyto_cameras *cameras = &reload->p.cameras;
    for (uint32_t i = 0; i < running->num_cameras; i++) {
        if (difference->old_fates[i] != TYTO_CAMERA_STAYS)
            tyto_cameras_stop(cameras, running->cameras[i].id);
    }
    for (uint32_t i = 0; i < running->num_cameras; i++) {
        const char *id = running->cameras[i].id;
        const enum tyto_camera_fate fate = difference->old_fates[i];
        step(reload);
        if (fate != TYTO_CAMERA_STAYS && tyto_cameras_finish(cameras, id) != TYTO_OK)
            tyto_log_write(reload->p.log, TYTO_LOG_WARNING, "camera",
                           "%s has not let go yet: it will", id);
        else if (fate == TYTO_CAMERA_GOES)
            tell_removed(reload, id);
    }
}

static void tell_failed(struct tyto_reload *reload, const char *id, const struct tyto_fault *fault)
{
    char text[1024];
    tyto_fault_print(fault, text, sizeof(text));
    tell(reload, id, TYTO_CAMERA_STATUS_FAILED, text);
    tyto_log_write(reload->p.log, TYTO_LOG_ERROR, "camera",
                   "%s cannot be watched until the next reload: %s", id, text);
}

/* Those that stay, too, where an earlier reload could not bring them in. */
static uint32_t bring_in(struct tyto_reload *reload, const struct tyto_config *next,
                         const struct tyto_config_difference *difference)
{
    const struct tyto_cameras *cameras = &reload->p.cameras;
    uint32_t num_failed = 0;
    for (uint32_t i = 0; i < next->num_cameras; i++) {
        const struct tyto_config_camera *camera = &next->cameras[i];
        struct tyto_camera_counts counts;
        struct tyto_fault fault = {.text = ""};
        if (difference->new_fates[i] == TYTO_CAMERA_STAYS &&
            tyto_engine_get_camera_counts(cameras->engine, camera->id, &counts) == TYTO_OK)
            continue;
        step(reload);
        const enum tyto_err err = tyto_cameras_add(cameras, next, camera, &fault);
        if (!err)
            continue;
        if (!fault.text[0])
            (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
        tell_failed(reload, camera->id, &fault);
        num_failed++;
    }
    return num_failed;
}

/* --- all ----------------------------------------------------------------------------------------
 */

/* Nothing here can be refused. config is taken. */
static void apply(struct tyto_reload *reload, const struct tyto_config *config,
                  const struct tyto_config_difference *difference,
                  struct tyto_reload_result *result)
{
    const struct tyto_cameras *cameras = &reload->p.cameras;
    tyto_log_sink_set_level(reload->p.sink, config->log_level);
    tyto_summary_set_every(reload->p.summary, config->summary_every_ns);
    tyto_recording_change(cameras->recording, config, tyto_engine_look_ahead(cameras->engine));
    tyto_picturing_change(reload->p.picturing, config);
    const struct tyto_config *before = tyto_running_exchange(reload->p.running, config);
    take_out(reload, before, difference);
    tyto_running_drop(reload->p.running, before);
    result->num_failed = bring_in(reload, config, difference);
    tyto_cameras_tell_none(cameras, config);
    if (result->head.is_same) /* with the number that holds now */
        tyto_heads_tell(reload->p.heads);
}

static void note_result(struct tyto_reload *reload, const struct tyto_config *config,
                        const struct tyto_config_difference *difference,
                        struct tyto_reload_result *result)
{
    result->generation = tyto_running_generation(reload->p.running);
    result->num_added = difference->num_coming;
    result->num_changed = difference->num_reconnecting;
    result->num_removed = difference->num_going;
    result->is_tuned = difference->is_tuned;
    result->num_kept = difference->num_kept;
    tyto_config_print_kept(difference, result->kept, sizeof(result->kept));
    memcpy(result->head_path, config->models.first_head, sizeof(result->head_path));
    pthread_mutex_lock(&reload->lock);
    reload->status.num_applied++;
    reload->status.is_refused = false;
    reload->status.num_kept = result->num_kept;
    memcpy(reload->status.kept, result->kept, sizeof(result->kept));
    pthread_mutex_unlock(&reload->lock);
    tyto_log_write(reload->p.log, TYTO_LOG_INFO, "daemon",
                   "configuration %u holds: %u cameras added, %u connected anew, %u removed%s",
                   result->generation, result->num_added, result->num_changed, result->num_removed,
                   result->is_tuned ? "; other thresholds" : "");
    if (result->num_kept > 0)
        tyto_log_write(reload->p.log, TYTO_LOG_WARNING, "daemon", "needs a restart: %s",
                       result->kept);
}

static void note_refused(struct tyto_reload *reload, enum tyto_err err,
                         struct tyto_fault *ret_fault)
{
    char text[1024];
    if (!ret_fault->text[0])
        (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    tyto_fault_print(ret_fault, text, sizeof(text));
    pthread_mutex_lock(&reload->lock);
    reload->status.num_refused++;
    reload->status.is_refused = true;
    reload->status.fault = *ret_fault;
    pthread_mutex_unlock(&reload->lock);
    tyto_log_write(reload->p.log, TYTO_LOG_ERROR, "daemon",
                   "configuration refused, the one that runs goes on: %s", text);
}

static enum tyto_err reload_all(struct tyto_reload *reload, struct tyto_reload_result *result,
                                struct tyto_fault *ret_fault)
{
    struct tyto_running *running = reload->p.running;
    struct tyto_config *config = NULL;
    struct tyto_config_difference difference = {.num_kept = 0};
    const uint32_t generation = tyto_running_generation(running);
    enum tyto_err err = read_all(reload, &config, &difference, ret_fault);
    if (!err)
        err = tyto_running_prepare(running, config);
    if (!err) {
        tyto_running_set_generation(running, generation + 1);
        step(reload);
        err = tune(reload, tyto_running_config(running), config, &difference, generation + 1,
                   &result->head, ret_fault);
        if (err)
            tyto_running_set_generation(running, generation);
    }
    step(reload);
    if (!err) {
        apply(reload, config, &difference, result);
        tyto_heads_look(reload->p.heads, config);
        note_result(reload, config, &difference, result);
    } else {
        tyto_config_destroy(&config);
        note_refused(reload, err, ret_fault);
    }
    tyto_config_difference_finish(&difference);
    return err;
}

static void reload_clients(struct tyto_reload *reload)
{
    struct tyto_fault fault = {.text = ""};
    char text[1024];
    if (!reload->p.access)
        return;
    const enum tyto_err err = tyto_access_reload(reload->p.access, &fault);
    tyto_fault_print(&fault, text, sizeof(text));
    tyto_log_write(reload->p.log, err ? TYTO_LOG_ERROR : TYTO_LOG_INFO, "access", "%s%s",
                   err ? "the clients stay as they were: " : "the file of clients was read again",
                   err ? text : "");
}

static enum tyto_err take_turn(struct tyto_reload *reload, struct tyto_fault *ret_fault)
{
    if (!tyto_mutex_lock(&reload->turn, TURN_NS))
        return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, NULL, 0, NULL,
                              "another change is under way: try again");
    step(reload);
    atomic_store(&reload->is_busy, true);
    return TYTO_OK;
}

static void give_turn(struct tyto_reload *reload)
{
    atomic_store(&reload->is_busy, false);
    pthread_mutex_unlock(&reload->turn);
}

enum tyto_err tyto_reload_run(struct tyto_reload *reload, struct tyto_reload_result *ret_result,
                              struct tyto_fault *ret_fault)
{
    if (!atomic_load(&reload->is_open))
        return tyto_fault_set(ret_fault, TYTO_ERR_CLOSED, NULL, 0, NULL,
                              "tytod is still starting: try again");
    enum tyto_err err = take_turn(reload, ret_fault);
    if (err)
        return err;
    memset(ret_result, 0, sizeof(*ret_result));
    reload_clients(reload);
    err = reload_all(reload, ret_result, ret_fault);
    give_turn(reload);
    return err;
}

enum tyto_err tyto_reload_swap(struct tyto_reload *reload, const char *path,
                               struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault)
{
    struct tyto_heads_places places;
    enum tyto_err err = take_turn(reload, ret_fault);
    if (err)
        return err;
    step(reload);
    tyto_heads_get_places(reload->p.heads, &places);
    if (!path && !places.before[0])
        err = tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, NULL, 0, "back",
                             "no model has been pushed: there is none to go back to");
    if (!err)
        err = tyto_heads_change(reload->p.heads, path ? path : places.before, NULL, ret_result,
                                ret_fault);
    if (!err)
        tyto_heads_keep(reload->p.heads, tyto_running_config(reload->p.running),
                        ret_result->new_digest);
    give_turn(reload);
    return err;
}
