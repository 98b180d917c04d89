/* SPDX-License-Identifier: MIT */
/* Events become plans of recordings, cameras fill their pre-roll buffers. */
#include "pipeline/record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/record/internal.h"

#define S ((int64_t)TYTO_NS_PER_S)
/* Held beyond what is asked for, so that the thread may be a little late. */
#define SPARE_NS (5 * S)
#define STOP_S 15

/* --- cameras --------------------------------------------------------------------------- */

static void on_coded(struct tyto_tap *tap, enum tyto_stream stream, struct tyto_coded *coded)
{
    struct tyto_record_camera *camera = (struct tyto_record_camera *)tap;
    pthread_mutex_lock(&camera->lock);
    (void)!tyto_preroll_put(&camera->preroll, stream, coded);
    pthread_mutex_unlock(&camera->lock);
}

static void on_connected(struct tyto_tap *tap, bool is_connected)
{
    struct tyto_record_camera *camera = (struct tyto_record_camera *)tap;
    pthread_mutex_lock(&camera->lock);
    camera->is_connected = is_connected;
    if (is_connected)
        tyto_preroll_cut(&camera->preroll);
    pthread_mutex_unlock(&camera->lock);
}

static void on_shift(struct tyto_tap *tap, int64_t shift_ns)
{
    atomic_store(&((struct tyto_record_camera *)tap)->shift_ns, shift_ns);
}

static void ref(struct tyto_tap *tap)
{
    atomic_fetch_add(&((struct tyto_record_camera *)tap)->num_refs, 1);
}

void tyto_record_camera_unref(struct tyto_record_camera *camera)
{
    if (atomic_fetch_sub(&camera->num_refs, 1) != 1)
        return;
    tyto_preroll_finish(&camera->preroll);
    pthread_mutex_destroy(&camera->lock);
    free(camera->plans);
    free(camera);
}

static void unref(struct tyto_tap *tap)
{
    tyto_record_camera_unref((struct tyto_record_camera *)tap);
}

static struct tyto_record_camera *find_camera(struct tyto_recorder *recorder, const char *id)
{
    pthread_mutex_lock(&recorder->lock);
    struct tyto_record_camera *camera = recorder->cameras;
    while (camera && strcmp(camera->id, id) != 0)
        camera = camera->next;
    pthread_mutex_unlock(&recorder->lock);
    return camera;
}

enum tyto_err tyto_recorder_add_camera(struct tyto_recorder *recorder, const char *id,
                                       int64_t av_offset_ns, int64_t decide_ns, int64_t lag_ns,
                                       struct tyto_tap **ret_tap)
{
    if (find_camera(recorder, id))
        return TYTO_ERR_EXISTS;
    struct tyto_record_camera *camera = calloc(1, sizeof(*camera));
    if (camera)
        camera->plans = calloc(TYTO_RECORD_MAX_PLANS, sizeof(*camera->plans));
    if (!camera || !camera->plans) {
        free(camera);
        return TYTO_ERR_NOMEM;
    }
    camera->tap = (struct tyto_tap){
        .av_offset_ns = av_offset_ns,
        .on_coded = on_coded,
        .on_connected = on_connected,
        .on_shift = on_shift,
        .ref = ref,
        .unref = unref,
    };
    atomic_init(&camera->num_refs, 1);
    snprintf(camera->id, sizeof(camera->id), "%s", id);
    camera->decide_ns = decide_ns;
    atomic_init(&camera->progress_ns, INT64_MIN / 2);
    pthread_mutex_init(&camera->lock, NULL);
    tyto_preroll_init(&camera->preroll, recorder->params.pre_ns + lag_ns + SPARE_NS,
                      recorder->params.preroll_max_bytes);
    pthread_mutex_lock(&recorder->lock);
    camera->next = recorder->cameras;
    recorder->cameras = camera;
    pthread_mutex_unlock(&recorder->lock);
    *ret_tap = &camera->tap;
    return TYTO_OK;
}

/* --- events -------------------------------------------------------------------------------- */

void tyto_recorder_event(struct tyto_recorder *recorder, struct tyto_event *event)
{
    event->clip_uri[0] = '\0';
    struct tyto_record_camera *camera = find_camera(recorder, event->camera);
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
    pthread_mutex_lock(&recorder->lock);
    recorder->has_work = true;
    recorder->status.num_failed += !plan && event->phase == TYTO_EVENT_PHASE_NEW;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

void tyto_recorder_progress(struct tyto_recorder *recorder, const char *camera_id,
                            int64_t end_media_ns)
{
    struct tyto_record_camera *camera = find_camera(recorder, camera_id);
    if (camera)
        atomic_store(&camera->progress_ns, end_media_ns - atomic_load(&camera->shift_ns));
}

/* --- life --------------------------------------------------------------------------------------
 */

/* file:// and the path, what is not plain in it as %XX. */
static char *make_uri(const char *dir)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    char full[TYTO_CLIP_PATH_MAX], here[TYTO_CLIP_PATH_MAX] = "";
    if (dir[0] != '/' && !getcwd(here, sizeof(here)))
        return NULL;
    snprintf(full, sizeof(full), "%.700s%s%.600s", here, here[0] ? "/" : "", dir);
    const size_t max_bytes = sizeof("file://") + 3 * strlen(full);
    char *uri = malloc(max_bytes);
    if (!uri)
        return NULL;
    size_t num = (size_t)snprintf(uri, max_bytes, "file://");
    for (const char *c = full; *c; c++)
        num += (size_t)snprintf(uri + num, max_bytes - num, strchr(plain, *c) ? "%c" : "%%%02X",
                                (unsigned char)*c);
    return uri;
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
    if (!params->store.dir || !params->store.dir[0] || params->pre_ns < 0 || params->post_ns < 0 ||
        params->max_clip_ns < 0)
        return TYTO_ERR_INVALID;
    struct tyto_recorder *recorder = calloc(1, sizeof(*recorder));
    if (!recorder)
        return TYTO_ERR_NOMEM;
    recorder->params = *params;
    if (recorder->params.max_clip_ns == 0)
        recorder->params.max_clip_ns = TYTO_RECORDER_DEFAULT_MAX_CLIP_NS;
    if (recorder->params.preroll_max_bytes == 0)
        recorder->params.preroll_max_bytes = TYTO_RECORDER_DEFAULT_PREROLL_BYTES;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&recorder->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&recorder->lock, NULL);
    recorder->dir = strdup(params->store.dir);
    recorder->uri = make_uri(params->store.dir);
    recorder->params.store.dir = recorder->dir;
    if (!recorder->dir || !recorder->uri ||
        pthread_create(&recorder->thread, NULL, tyto_recorder_write, recorder) != 0) {
        tyto_recorder_free(recorder);
        return TYTO_ERR_NOMEM;
    }
    *ret_recorder = recorder;
    return TYTO_OK;
}

void tyto_recorder_destroy(struct tyto_recorder **recorder)
{
    if (!recorder || !*recorder)
        return;
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
}

void tyto_recorder_get_status(struct tyto_recorder *recorder,
                              struct tyto_recorder_status *ret_status)
{
    uint64_t preroll_bytes = 0;
    pthread_mutex_lock(&recorder->lock);
    *ret_status = recorder->status;
    struct tyto_record_camera *camera = recorder->cameras;
    pthread_mutex_unlock(&recorder->lock);
    for (; camera; camera = camera->next) {
        pthread_mutex_lock(&camera->lock);
        preroll_bytes += camera->preroll.num_bytes;
        pthread_mutex_unlock(&camera->lock);
    }
    ret_status->preroll_bytes = preroll_bytes;
    ret_status->is_failing = atomic_load(&recorder->is_failing);
}
