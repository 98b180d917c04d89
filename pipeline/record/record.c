/* SPDX-License-Identifier: MIT */
/* Events become plans of recordings. */
#include "pipeline/record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/record/internal.h"

#define STOP_S 15

/* --- events -------------------------------------------------------------------------------- */

void tyto_recorder_event(struct tyto_recorder *recorder, struct tyto_event *event)
{
    event->clip_uri[0] = '\0';
    struct tyto_record_camera *camera = tyto_record_find_camera(recorder, event->camera);
    if (!camera)
        return;
    pthread_mutex_lock(&camera->lock);
    const struct tyto_record_plan *plan = tyto_record_take_event(recorder, camera, event);
    if (plan) {
        const int num = snprintf(event->clip_uri, sizeof(event->clip_uri), "%s/%s/%s.mkv",
                                 recorder->uri, camera->id, plan->name);
        if (num < 0 || (size_t)num >= sizeof(event->clip_uri))
            event->clip_uri[0] = '\0';
    }
    pthread_mutex_unlock(&camera->lock);
    tyto_record_camera_unref(camera);
    pthread_mutex_lock(&recorder->lock);
    recorder->has_work = true;
    recorder->status.num_failed += !plan && event->phase == TYTO_EVENT_PHASE_NEW;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

void tyto_recorder_progress(struct tyto_recorder *recorder, const char *camera_id,
                            int64_t end_media_ns)
{
    struct tyto_record_camera *camera = tyto_record_find_camera(recorder, camera_id);
    if (!camera)
        return;
    atomic_store(&camera->progress_ns, end_media_ns - atomic_load(&camera->shift_ns));
    tyto_record_camera_unref(camera);
}

/* --- life --------------------------------------------------------------------------------------
 */

static enum tyto_err settle_params(const struct tyto_recorder_params *params,
                                   struct tyto_recorder_params *ret_params)
{
    if (params->pre_ns < 0 || params->post_ns < 0 || params->max_clip_ns < 0)
        return TYTO_ERR_INVALID;
    *ret_params = *params;
    if (ret_params->max_clip_ns == 0)
        ret_params->max_clip_ns = TYTO_RECORDER_DEFAULT_MAX_CLIP_NS;
    if (ret_params->preroll_max_bytes == 0)
        ret_params->preroll_max_bytes = TYTO_RECORDER_DEFAULT_PREROLL_BYTES;
    return TYTO_OK;
}

enum tyto_err tyto_recorder_change(struct tyto_recorder *recorder,
                                   const struct tyto_recorder_params *params)
{
    struct tyto_recorder_params settled;
    const enum tyto_err err = settle_params(params, &settled);
    if (err)
        return err;
    settled.store.dir = recorder->dir;
    pthread_mutex_lock(&recorder->lock);
    recorder->params = settled;
    recorder->has_limits = recorder->has_work = true;
    for (struct tyto_record_camera *camera = recorder->cameras; camera; camera = camera->next) {
        pthread_mutex_lock(&camera->lock);
        tyto_record_set_times(camera, &settled);
        pthread_mutex_unlock(&camera->lock);
    }
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
    return TYTO_OK;
}

void tyto_recorder_free(struct tyto_recorder *recorder)
{
    while (recorder->cameras) {
        struct tyto_record_camera *camera = recorder->cameras;
        recorder->cameras = camera->next;
        tyto_record_camera_unref(camera);
    }
    tyto_clip_store_destroy(&recorder->store);
    pthread_cond_destroy(&recorder->changed);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder->dir);
    free(recorder->uri);
    free(recorder);
}

enum tyto_err tyto_recorder_create(const struct tyto_recorder_params *params,
                                   struct tyto_recorder **ret_recorder)
{
    struct tyto_recorder_params settled;
    if (!params->store.dir || !params->store.dir[0] || settle_params(params, &settled) != TYTO_OK)
        return TYTO_ERR_INVALID;
    struct tyto_recorder *recorder = calloc(1, sizeof(*recorder));
    if (!recorder)
        return TYTO_ERR_NOMEM;
    recorder->params = settled;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&recorder->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&recorder->lock, NULL);
    recorder->dir = strdup(params->store.dir);
    recorder->uri = tyto_clip_dir_uri(params->store.dir);
    recorder->params.store.dir = recorder->dir;
    recorder->store_params = recorder->params.store;
    if (!recorder->dir || !recorder->uri ||
        pthread_create(&recorder->thread, NULL, tyto_recorder_write, recorder) != 0) {
        tyto_recorder_free(recorder);
        return TYTO_ERR_NOMEM;
    }
    *ret_recorder = recorder;
    return TYTO_OK;
}

bool tyto_recorder_destroy(struct tyto_recorder **recorder)
{
    if (!recorder || !*recorder)
        return true;
    const uint64_t until_ns = tyto_clock_mono_ns() + STOP_S * TYTO_NS_PER_S;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / TYTO_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % TYTO_NS_PER_S)};
    pthread_mutex_lock(&(*recorder)->lock);
    (*recorder)->stop = true;
    pthread_cond_signal(&(*recorder)->changed);
    int rc = 0;
    while (!(*recorder)->done && rc == 0)
        rc = pthread_cond_timedwait(&(*recorder)->changed, &(*recorder)->lock, &until);
    const bool done = (*recorder)->done;
    pthread_mutex_unlock(&(*recorder)->lock);
    if (done) {
        pthread_join((*recorder)->thread, NULL);
        tyto_recorder_free(*recorder);
    } else {
        pthread_detach((*recorder)->thread); /* it hangs in a disk: abandoned, with what it uses */
    }
    *recorder = NULL;
    return done;
}

uint64_t tyto_recorder_num_turns(const struct tyto_recorder *recorder)
{
    return atomic_load(&recorder->num_turns);
}

void tyto_recorder_get_status(struct tyto_recorder *recorder,
                              struct tyto_recorder_status *ret_status)
{
    uint64_t preroll_bytes = 0;
    pthread_mutex_lock(&recorder->lock);
    *ret_status = recorder->status;
    for (struct tyto_record_camera *camera = recorder->cameras; camera; camera = camera->next) {
        pthread_mutex_lock(&camera->lock);
        preroll_bytes += camera->preroll.num_bytes;
        pthread_mutex_unlock(&camera->lock);
    }
    pthread_mutex_unlock(&recorder->lock);
    ret_status->preroll_bytes = preroll_bytes;
    ret_status->is_failing = atomic_load(&recorder->is_failing);
}
