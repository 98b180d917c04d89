/* SPDX-License-Identifier: MIT */
/* Another model, or other thresholds, while cameras run: the caller's thread reads and checks the
 * file, the inference thread does the rest between two batches. Everything that may fail comes
 * before anything that runs is touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "pipeline/engine/internal.h"

/* The inference thread has so long to get to a swap, and to end what it cannot take back. */
#define SWAP_NS (30 * TYTO_NS_PER_S)
#define COMMIT_NS (5 * TYTO_NS_PER_S)

/* --- the inference thread's ------------------------------------------------------------------ */

/* All that a new head, or a tuning, brings, complete before it serves. Where the head stays, its
 * fields are empty. */
struct change {
    struct tyto_engine *engine;
    struct tyto_camera *first;
    struct tyto_tuning *tuning; /* the swap's */
    struct tyto_cman *cman;     /* afterwards the one before */
    const char **class_names;
    float *thresholds;
    struct tyto_engine_head head;
    struct tyto_reader reader;
};

static enum tyto_err explain_rule(const struct change *change, const struct tyto_new_head *head,
                                  const struct tyto_camera *camera,
                                  const struct tyto_tracker_params *params,
                                  struct tyto_fault *ret_fault)
{
    const char *stranger =
        tyto_tracker_params_stranger(params, change->class_names, change->head.num_classes);
    const char *file = head ? head->path : NULL, *key = head ? "tyto.classes" : "classes";
    const char *who = camera ? "camera " : "the configuration", *id = camera ? camera->id : "";
    if (!stranger)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, 0, key,
                              "%s%s has a rule with a value out of range", who, id);
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, 0, key,
                          "%s%s has a rule for class '%s', which this model does not know (it "
                          "knows %u); change the configuration first",
                          who, id, stranger, change->head.num_classes);
}

/* By the classes of the head that is going to serve. */
static enum tyto_err create_tracker(const struct change *change, const char *camera_id,
                                    const struct tyto_tracker_params *params,
                                    struct tyto_tracker **ret_tracker)
{
    struct tyto_engine *engine = change->engine;
    const struct tyto_tuning *tuning = change->tuning;
    const struct tyto_tracker_context context = {
        .camera = camera_id,
        .num_classes = change->head.num_classes,
        .class_names = change->class_names,
        .weights_thresholds = change->thresholds,
        .model_digest = change->head.digest,
        .config_generation = tuning ? tuning->config_generation : engine->params.config_generation,
        .hop_ns = engine->params.hop_ns,
        .sink = tyto_engine_on_event,
        .user = engine,
    };
    return tyto_tracker_create(params, &context, ret_tracker);
}

/* NULL: the camera's tracker stays as it is. */
static const struct tyto_tracker_params *find_tuned(const struct change *change,
                                                    const struct tyto_camera *camera)
{
    return change->tuning ? tyto_tuning_find(change->tuning, camera->id) : NULL;
}

static enum tyto_err prepare_camera(const struct change *change, struct tyto_camera *camera)
{
    const struct tyto_tracker_params *tuned = find_tuned(change, camera);
    struct tyto_tracker *tracker = NULL;
    const enum tyto_err err =
        tuned ? create_tracker(change, camera->id, tuned, &tracker)
              : tyto_tracker_create_like(camera->tracker, change->head.num_classes,
                                         change->class_names, change->thresholds,
                                         change->head.digest, &tracker);
    return !err ? tyto_camera_prepare(camera, change->cman ? change->head.num_classes : 0, tracker)
                : err;
}

static enum tyto_err prepare_trackers(struct change *change, const struct tyto_new_head *head,
                                      struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    for (struct tyto_camera *camera = change->first; !err && camera; camera = camera->next) {
        err = prepare_camera(change, camera);
        const struct tyto_tracker_params *tuned = find_tuned(change, camera);
        if (err == TYTO_ERR_INVALID)
            return explain_rule(change, head, camera,
                                tuned ? tuned : tyto_tracker_get_params(camera->tracker),
                                ret_fault);
    }
    /* Cameras that come later get the engine's rules: these, too, must be possible. */
    if (!err) {
        struct tyto_tracker *probe = NULL;
        const struct tyto_tracker_params *params =
            change->tuning ? &change->tuning->tracker : &change->engine->params.tracker;
        err = create_tracker(change, "probe", params, &probe);
        if (err == TYTO_ERR_INVALID)
            return explain_rule(change, head, NULL, params, ret_fault);
        tyto_tracker_destroy(&probe);
    }
    return err;
}

static void on_window(void *user, uint32_t stream_idx, const struct tyto_cman_result *result)
{
    const struct change *change = user;
    for (struct tyto_camera *camera = change->first; camera; camera = camera->next) {
        if (camera->stream_idx == stream_idx)
            tyto_camera_foresee(camera, &change->reader, result);
    }
}

static void unprepare(struct change *change)
{
    for (struct tyto_camera *camera = change->first; camera; camera = camera->next)
        tyto_camera_unprepare(camera);
    if (!change->cman)
        return; /* the rest is the engine's */
    free((void *)change->class_names);
    free(change->thresholds);
    tyto_engine_head_finish(&change->head);
    tyto_cman_destroy(&change->cman);
}

/* The head that serves, for trackers that are made for it. */
static void keep_head(struct change *change)
{
    const struct tyto_engine *engine = change->engine;
    change->class_names = engine->class_names;
    change->thresholds = engine->thresholds;
    change->head = engine->head;
}

/* Up to here nothing that runs has changed; *ret_fault says what is in the way. head NULL: the one
 * that serves stays. */
static enum tyto_err prepare(struct change *change, struct tyto_new_head *head,
                             struct tyto_fault *ret_fault)
{
    struct tyto_engine *engine = change->engine;
    struct tyto_fault fault = {0};
    enum tyto_err err = TYTO_OK;
    if (head)
        err = tyto_networks_try_head(engine->networks, head, &change->cman, &fault);
    else
        keep_head(change);
    if (!err && head)
        err = tyto_engine_name_head(change->cman, &change->class_names, &change->thresholds,
                                    &change->head);
    if (!err)
        err = prepare_trackers(change, head, &fault);
    if (!err && head) {
        change->reader = engine->reader;
        change->reader.dims = tyto_cman_get_dims(change->cman);
        err = tyto_networks_feed_head(engine->networks, change->cman, on_window, change);
    }
    if (err) {
        if (!fault.text[0])
            tyto_fault_set(&fault, err, head ? head->path : NULL, 0, NULL, "%s",
                           tyto_err_text(err));
        *ret_fault = fault;
    }
    return err;
}

static uint32_t count_open(const struct tyto_camera *first)
{
    uint32_t num = 0;
    for (const struct tyto_camera *camera = first; camera; camera = camera->next)
        num += tyto_tracker_num_open(camera->tracker);
    return num;
}

/* From here on it takes over, unless who asked has given up. */
static bool may_commit(struct tyto_engine *engine, struct tyto_swap *swap)
{
    pthread_mutex_lock(&engine->lock);
    swap->is_committed = !swap->is_abandoned;
    const bool may = swap->is_committed;
    pthread_mutex_unlock(&engine->lock);
    return may;
}

/* Afterwards change holds the head that was. */
static void take_head(struct change *change, const char *path)
{
    struct tyto_engine *engine = change->engine;
    tyto_networks_take_head(engine->networks, &change->cman);
    snprintf(engine->devices.head_path, sizeof(engine->devices.head_path), "%s", path);
    const char **names = engine->class_names;
    float *thresholds = engine->thresholds;
    const struct tyto_engine_head head = engine->head;
    pthread_mutex_lock(&engine->lock);
    engine->class_names = change->class_names;
    engine->thresholds = change->thresholds;
    engine->head = change->head;
    engine->reader = change->reader;
    engine->context.num_classes = change->head.num_classes;
    engine->context.class_names = change->class_names;
    pthread_mutex_unlock(&engine->lock);
    change->class_names = names;
    change->thresholds = thresholds;
    change->head = head;
    engine->counts.num_heads++;
}

/* For cameras that come from now on. Afterwards the tuning has the rules that were. */
static void take_tuning(struct tyto_engine *engine, struct tyto_tuning *tuning)
{
    const struct tyto_class_rule *rules = engine->rules;
    engine->params.tracker = tuning->tracker;
    tyto_engine_leave_to_cameras(&engine->params.tracker);
    engine->params.config_generation = tuning->config_generation;
    engine->rules = (struct tyto_class_rule *)(uintptr_t)tuning->tracker.rules;
    tuning->tracker.rules = rules;
    if (tuning->connects_per_s > 0)
        tyto_limiter_set(&engine->limiter, tuning->connects_per_s);
}

/* Cannot fail. path: of the new head, if there is one. */
static void commit(struct change *change, const char *path, struct tyto_swap_result *result)
{
    struct tyto_engine *engine = change->engine;
    const bool has_head = change->cman != NULL;
    const uint32_t num_open = count_open(change->first);
    for (struct tyto_camera *camera = change->first; camera; camera = camera->next)
        tyto_camera_change(camera);
    result->num_went_on = count_open(change->first);
    result->num_ended = num_open - result->num_went_on;
    if (change->tuning)
        take_tuning(engine, change->tuning);
    if (has_head)
        take_head(change, path);
    if (has_head && engine->params.callbacks.on_head)
        engine->params.callbacks.on_head(engine->params.callbacks.user, &engine->head);
}

static enum tyto_err change_head(struct tyto_engine *engine, struct tyto_swap *swap)
{
    pthread_mutex_lock(&engine->lock);
    struct tyto_camera *first = engine->cameras; /* nobody links in while the swap holds `heads` */
    pthread_mutex_unlock(&engine->lock);
    struct change change = {.engine = engine, .first = first, .tuning = swap->tuning};
    if (engine->failed)
        return tyto_fault_set(&swap->fault, TYTO_ERR_DEVICE_LOST,
                              swap->head ? swap->head->path : NULL, 0, NULL,
                              "the networks have failed: restart");
    const uint64_t begin_ns = tyto_clock_mono_ns();
    enum tyto_err err = prepare(&change, swap->head, &swap->fault);
    if (!err && !may_commit(engine, swap))
        err = TYTO_ERR_TIMEOUT;
    if (!err)
        commit(&change, swap->head ? swap->head->path : NULL, &swap->result);
    unprepare(&change);
    swap->result.stop_ns = tyto_clock_mono_ns() - begin_ns;
    return err;
}

static void free_swap(struct tyto_swap *swap)
{
    tyto_new_head_destroy(&swap->head);
    tyto_tuning_destroy(&swap->tuning);
    free(swap);
}

void tyto_engine_take_turn(struct tyto_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct tyto_swap *swap = engine->swap;
    engine->swap = NULL;
    if (swap)
        swap->is_taken = true;
    pthread_mutex_unlock(&engine->lock);
    if (!swap)
        return;
    swap->err = change_head(engine, swap);
    pthread_mutex_lock(&engine->lock);
    swap->is_done = true;
    const bool is_ours = swap->is_abandoned;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    if (is_ours)
        free_swap(swap);
}

/* --- callers' ------------------------------------------------------------------------------- */

/* False when it is the inference thread's now. */
static bool ask(struct tyto_engine *engine, struct tyto_swap *swap)
{
    uint64_t until_ns = tyto_clock_mono_ns() + SWAP_NS;
    bool in_time = true, is_extended = false;
    pthread_mutex_lock(&engine->lock);
    engine->swap = swap;
    while (!swap->is_done && in_time) {
        in_time = tyto_cond_wait_until(&engine->changed, &engine->lock, until_ns);
        if (!in_time && swap->is_committed && !is_extended) {
            in_time = is_extended = true; /* what cannot fail is waited for a little longer */
            until_ns = tyto_clock_mono_ns() + COMMIT_NS;
        }
    }
    const bool is_ours = swap->is_done || !swap->is_taken;
    if (!swap->is_taken)
        engine->swap = NULL;
    if (!swap->is_done) {
        swap->err = TYTO_ERR_TIMEOUT;
        swap->is_abandoned = !is_ours;
    }
    pthread_mutex_unlock(&engine->lock);
    return is_ours;
}

static enum tyto_err give_up(const char *path, struct tyto_fault *ret_fault)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, path, 0, NULL,
                          "the inference thread did not get to it within %llu s: the model that "
                          "serves goes on",
                          (unsigned long long)(SWAP_NS / TYTO_NS_PER_S));
}

/* Reads the file; leaves swap->head NULL where the model serves already. */
static enum tyto_err read_head(struct tyto_engine *engine, const char *path, struct tyto_swap *swap,
                               struct tyto_fault *ret_fault)
{
    struct tyto_swap_result *result = &swap->result;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const enum tyto_err err =
        tyto_new_head_create(path, &engine->fit, result->old_digest, &swap->head, ret_fault);
    if (err)
        return err;
    memcpy(result->new_digest, swap->head->weights.digest, TYTO_DIGEST_MAX);
    result->load_ns = tyto_clock_mono_ns() - begin_ns;
    if (strcmp(result->old_digest, result->new_digest) == 0)
        tyto_new_head_destroy(&swap->head);
    return TYTO_OK;
}

static enum tyto_err change_all(struct tyto_engine *engine, const char *path,
                                struct tyto_swap *swap, bool *ret_ours,
                                struct tyto_fault *ret_fault)
{
    struct tyto_swap_result *result = &swap->result;
    memcpy(result->old_digest, engine->head.digest, sizeof(result->old_digest));
    memcpy(result->new_digest, engine->head.digest, sizeof(result->new_digest));
    const enum tyto_err err = path ? read_head(engine, path, swap, ret_fault) : TYTO_OK;
    if (err)
        return err;
    result->is_same = !swap->head;
    if (!swap->head && !swap->tuning)
        return TYTO_OK;
    *ret_ours = ask(engine, swap);
    if (!*ret_ours)
        return give_up(path, ret_fault);
    if (swap->err == TYTO_ERR_TIMEOUT && !swap->fault.text[0])
        (void)give_up(path, &swap->fault);
    if (swap->err && ret_fault)
        *ret_fault = swap->fault;
    return swap->err;
}

enum tyto_err tyto_engine_change(struct tyto_engine *engine, const char *head_path,
                                 const struct tyto_engine_tuning *tuning,
                                 struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault)
{
    bool is_ours = true;
    struct tyto_swap *swap = calloc(1, sizeof(*swap));
    enum tyto_err err = swap ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err && tuning)
        err = tyto_tuning_copy(tuning, &swap->tuning);
    if (err) {
        free(swap);
        return tyto_fault_set(ret_fault, err, head_path, 0, NULL, "out of memory");
    }
    pthread_mutex_lock(&engine->heads);
    err = change_all(engine, head_path, swap, &is_ours, ret_fault);
    pthread_mutex_unlock(&engine->heads);
    if (!err)
        *ret_result = swap->result;
    if (is_ours)
        free_swap(swap);
    return err;
}

enum tyto_err tyto_engine_swap_head(struct tyto_engine *engine, const char *path,
                                    struct tyto_swap_result *ret_result,
                                    struct tyto_fault *ret_fault)
{
    return tyto_engine_change(engine, path, NULL, ret_result, ret_fault);
}
