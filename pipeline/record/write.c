/* SPDX-License-Identifier: MIT */
/* The recorder's thread: writes what is planned out of the pre-roll buffers, camera by camera.
 * While an event is open it stays behind what was evaluated by as long as its END may take, so that
 * a recording ends where it should. Locks are never held while a disk is waited for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/record/internal.h"

enum { MAX_GATHER = 128, BUSY_MS = 100, IDLE_MS = 1000, STOP_US = 10000 };

#define S ((int64_t)TYTO_NS_PER_S)
#define EXPIRE_NS (60 * TYTO_NS_PER_S)
/* After the last END, for what the camera still owes; after a connection's end, for the ENDs. */
#define PATIENCE_NS (15 * TYTO_NS_PER_S)
/* A stream that is silent this much longer than the other is ended: a muxer waits for both. */
#define SILENT_NS (10 * S)
#define GATHER_BYTES (4u << 20)
/* Header and index of a file; and of each item. */
enum { FILE_OVERHEAD_BYTES = 64 * 1024, ITEM_OVERHEAD_BYTES = 48 };

struct gathered {
    struct tyto_coded coded;
    enum tyto_stream stream;
};

struct batch {
    struct gathered items[MAX_GATHER];
    uint32_t num;
    uint64_t num_bytes;
    bool is_done; /* nothing more belongs into this recording */
    bool is_cut;  /* though something should */
    bool goes_on; /* in another recording, from epoch on */
    uint32_t epoch;
    bool is_evicted; /* because it was not written in time */
    bool silent[TYTO_NUM_STREAMS];
};

/* --- what comes next ------------------------------------------------------------------------ */

static int64_t order_of(const struct tyto_coded *coded)
{
    return coded->dts_ns != TYTO_CODED_NO_TIME ? coded->dts_ns : coded->pts_ns;
}

/* The next item of a stream of this recording; NULL: none, and why in *ret_over (for good). */
static const struct tyto_preroll_item *next_of(struct tyto_record_camera *camera,
                                               enum tyto_stream stream, bool *ret_over,
                                               struct batch *batch)
{
    struct tyto_preroll *preroll = &camera->preroll;
    *ret_over = !camera->has[stream];
    if (*ret_over)
        return NULL;
    const struct tyto_preroll_item *item =
        tyto_preroll_get(preroll, stream, camera->numbers[stream]);
    if (!item && camera->numbers[stream] < tyto_preroll_end(preroll, stream)) {
        batch->is_evicted = true;
        *ret_over = true;
    } else if (item ? item->epoch != camera->epoch
                    : !camera->is_connected || preroll->epoch != camera->epoch) {
        *ret_over = true;
        item = NULL;
    }
    return item;
}

/* Up to where may be written now; *ret_final: and no further ever. */
static int64_t limit_of(const struct tyto_record_camera *camera, bool stopping, bool *ret_final)
{
    const struct tyto_record_plan *plan = &camera->plans[0];
    const int64_t longest_ns = camera->zero_ns + camera->max_clip_ns;
    int64_t limit_ns = plan->end_ns;
    *ret_final = plan->num_open == 0;
    if (!*ret_final) {
        limit_ns = stopping || !camera->is_connected
                       ? INT64_MAX
                       : atomic_load(&camera->progress_ns) - camera->decide_ns;
    }
    if (limit_ns >= longest_ns) {
        *ret_final = true;
        limit_ns = longest_ns;
    }
    return limit_ns;
}

static void take(struct tyto_record_camera *camera, struct batch *batch, enum tyto_stream stream,
                 const struct tyto_preroll_item *item)
{
    batch->items[batch->num++] = (struct gathered){.coded = item->coded, .stream = stream};
    batch->num_bytes += item->coded.num_bytes + ITEM_OVERHEAD_BYTES;
    tyto_coded_ref(&item->coded);
    camera->numbers[stream]++;
}

/* All that may be written now is written: whether that was all. Locked. */
static void judge_end(struct tyto_record_camera *camera, bool is_final,
                      const bool over[TYTO_NUM_STREAMS], const bool reached[TYTO_NUM_STREAMS],
                      bool stopping, struct batch *batch)
{
    struct tyto_record_plan *plan = &camera->plans[0];
    const uint64_t now_ns = tyto_clock_mono_ns();
    bool all_over = true, all_there = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        all_over &= over[i];
        all_there &= over[i] || (is_final && reached[i]);
    }
    /* Its connection, or its coding, is over: the ENDs come within a moment. */
    if (all_over && plan->settled_ns == 0)
        plan->settled_ns = now_ns;
    /* Until then an event may be told of whose recording would overlap with this one. */
    const int64_t wait_ns = camera->pre_ns + camera->decide_ns;
    const bool is_decided = atomic_load(&camera->progress_ns) >= plan->end_ns + wait_ns;
    const uint64_t patience_ns = PATIENCE_NS + (uint64_t)(camera->post_ns + wait_ns);
    const bool patient = plan->settled_ns == 0 || now_ns - plan->settled_ns < patience_ns;
    const bool has_epoch = camera->is_connected && camera->preroll.epoch == camera->epoch;
    if (plan->num_open == 0) {
        batch->is_done = (all_there && (is_decided || all_over)) || !patient;
    } else if (all_over) {
        batch->goes_on = camera->is_connected;
        batch->is_done = !patient || batch->is_evicted || batch->goes_on;
    } else {
        batch->is_done = batch->goes_on = all_there; /* the longest that may be */
    }
    batch->is_done |= stopping;
    batch->goes_on &= !stopping;
    batch->epoch = has_epoch ? camera->epoch : camera->epoch + 1;
    batch->is_cut = batch->is_done && (plan->num_open > 0 || batch->is_evicted);
}

/* Items of both streams by time, as far as they may be written. Locked. */
static void gather(struct tyto_record_camera *camera, bool stopping, struct batch *batch)
{
    bool is_final, over[TYTO_NUM_STREAMS] = {false}, reached[TYTO_NUM_STREAMS] = {false};
    const int64_t limit_ns = limit_of(camera, stopping, &is_final);
    while (batch->num < MAX_GATHER && batch->num_bytes < GATHER_BYTES) {
        const struct tyto_preroll_item *best = NULL;
        enum tyto_stream which = TYTO_STREAM_AUDIO;
        for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
            const struct tyto_preroll_item *item =
                next_of(camera, (enum tyto_stream)i, &over[i], batch);
            reached[i] = item && order_of(&item->coded) >= limit_ns;
            if (item && !reached[i] && (!best || order_of(&item->coded) < order_of(&best->coded))) {
                best = item;
                which = (enum tyto_stream)i;
            }
        }
        if (!best)
            break;
        take(camera, batch, which, best);
    }
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const int64_t newest_ns = tyto_preroll_newest_of_ns(&camera->preroll, (enum tyto_stream)i);
        batch->silent[i] = !over[i] && !reached[i] &&
                           tyto_preroll_newest_ns(&camera->preroll) - SILENT_NS > newest_ns;
    }
    if (batch->num == 0)
        judge_end(camera, is_final, over, reached, stopping, batch);
}

/* --- beginning a recording ---------------------------------------------------------------------
 */

static bool open_store(struct tyto_recorder *recorder)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (recorder->store)
        return true;
    if (now_ns < recorder->retry_ns)
        return false;
    struct tyto_fault fault = {0};
    const enum tyto_err err =
        tyto_clip_store_create(&recorder->store_params, &recorder->store, &fault);
    if (err) {
        if (!fault.text[0])
            snprintf(fault.text, sizeof(fault.text), "%s", tyto_err_text(err));
        tyto_record_tell_failure(recorder, &fault);
        return false;
    }
    atomic_store(&recorder->is_failing, false);
    return true;
}

/* Where in the pre-roll buffer it begins. Locked. False: not yet, or never. */
static bool find_begin(struct tyto_record_camera *camera,
                       struct tyto_coded ret_first[TYTO_NUM_STREAMS],
                       bool ret_has[TYTO_NUM_STREAMS])
{
    if (!tyto_preroll_find(&camera->preroll, camera->plans[0].min_epoch, camera->plans[0].begin_ns,
                           &camera->zero_ns, &camera->epoch, camera->numbers))
        return false;
    camera->last_ns = camera->zero_ns;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const struct tyto_preroll_item *item =
            tyto_preroll_get(&camera->preroll, (enum tyto_stream)i, camera->numbers[i]);
        ret_has[i] = item && item->epoch == camera->epoch;
        if (!ret_has[i])
            continue;
        ret_first[i] = item->coded;
        tyto_coded_ref(&item->coded);
    }
    return true;
}

static enum tyto_err reserve(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                             uint64_t num_bytes, struct tyto_fault *ret_fault)
{
    camera->num_used += num_bytes;
    if (camera->num_used <= camera->num_reserved)
        return TYTO_OK;
    const uint64_t missing = camera->num_used - camera->num_reserved;
    const enum tyto_err err = tyto_clip_store_reserve(recorder->store, missing, ret_fault);
    if (!err)
        camera->num_reserved += missing;
    return err;
}

static enum tyto_err create_clip(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                                 const struct tyto_coded first[TYTO_NUM_STREAMS],
                                 struct tyto_fault *ret_fault)
{
    char path[TYTO_CLIP_PATH_MAX];
    struct tyto_clip_params params = {.path = path, .zero_ns = camera->zero_ns};
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        params.first[i] = camera->has[i] ? &first[i] : NULL;
    enum tyto_err err = reserve(recorder, camera, FILE_OVERHEAD_BYTES, ret_fault);
    if (!err)
        err = tyto_clip_store_begin(recorder->store, camera->id, camera->plans[0].name, path,
                                    ret_fault);
    return !err ? tyto_clip_create(&params, &camera->clip, camera->has, ret_fault) : err;
}

/* False: there is nothing to write (yet). */
static bool begin(struct tyto_recorder *recorder, struct tyto_record_camera *camera, bool stopping)
{
    struct tyto_coded first[TYTO_NUM_STREAMS] = {{0}};
    if (!open_store(recorder)) {
        tyto_record_throw_away(recorder, camera);
        return false;
    }
    pthread_mutex_lock(&camera->lock);
    const bool found = find_begin(camera, first, camera->has);
    const uint64_t age_ns = tyto_clock_mono_ns() - camera->plans[0].made_ns;
    pthread_mutex_unlock(&camera->lock);
    struct tyto_fault fault = {0};
    enum tyto_err err = TYTO_OK;
    if (found)
        err = create_clip(recorder, camera, first, &fault);
    else if (stopping || age_ns > PATIENCE_NS)
        err = tyto_fault_set(&fault, TYTO_ERR_UNSUPPORTED, NULL, 0, camera->id,
                             "camera %s gives nothing coded that could be recorded", camera->id);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        tyto_coded_unref(&first[i]);
    if (err) {
        tyto_record_throw_away(recorder, camera);
        tyto_record_tell_failure(recorder, &fault);
    }
    return found && !err;
}

/* --- writing -------------------------------------------------------------------------------------
 */

/* What could not be pushed stays in the pre-roll buffer, and is not counted as used. */
static enum tyto_err push_all(struct tyto_record_camera *camera, struct batch *batch,
                              struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; i < batch->num; i++) {
        struct gathered *item = &batch->items[i];
        const uint64_t num_bytes = item->coded.num_bytes + ITEM_OVERHEAD_BYTES;
        if (!err)
            err = tyto_clip_push(camera->clip, item->stream, &item->coded, ret_fault);
        camera->num_pushed += !err ? item->coded.num_bytes : 0;
        if (err) {
            camera->numbers[item->stream]--;
            camera->num_used -= num_bytes;
        } else if (item->coded.pts_ns + item->coded.duration_ns > camera->last_ns) {
            camera->last_ns = item->coded.pts_ns + item->coded.duration_ns;
        }
        tyto_coded_unref(&item->coded);
    }
    for (int i = 0; !err && i < TYTO_NUM_STREAMS; i++) {
        if (batch->silent[i] && camera->has[i]) {
            tyto_clip_end_stream(camera->clip, (enum tyto_stream)i);
            camera->has[i] = false;
        }
    }
    return err;
}

/* Somebody has cleared the folder: what is written from here on nobody would find. The muxer writes
 * its file's beginning with the first piece. */
static bool is_removed(const struct tyto_recorder *recorder,
                       const struct tyto_record_camera *camera, const struct batch *batch)
{
    return batch->num > 0 &&
           !tyto_clip_store_has_part(recorder->store, camera->id, camera->plans[0].name);
}

/* Writes what the plan's time has come for. True: more may follow at once. */
static bool write_on(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                     struct batch *batch, bool stopping)
{
    struct tyto_fault fault = {0};
    pthread_mutex_lock(&camera->lock);
    gather(camera, stopping, batch);
    if (batch->is_done)
        tyto_record_close(camera, camera->last_ns, batch->goes_on, batch->epoch);
    pthread_mutex_unlock(&camera->lock);
    if (batch->num > 0 && reserve(recorder, camera, batch->num_bytes, &fault) != TYTO_OK) {
        /* What is written is kept. */
        for (uint32_t i = 0; i < batch->num; i++)
            tyto_coded_unref(&batch->items[i].coded);
        pthread_mutex_lock(&camera->lock);
        tyto_record_close(camera, camera->last_ns, false, 0);
        pthread_mutex_unlock(&camera->lock);
        tyto_record_finish(recorder, camera, true);
        tyto_record_tell_failure(recorder, &fault);
        return false;
    }
    enum tyto_err err = push_all(camera, batch, &fault);
    if (!err && is_removed(recorder, camera, batch))
        err = tyto_fault_set(&fault, TYTO_ERR_IO, NULL, 0, NULL,
                             "a recording was removed while it was written");
    if (err && err != TYTO_ERR_FULL) {
        pthread_mutex_lock(&camera->lock);
        tyto_record_close(camera, camera->last_ns, false, 0);
        pthread_mutex_unlock(&camera->lock);
        tyto_record_salvage(recorder, camera);
        tyto_record_tell_failure(recorder, &fault);
    } else if (batch->is_done) {
        tyto_record_finish(recorder, camera, batch->is_cut);
    }
    return !err && batch->num > 0;
}

static bool serve(struct tyto_recorder *recorder, struct tyto_record_camera *camera, bool stopping)
{
    static const struct batch none;
    pthread_mutex_lock(&camera->lock);
    const bool has_plan = camera->num_plans > 0;
    const bool is_retracted = has_plan && camera->plans[0].is_retracted;
    if (is_retracted)
        camera->plans[0].is_closed = true;
    pthread_mutex_unlock(&camera->lock);
    if (is_retracted)
        tyto_record_throw_away(recorder, camera);
    if (!has_plan || is_retracted || (!camera->clip && !begin(recorder, camera, stopping)))
        return false;
    struct batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return false;
    *batch = none;
    const bool more = write_on(recorder, camera, batch, stopping);
    free(batch);
    return more;
}

static bool wait_for_work(struct tyto_recorder *recorder, bool is_active)
{
    const uint64_t until_ns =
        tyto_clock_mono_ns() + (is_active ? BUSY_MS : IDLE_MS) * TYTO_NS_PER_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / TYTO_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % TYTO_NS_PER_S)};
    pthread_mutex_lock(&recorder->lock);
    while (!recorder->stop && (is_active || !recorder->has_work) &&
           pthread_cond_timedwait(&recorder->changed, &recorder->lock, &until) == 0)
        ;
    recorder->has_work = false;
    const bool stop = recorder->stop;
    pthread_mutex_unlock(&recorder->lock);
    return stop;
}

/* Links out those that are gone and have nothing left to be written. */
static void let_go(struct tyto_recorder *recorder)
{
    struct tyto_record_camera *gone = NULL;
    pthread_mutex_lock(&recorder->lock);
    for (struct tyto_record_camera **at = &recorder->cameras; *at;) {
        struct tyto_record_camera *camera = *at;
        pthread_mutex_lock(&camera->lock);
        const bool is_done = camera->is_gone && camera->num_plans == 0;
        pthread_mutex_unlock(&camera->lock);
        if (!is_done) {
            at = &camera->next;
            continue;
        }
        *at = camera->next;
        camera->next = gone;
        gone = camera;
    }
    pthread_mutex_unlock(&recorder->lock);
    while (gone) {
        struct tyto_record_camera *camera = gone;
        gone = camera->next;
        tyto_record_camera_unref(camera);
    }
}

static void take_limits(struct tyto_recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    const bool has_limits = recorder->has_limits;
    recorder->has_limits = false;
    if (has_limits)
        recorder->store_params = recorder->params.store;
    pthread_mutex_unlock(&recorder->lock);
    if (has_limits && recorder->store)
        tyto_clip_store_set_limits(recorder->store, &recorder->store_params);
}

static bool serve_all(struct tyto_recorder *recorder, bool stopping)
{
    bool is_active = false;
    pthread_mutex_lock(&recorder->lock);
    struct tyto_record_camera *camera = recorder->cameras;
    pthread_mutex_unlock(&recorder->lock);
    for (; camera; camera = camera->next) {
        while (serve(recorder, camera, stopping))
            atomic_fetch_add(&recorder->num_turns, 1);
        pthread_mutex_lock(&camera->lock);
        is_active |= camera->num_plans > 0;
        pthread_mutex_unlock(&camera->lock);
    }
    return is_active;
}

void *tyto_recorder_write(void *arg)
{
    struct tyto_recorder *recorder = arg;
    pthread_setname_np(pthread_self(), "tyto-record");
    (void)open_store(recorder); /* what is wrong with the folder shows at once */
    bool is_active = false, stop = false;
    while (!stop || is_active) {
        if (stop)
            usleep(STOP_US); /* a disk is waited for */
        stop = wait_for_work(recorder, is_active);
        take_limits(recorder);
        is_active = serve_all(recorder, stop);
        let_go(recorder);
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (atomic_load(&recorder->is_failing) && now_ns >= recorder->retry_ns) {
            if (recorder->store) /* the next event may try again */
                atomic_store(&recorder->is_failing, false);
            else
                (void)open_store(recorder);
        }
        if (recorder->store && now_ns >= recorder->expire_ns) {
            tyto_clip_store_expire(recorder->store, tyto_clock_boot_ns());
            recorder->expire_ns = now_ns + EXPIRE_NS;
        }
        tyto_record_tell_counts(recorder);
        atomic_fetch_add(&recorder->num_turns, 1);
    }
    pthread_mutex_lock(&recorder->lock);
    recorder->done = true;
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
    return NULL;
}
