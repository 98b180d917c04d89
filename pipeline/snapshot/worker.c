/* SPDX-License-Identifier: MIT */
/* The thread that makes pictures: small, hidden in parts, coded, sent, written. No lock is held
 * meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "files/digest.h"
#include "pipeline/snapshot/internal.h"
#include "pipeline/snapshot/jpeg.h"

enum { LEAST_QUALITY = 20 };

#define RETRY_NS (30 * TYTO_NS_PER_S)
#define EXPIRE_NS (60 * TYTO_NS_PER_S)
#define WAIT_NS TYTO_NS_PER_S

/* --- telling -----------------------------------------------------------------------------------
 */

static void tell_disk(struct tyto_snapshots *self, const struct tyto_fault *fault)
{
    pthread_mutex_lock(&self->lock);
    self->status.is_failing = fault != NULL;
    if (fault)
        tyto_fault_print(fault, self->status.text, sizeof(self->status.text));
    if (self->store)
        tyto_clip_store_get_counts(self->store, &self->status.store);
    else
        self->status.store = (struct tyto_clip_store_counts){0};
    pthread_mutex_unlock(&self->lock);
}

static void count(struct tyto_snapshots *self, uint64_t *ret_counter)
{
    pthread_mutex_lock(&self->lock);
    (*ret_counter)++;
    pthread_mutex_unlock(&self->lock);
}

/* --- the folder --------------------------------------------------------------------------------
 */

/* Another folder, or other limits. */
static void take_change(struct tyto_snapshots *self, const struct tyto_snapshots_params *params)
{
    self->retry_ns = self->expire_ns = 0;
    if (self->store && strcmp(self->store_dir, params->store.dir) == 0) {
        tyto_clip_store_set_limits(self->store, &params->store);
        return;
    }
    tyto_clip_store_destroy(&self->store);
    snprintf(self->store_dir, sizeof(self->store_dir), "%s", params->store.dir);
    tell_disk(self, NULL);
}

/* False: there is none to write to, now. */
static bool open_store(struct tyto_snapshots *self, const struct tyto_snapshots_params *params)
{
    struct tyto_fault fault = {.text = ""};
    if (self->store || !self->store_dir[0])
        return self->store != NULL;
    if (tyto_clock_mono_ns() < self->retry_ns)
        return false;
    struct tyto_clip_store_params store = params->store;
    store.dir = self->store_dir;
    const enum tyto_err err = tyto_clip_store_create(&store, &self->store, &fault);
    if (err && !fault.text[0])
        (void)tyto_fault_set(&fault, err, self->store_dir, 0, NULL, "%s", tyto_err_text(err));
    self->retry_ns = tyto_clock_mono_ns() + RETRY_NS;
    tell_disk(self, err ? &fault : NULL);
    return !err;
}

static enum tyto_err write_file(const char *path, const uint8_t *bytes, size_t num_bytes,
                                struct tyto_fault *ret_fault)
{
    FILE *file = fopen(path, "wbe");
    bool ok = file && fwrite(bytes, 1, num_bytes, file) == num_bytes;
    const int reason = errno;
    if (file && fclose(file) != 0)
        ok = false;
    if (ok)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "it cannot be written: %s",
                          strerror(reason ? reason : errno));
}

static enum tyto_err keep(struct tyto_snapshots *self, const struct tyto_snapshot_job *job,
                          const uint8_t *bytes, size_t num_bytes, struct tyto_fault *ret_fault)
{
    char name[TYTO_FILE_NAME_MAX], path[TYTO_CLIP_PATH_MAX];
    tyto_file_name(name, job->begin_unix_ns, job->class_name, job->event_id);
    enum tyto_err err = tyto_clip_store_reserve(self->store, num_bytes, ret_fault);
    if (err)
        return err;
    err = tyto_clip_store_begin(self->store, job->camera, name, path, ret_fault);
    if (!err)
        err = write_file(path, bytes, num_bytes, ret_fault);
    if (err) {
        tyto_clip_store_discard(self->store, job->camera, name, num_bytes);
        return err;
    }
    return tyto_clip_store_commit(self->store, job->camera, name, num_bytes, NULL, 0, ret_fault);
}

static void keep_and_tell(struct tyto_snapshots *self, const struct tyto_snapshots_params *params,
                          const struct tyto_snapshot_job *job, const uint8_t *bytes,
                          size_t num_bytes)
{
    struct tyto_fault fault = {.text = ""};
    if (!open_store(self, params)) {
        count(self, &self->status.num_failed);
        return;
    }
    const enum tyto_err err = keep(self, job, bytes, num_bytes, &fault);
    if (err && !fault.text[0])
        (void)tyto_fault_set(&fault, err, self->store_dir, 0, NULL, "%s", tyto_err_text(err));
    tell_disk(self, err ? &fault : NULL);
    count(self, err ? &self->status.num_failed : &self->status.num_written);
    if (err)
        return;
    pthread_mutex_lock(&self->lock);
    struct tyto_snapshot_open *open = tyto_snapshots_find_open(self, job->event_id);
    if (open)
        open->is_written = true;
    pthread_mutex_unlock(&self->lock);
}

/* --- a picture ---------------------------------------------------------------------------------
 */

static bool is_live(const struct tyto_snapshot_job *job)
{
    return !job->event_id[0];
}

static enum tyto_err draw(struct tyto_snapshots *self, const struct tyto_snapshots_params *params,
                          const struct tyto_snapshot_job *job)
{
    static const struct tyto_box all = {0, 0, 1, 1};
    const bool is_small = is_live(job) && params->width > TYTO_SNAPSHOTS_LIVE_WIDTH;
    const enum tyto_err err = tyto_canvas_take(
        &self->canvas, &job->picture->frame, is_small ? TYTO_SNAPSHOTS_LIVE_WIDTH : params->width);
    if (err)
        return err;
    tyto_canvas_mask(&self->canvas, job->masks, job->num_masks);
    for (uint32_t i = 0; job->hides_people && i < job->num_people; i++)
        tyto_canvas_pixelate(&self->canvas, &job->people[i]);
    if (job->hides_all)
        tyto_canvas_pixelate(&self->canvas, &all);
    if (params->draws_box && job->has_box)
        tyto_canvas_outline(&self->canvas, &job->box);
    return TYTO_OK;
}

/* With less quality where it would be over what may be sent. *ret_bytes is owned. */
static enum tyto_err encode(const struct tyto_snapshots *self, uint32_t quality,
                            uint8_t **ret_bytes, size_t *ret_num)
{
    for (;;) {
        const enum tyto_err err = tyto_jpeg_write(&self->canvas, quality, ret_bytes, ret_num);
        if (err || *ret_num <= TYTO_THUMBNAIL_MAX_BYTES)
            return err;
        free(*ret_bytes);
        if (quality <= LEAST_QUALITY)
            return TYTO_ERR_FULL;
        quality = quality / 2 > LEAST_QUALITY ? quality / 2 : LEAST_QUALITY;
    }
}

static void send(struct tyto_snapshots *self, const struct tyto_snapshots_params *params,
                 const struct tyto_snapshot_job *job, uint8_t *bytes, size_t num_bytes)
{
    struct tyto_thumbnail thumbnail = {
        .media_ns = job->media_ns,
        .unix_ns = job->unix_ns,
        .width = self->canvas.width,
        .height = self->canvas.height,
        .score = job->score,
        .has_box = job->has_box,
        .box = job->box,
        .is_blurred = job->hides_people,
        .num_bytes = (uint32_t)num_bytes,
    };
    memcpy(thumbnail.event_id, job->event_id, sizeof(thumbnail.event_id));
    memcpy(thumbnail.camera, job->camera, sizeof(thumbnail.camera));
    memcpy(thumbnail.class_name, job->class_name, sizeof(thumbnail.class_name));
    tyto_digest_bytes(bytes, num_bytes, thumbnail.sha256);
    count(self, &self->status.num_sent);
    params->on_thumbnail(params->user, &thumbnail, bytes);
}

static void make(struct tyto_snapshots *self, const struct tyto_snapshots_params *params,
                 struct tyto_snapshot_job *job)
{
    uint8_t *bytes = NULL;
    size_t num_bytes = 0;
    enum tyto_err err = draw(self, params, job);
    tyto_picture_unref(&job->picture); /* the decoder may want it back */
    if (!err)
        err = encode(self, params->quality, &bytes, &num_bytes);
    count(self, err ? &self->status.num_failed : &self->status.num_made);
    if (err)
        return;
    if (self->store_dir[0] && !is_live(job))
        keep_and_tell(self, params, job, bytes, num_bytes);
    if (params->sends &&
        (is_live(job) ? params->is_live_wanted(params->user) : params->is_wanted(params->user)))
        send(self, params, job, bytes, num_bytes);
    else
        free(bytes);
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void expire(struct tyto_snapshots *self, const struct tyto_snapshots_params *params)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (now_ns < self->expire_ns || !open_store(self, params))
        return;
    self->expire_ns = now_ns + EXPIRE_NS;
    tyto_clip_store_expire(self->store, tyto_clock_boot_ns());
    pthread_mutex_lock(&self->lock);
    tyto_clip_store_get_counts(self->store, &self->status.store);
    pthread_mutex_unlock(&self->lock);
}

/* The oldest one. Locked. */
static bool take_job(struct tyto_snapshots *self, struct tyto_snapshot_job *ret_job)
{
    self->busy_id[0] = '\0';
    if (self->num_jobs == 0)
        return false;
    *ret_job = self->jobs[0];
    self->num_jobs--;
    memmove(&self->jobs[0], &self->jobs[1], self->num_jobs * sizeof(self->jobs[0]));
    memcpy(self->busy_id, ret_job->event_id, sizeof(self->busy_id));
    return true;
}

void *tyto_snapshots_work(void *user)
{
    struct tyto_snapshots *self = user;
    struct tyto_snapshots_params params;
    struct tyto_snapshot_job job;
    char dir[TYTO_SNAPSHOTS_DIR_BYTES];
    pthread_setname_np(pthread_self(), "tyto-snapshot");
    for (bool is_over = false; !is_over;) {
        pthread_mutex_lock(&self->lock);
        self->busy_id[0] = '\0';
        if (self->num_jobs == 0 && !self->stop && !self->has_change)
            (void)tyto_cond_wait_until(&self->changed, &self->lock, tyto_clock_mono_ns() + WAIT_NS);
        params = self->params;
        memcpy(dir, self->dir, sizeof(dir));
        params.store.dir = dir;
        const bool has_change = self->has_change;
        self->has_change = false;
        const bool has_job = take_job(self, &job);
        is_over = self->stop && !has_job;
        pthread_mutex_unlock(&self->lock);
        if (has_change)
            take_change(self, &params);
        if (has_job) {
            make(self, &params, &job);
            tyto_snapshot_job_finish(&job);
        }
        expire(self, &params);
        atomic_fetch_add(&self->num_turns, 1);
    }
    return NULL;
}
