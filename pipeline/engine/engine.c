/* SPDX-License-Identifier: MIT */
#include "pipeline/engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "pipeline/engine/internal.h"

/* Loading, with a driver that compiles all shaders on a busy machine. */
#define START_NS (600 * TYTO_NS_PER_S)
#define ASK_EVERY_NS (100 * TYTO_NS_PER_MS)
/* An inference thread that does not turn for so long will not end either. */
#define STILL_NS (5 * TYTO_NS_PER_S)
/* Longer than a session has for letting go. */
#define END_NS (15 * TYTO_NS_PER_S)
#define REMOVE_NS (20 * TYTO_NS_PER_S)

static enum tyto_err copy_strings(struct tyto_engine *engine)
{
    const char **texts[TYTO_ENGINE_NUM_STRINGS] = {
        &engine->params.visual_path, &engine->params.audio_path, &engine->params.head_path,
        &engine->params.device,      &engine->params.cache_dir,
    };
    for (int i = 0; i < TYTO_ENGINE_NUM_STRINGS; i++) {
        if (!*texts[i])
            continue;
        engine->strings[i] = strdup(*texts[i]);
        if (!engine->strings[i])
            return TYTO_ERR_NOMEM;
        *texts[i] = engine->strings[i];
    }
    struct tyto_tracker_params *tracker = &engine->params.tracker;
    if (tracker->num_rules > 0) {
        const size_t bytes = tracker->num_rules * sizeof(*tracker->rules);
        engine->rules = malloc(bytes);
        if (!engine->rules)
            return TYTO_ERR_NOMEM;
        memcpy(engine->rules, tracker->rules, bytes);
        tracker->rules = engine->rules;
    }
    return TYTO_OK;
}

static enum tyto_err check_params(struct tyto_engine_params *p)
{
    if (p->hop_ns == 0)
        p->hop_ns = TYTO_ENGINE_DEFAULT_HOP_NS;
    if (p->max_cameras == 0)
        p->max_cameras = TYTO_ENGINE_DEFAULT_CAMERAS;
    if (p->max_batch == 0)
        p->max_batch = TYTO_ENGINE_DEFAULT_BATCH;
    if (p->num_threads == 0)
        p->num_threads = TYTO_ENGINE_DEFAULT_THREADS;
    if (p->connects_per_s == 0)
        p->connects_per_s = TYTO_ENGINE_DEFAULT_CONNECTS_PER_S;
    tyto_engine_leave_to_cameras(&p->tracker);
    if (!p->visual_path || !p->audio_path || !p->head_path || !p->callbacks.on_event ||
        p->max_cameras > TYTO_ENGINE_MAX_CAMERAS || p->max_batch > TYTO_ENGINE_MAX_BATCH ||
        p->hop_ns < TYTO_SEGMENT_NS / 10 || p->hop_ns > 60 * TYTO_SEGMENT_NS ||
        p->tracker.num_rules > TYTO_CMAN_MAX_CLASSES || (p->tracker.num_rules && !p->tracker.rules))
        return TYTO_ERR_INVALID;
    return TYTO_OK;
}

static enum tyto_err allocate(struct tyto_engine *engine)
{
    const uint32_t num = engine->params.max_batch;
    engine->batch = calloc(num, sizeof(*engine->batch));
    engine->items = calloc(num, sizeof(*engine->items));
    engine->results = calloc(num, sizeof(*engine->results));
    engine->idxs = calloc(num, sizeof(*engine->idxs));
    engine->pcm = calloc((size_t)num * TYTO_SEGMENT_SAMPLES, sizeof(*engine->pcm));
    engine->masked = calloc(num, sizeof(*engine->masked));
    engine->stream_used = calloc(engine->params.max_cameras, sizeof(*engine->stream_used));
    const bool ok = engine->batch && engine->items && engine->results && engine->idxs &&
                    engine->pcm && engine->masked && engine->stream_used;
    return ok ? copy_strings(engine) : TYTO_ERR_NOMEM;
}

static void free_engine(struct tyto_engine *engine)
{
    for (int i = 0; i < TYTO_ENGINE_NUM_STRINGS; i++)
        free(engine->strings[i]);
    free(engine->rules);
    free((void *)engine->class_names);
    tyto_engine_head_finish(&engine->head);
    free(engine->thresholds);
    free(engine->batch);
    free(engine->items);
    free(engine->results);
    free(engine->idxs);
    free(engine->pcm);
    for (uint32_t i = 0; engine->masked && i < engine->params.max_batch; i++)
        tyto_masked_finish(&engine->masked[i]);
    free(engine->masked);
    free(engine->stream_used);
    tyto_limiter_finish(&engine->limiter);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->heads);
    free(engine);
}

static enum tyto_err try_tracker(struct tyto_engine *engine, struct tyto_fault *ret_fault);

/* CLOSED, TIMEOUT. */
static enum tyto_err wait_until_up(struct tyto_engine *engine)
{
    const struct tyto_engine_params *p = &engine->params;
    const uint64_t until_ns = tyto_clock_mono_ns() + START_NS;
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&engine->lock);
    while (!engine->up && !err) {
        const uint64_t now_ns = tyto_clock_mono_ns();
        (void)tyto_cond_wait_until(&engine->changed, &engine->lock, now_ns + ASK_EVERY_NS);
        if (!engine->up && p->go_on && !p->go_on(p->go_on_user))
            err = TYTO_ERR_CLOSED;
        else if (!engine->up && now_ns > until_ns)
            err = TYTO_ERR_TIMEOUT;
    }
    pthread_mutex_unlock(&engine->lock);
    return err;
}

enum tyto_err tyto_engine_create(const struct tyto_engine_params *params,
                                 struct tyto_engine **ret_engine, struct tyto_fault *ret_fault)
{
    struct tyto_engine_params checked = *params;
    enum tyto_err err = check_params(&checked);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "an engine parameter is out of range");
    struct tyto_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return TYTO_ERR_NOMEM;
    engine->params = checked;
    tyto_cond_init(&engine->changed);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->heads, NULL);
    tyto_limiter_init(&engine->limiter, checked.connects_per_s);
    err = allocate(engine);
    if (!err && pthread_create(&engine->thread, NULL, tyto_engine_infer, engine) != 0)
        err = TYTO_ERR_NOMEM;
    if (err) {
        free_engine(engine);
        return err;
    }
    const enum tyto_err wait_err = wait_until_up(engine);
    if (wait_err) /* the thread loads on, and all of it is still in use */
        return tyto_fault_set(ret_fault, wait_err, NULL, 0, NULL, "the networks are not loaded: %s",
                              wait_err == TYTO_ERR_CLOSED ? "asked to end" : "no end of it");
    err = engine->start_err;
    if (!err)
        err = try_tracker(engine, ret_fault);
    else if (ret_fault)
        *ret_fault = engine->start_fault;
    if (err) {
        tyto_engine_destroy(&engine);
        return err;
    }
    *ret_engine = engine;
    return TYTO_OK;
}

/* As long as it turns it has time to let its cameras go. */
static bool join_inference(struct tyto_engine *engine)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + END_NS;
    uint64_t moved_ns = tyto_clock_mono_ns(), num_turns = 0;
    for (;;) {
        if (tyto_thread_join(engine->thread, ASK_EVERY_NS))
            return true;
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (tyto_engine_num_turns(engine) != num_turns)
            moved_ns = now_ns;
        num_turns = tyto_engine_num_turns(engine);
        if (now_ns > until_ns || now_ns - moved_ns > STILL_NS)
            return false;
    }
}

bool tyto_engine_destroy(struct tyto_engine **engine)
{
    if (!engine || !*engine)
        return true;
    struct tyto_engine *self = *engine;
    *engine = NULL;
    if (!tyto_mutex_lock(&self->lock, STILL_NS))
        return false;
    self->stop = true;
    for (struct tyto_camera *camera = self->cameras; camera; camera = camera->next) {
        camera->removing = true;
        tyto_session_stop(camera->session);
    }
    pthread_mutex_unlock(&self->lock);
    if (!join_inference(self))
        return false;
    free_engine(self);
    return true;
}

void tyto_engine_keep_pictures(struct tyto_engine *engine, bool keeps_pictures)
{
    atomic_store(&engine->keeps_pictures, keeps_pictures);
}

/* --- cameras ---------------------------------------------------------------------------- */

static enum tyto_err explain_tracker(const struct tyto_engine *engine,
                                     const struct tyto_tracker_params *params,
                                     struct tyto_fault *ret_fault)
{
    const char *stranger =
        tyto_tracker_params_stranger(params, engine->class_names, engine->context.num_classes);
    if (stranger)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, engine->params.head_path, 0, stranger,
                              "the weights know no class of this name");
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "a tracker parameter is out of range");
}

static enum tyto_err create_tracker(struct tyto_engine *engine, const char *camera_id,
                                    const struct tyto_tracker_params *params,
                                    struct tyto_tracker **ret_tracker, struct tyto_fault *ret_fault)
{
    const struct tyto_tracker_context context = {
        .camera = camera_id,
        .num_classes = engine->context.num_classes,
        .class_names = engine->class_names,
        .weights_thresholds = engine->thresholds,
        .model_digest = tyto_engine_digest(engine),
        .config_generation = engine->params.config_generation,
        .hop_ns = engine->params.hop_ns,
        .sink = tyto_engine_on_event,
        .user = engine,
    };
    const enum tyto_err err = tyto_tracker_create(params, &context, ret_tracker);
    return err == TYTO_ERR_INVALID ? explain_tracker(engine, params, ret_fault) : err;
}

/* Tries the tracker's parameters out, so that mistakes show at once. */
static enum tyto_err try_tracker(struct tyto_engine *engine, struct tyto_fault *ret_fault)
{
    struct tyto_tracker *tracker = NULL;
    const enum tyto_err err =
        create_tracker(engine, "probe", &engine->params.tracker, &tracker, ret_fault);
    tyto_tracker_destroy(&tracker);
    return err;
}

static struct tyto_camera *find(struct tyto_engine *engine, const char *id)
{
    struct tyto_camera *camera = engine->cameras;
    while (camera && strcmp(camera->id, id) != 0)
        camera = camera->next;
    return camera;
}

static enum tyto_err check_camera(const struct tyto_camera_params *params, bool *ret_is_file,
                                  struct tyto_fault *ret_fault)
{
    if (!params->id || !tyto_id_is_valid(params->id))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "id",
                              "1 to %d characters of a-z 0-9 _ -", TYTO_ID_MAX);
    if (params->source.no_audio && params->source.no_video)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, params->id,
                              "neither sound nor picture is wanted");
    return tyto_source_check_uri(params->uri, ret_is_file, ret_fault);
}

/* Links a whole camera in, unless there is no place for it. */
static enum tyto_err link_camera(struct tyto_engine *engine, struct tyto_camera *camera,
                                 const struct tyto_session_params *session_params)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&engine->lock);
    uint32_t idx = 0;
    while (idx < engine->params.max_cameras && engine->stream_used[idx])
        idx++;
    if (engine->stop)
        err = TYTO_ERR_CLOSED;
    else if (find(engine, camera->id))
        err = TYTO_ERR_EXISTS;
    else if (idx == engine->params.max_cameras)
        err = TYTO_ERR_FULL;
    else
        err = tyto_session_create(session_params, &camera->session);
    if (!err) {
        camera->stream_idx = idx;
        engine->stream_used[idx] = true;
        camera->next = engine->cameras;
        engine->cameras = camera;
        engine->num_cameras++;
    }
    pthread_mutex_unlock(&engine->lock);
    return err;
}

static enum tyto_err copy_masks(struct tyto_camera *camera, const struct tyto_camera_params *params)
{
    if (params->num_masks == 0)
        return TYTO_OK;
    camera->masks = calloc(params->num_masks, sizeof(*camera->masks));
    if (!camera->masks)
        return TYTO_ERR_NOMEM;
    memcpy(camera->masks, params->masks, params->num_masks * sizeof(*camera->masks));
    camera->num_masks = params->num_masks;
    return TYTO_OK;
}

static enum tyto_err add_checked(struct tyto_engine *engine,
                                 const struct tyto_camera_params *params, bool is_file,
                                 struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    struct tyto_camera *camera = NULL;
    err = tyto_camera_create(params->id, &engine->context, &camera);
    if (!err)
        err = copy_masks(camera, params);
    if (!err) {
        err = create_tracker(engine, camera->id,
                             params->tracker ? params->tracker : &engine->params.tracker,
                             &camera->tracker, ret_fault);
        if (err == TYTO_ERR_INVALID) { /* explained already */
            tyto_camera_destroy(&camera);
            return err;
        }
    }
    if (!err) {
        const struct tyto_session_params session_params = {
            .camera = params,
            .is_file = is_file,
            .hop_ns = engine->params.hop_ns,
            .length_ns = TYTO_SEGMENT_NS,
            .limiter = &engine->limiter,
            .log = engine->params.log,
        };
        camera->is_file = is_file;
        camera->is_deaf = params->is_deaf;
        camera->is_blind = params->is_blind;
        err = link_camera(engine, camera, &session_params);
    }
    if (err) {
        tyto_camera_destroy(&camera);
        return tyto_fault_set(ret_fault, err, NULL, 0, params->id, "%s", tyto_err_text(err));
    }
    return TYTO_OK;
}

enum tyto_err tyto_engine_add_camera(struct tyto_engine *engine,
                                     const struct tyto_camera_params *params,
                                     struct tyto_fault *ret_fault)
{
    bool is_file;
    enum tyto_err err = check_camera(params, &is_file, ret_fault);
    if (err)
        return err;
    pthread_mutex_lock(&engine->heads);
    err = add_checked(engine, params, is_file, ret_fault);
    pthread_mutex_unlock(&engine->heads);
    return err;
}

enum tyto_err tyto_engine_stop_camera(struct tyto_engine *engine, const char *id)
{
    pthread_mutex_lock(&engine->lock);
    struct tyto_camera *camera = find(engine, id);
    if (camera) {
        camera->removing = true;
        tyto_session_stop(camera->session);
    }
    pthread_mutex_unlock(&engine->lock);
    return camera ? TYTO_OK : TYTO_ERR_NOT_FOUND;
}

enum tyto_err tyto_engine_remove_camera(struct tyto_engine *engine, const char *id)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + REMOVE_NS;
    bool in_time = true;
    pthread_mutex_lock(&engine->lock);
    struct tyto_camera *camera = find(engine, id);
    if (camera) {
        camera->removing = true;
        tyto_session_stop(camera->session);
        while (find(engine, id) == camera && in_time)
            in_time = tyto_cond_wait_until(&engine->changed, &engine->lock, until_ns);
    }
    const bool is_there = camera && find(engine, id) == camera;
    pthread_mutex_unlock(&engine->lock);
    if (!camera)
        return TYTO_ERR_NOT_FOUND;
    return is_there ? TYTO_ERR_TIMEOUT : TYTO_OK;
}

static bool all_ended(const struct tyto_engine *engine)
{
    bool ended = true;
    for (const struct tyto_camera *camera = engine->cameras; camera; camera = camera->next)
        ended &= camera->ended;
    return ended;
}

enum tyto_err tyto_engine_wait_ended(struct tyto_engine *engine, int timeout_ms)
{
    const uint64_t until_ns =
        tyto_clock_mono_ns() +
        (timeout_ms < 0 ? 0ull : (unsigned long long)timeout_ms) * TYTO_NS_PER_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / TYTO_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % TYTO_NS_PER_S)};
    int rc = 0;
    pthread_mutex_lock(&engine->lock);
    while (!all_ended(engine) && rc != ETIMEDOUT) {
        if (timeout_ms < 0)
            pthread_cond_wait(&engine->changed, &engine->lock);
        else
            rc = pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
    }
    const bool ended = all_ended(engine);
    pthread_mutex_unlock(&engine->lock);
    return ended ? TYTO_OK : TYTO_ERR_TIMEOUT;
}

/* --- what there is to know ------------------------------------------------------------------ */

uint32_t tyto_engine_num_classes(const struct tyto_engine *engine)
{
    return engine->context.num_classes;
}

const char *tyto_engine_class_name(const struct tyto_engine *engine, uint32_t class_idx)
{
    return class_idx < engine->context.num_classes ? engine->class_names[class_idx] : NULL;
}

const char *tyto_engine_digest(const struct tyto_engine *engine)
{
    return engine->head.digest;
}

enum tyto_err tyto_engine_get_thresholds(struct tyto_engine *engine, const char *id,
                                         float *ret_thresholds)
{
    pthread_mutex_lock(&engine->heads);
    pthread_mutex_lock(&engine->lock);
    const struct tyto_camera *camera = find(engine, id);
    if (camera)
        tyto_tracker_get_thresholds(camera->tracker, ret_thresholds);
    pthread_mutex_unlock(&engine->lock);
    pthread_mutex_unlock(&engine->heads);
    return camera ? TYTO_OK : TYTO_ERR_NOT_FOUND;
}

uint32_t tyto_engine_look_ahead(const struct tyto_engine *engine)
{
    return engine->context.look_ahead;
}

void tyto_engine_get_counts(struct tyto_engine *engine, struct tyto_engine_counts *ret_counts)
{
    pthread_mutex_lock(&engine->lock);
    *ret_counts = engine->published;
    pthread_mutex_unlock(&engine->lock);
}

enum tyto_err tyto_engine_get_camera_counts(struct tyto_engine *engine, const char *id,
                                            struct tyto_camera_counts *ret_counts)
{
    pthread_mutex_lock(&engine->lock);
    const struct tyto_camera *camera = find(engine, id);
    if (camera)
        *ret_counts = camera->counts;
    pthread_mutex_unlock(&engine->lock);
    return camera ? TYTO_OK : TYTO_ERR_NOT_FOUND;
}
