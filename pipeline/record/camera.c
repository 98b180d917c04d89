/* SPDX-License-Identifier: MIT */
/* Cameras come and go, and fill their pre-roll buffers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/record/internal.h"

#define S ((int64_t)TYTO_NS_PER_S)
/* Held beyond what is asked for, so that the thread may be a little late. */
#define SPARE_NS (5 * S)

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

struct tyto_record_camera *tyto_record_find_camera(struct tyto_recorder *recorder, const char *id)
{
    pthread_mutex_lock(&recorder->lock);
    struct tyto_record_camera *camera = recorder->cameras;
    while (camera && (camera->is_gone || strcmp(camera->id, id) != 0))
        camera = camera->next;
    if (camera)
        ref(&camera->tap);
    pthread_mutex_unlock(&recorder->lock);
    return camera;
}

void tyto_record_set_times(struct tyto_record_camera *camera,
                           const struct tyto_recorder_params *params)
{
    camera->pre_ns = params->pre_ns;
    camera->post_ns = params->post_ns;
    camera->max_clip_ns = params->max_clip_ns;
    camera->preroll.hold_ns = params->pre_ns + camera->lag_ns + SPARE_NS;
    camera->preroll.max_bytes = params->preroll_max_bytes;
}

static struct tyto_record_camera *create_camera(const char *id)
{
    struct tyto_record_camera *camera = calloc(1, sizeof(*camera));
    if (camera)
        camera->plans = calloc(TYTO_RECORD_MAX_PLANS, sizeof(*camera->plans));
    if (!camera || !camera->plans) {
        free(camera);
        return NULL;
    }
    camera->tap = (struct tyto_tap){
        .on_coded = on_coded,
        .on_connected = on_connected,
        .on_shift = on_shift,
        .ref = ref,
        .unref = unref,
    };
    atomic_init(&camera->num_refs, 1);
    snprintf(camera->id, sizeof(camera->id), "%s", id);
    atomic_init(&camera->progress_ns, INT64_MIN / 2);
    pthread_mutex_init(&camera->lock, NULL);
    tyto_preroll_init(&camera->preroll, 0, 0);
    return camera;
}

enum tyto_err tyto_recorder_add_camera(struct tyto_recorder *recorder, const char *id,
                                       int64_t av_offset_ns, int64_t decide_ns, int64_t lag_ns,
                                       struct tyto_tap **ret_tap)
{
    struct tyto_record_camera *camera = tyto_record_find_camera(recorder, id);
    if (camera) {
        tyto_record_camera_unref(camera);
        return TYTO_ERR_EXISTS;
    }
    camera = create_camera(id);
    if (!camera)
        return TYTO_ERR_NOMEM;
    camera->tap.av_offset_ns = av_offset_ns;
    camera->decide_ns = decide_ns;
    camera->lag_ns = lag_ns;
    pthread_mutex_lock(&recorder->lock);
    tyto_record_set_times(camera, &recorder->params);
    camera->next = recorder->cameras;
    recorder->cameras = camera;
    pthread_mutex_unlock(&recorder->lock);
    *ret_tap = &camera->tap;
    return TYTO_OK;
}

void tyto_recorder_change_camera(struct tyto_recorder *recorder, const char *id, int64_t decide_ns,
                                 int64_t lag_ns)
{
    struct tyto_record_camera *camera = tyto_record_find_camera(recorder, id);
    if (!camera)
        return;
    pthread_mutex_lock(&recorder->lock);
    pthread_mutex_lock(&camera->lock);
    camera->decide_ns = decide_ns;
    camera->lag_ns = lag_ns;
    tyto_record_set_times(camera, &recorder->params);
    pthread_mutex_unlock(&camera->lock);
    pthread_mutex_unlock(&recorder->lock);
    tyto_record_camera_unref(camera);
}

void tyto_recorder_remove_camera(struct tyto_recorder *recorder, const char *id)
{
    struct tyto_record_camera *camera = tyto_record_find_camera(recorder, id);
    if (!camera)
        return;
    pthread_mutex_lock(&recorder->lock);
    camera->is_gone = true;
    recorder->has_work = true;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
    tyto_record_camera_unref(camera);
}
