/* SPDX-License-Identifier: MIT */
/* The inference thread: takes ready segments of all cameras, evaluates them in
 * batches, tells the trackers, and looks after comings and goings in between. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/engine/internal.h"

enum {
    LIVE_TICK_US = 20000, /* live sound comes in pieces of 20 ms or more */
    FILE_TICK_US = 1000,
    MAX_FAILURES = 3, /* batches in a row */
};

static void tell_input(const struct tyto_engine *engine, const struct tyto_camera *camera,
                       const struct tyto_segment *segment)
{
    const struct tyto_segment_input input = {
        .camera = camera->id,
        .begin_ns = segment->begin_ns,
        .end_ns = segment->end_ns,
        .pcm = segment->has_audio ? segment->pcm : NULL,
        .num_samples = segment->has_audio ? TYTO_SEGMENT_SAMPLES : 0,
        .frame = segment->has_video ? &segment->picture->frame : NULL,
    };
    engine->params.callbacks.on_input(engine->params.callbacks.user, &input);
}

/* What the camera's networks are not to have. */
static void take_away(const struct tyto_camera *camera, struct tyto_segment *segment)
{
    if (camera->is_deaf) {
        segment->has_audio = false;
        segment->audio_lack = TYTO_LACK_NO_STREAM;
    }
    if (camera->is_blind) {
        segment->has_video = false;
        segment->video_lack = TYTO_LACK_NO_STREAM;
    }
}

/* What the networks see of the segment: a copy with the camera's masks painted over, where it has
 * some. Nothing rather than what is to be hidden when there is no memory for one. */
static const struct tyto_frame *
seen_of(struct tyto_engine *engine, const struct tyto_camera *camera, struct tyto_segment *segment)
{
    struct tyto_masked *masked = &engine->masked[engine->num_batch];
    if (!segment->has_video)
        return NULL;
    if (camera->num_masks == 0)
        return &segment->picture->frame;
    if (tyto_masked_paint(masked, camera->masks, camera->num_masks, &segment->picture->frame) ==
        TYTO_OK)
        return &masked->frame;
    segment->has_video = false;
    segment->video_lack = TYTO_LACK_GAP;
    return NULL;
}

/* At most one segment of the camera into the batch. False when it has none now. */
static bool collect(struct tyto_engine *engine, struct tyto_camera *camera, uint64_t now_ns)
{
    struct tyto_batch_entry *entry = &engine->batch[engine->num_batch];
    const enum tyto_session_poll polled =
        tyto_session_poll(camera->session, now_ns, &entry->segment);
    camera->over = polled == TYTO_SESSION_OVER;
    if (polled != TYTO_SESSION_SEGMENT)
        return false;
    if (engine->params.callbacks.on_input)
        tell_input(engine, camera, &entry->segment);
    take_away(camera, &entry->segment);
    entry->camera = camera;
    entry->stepped = false;
    memset(entry->stamps, 0, sizeof(entry->stamps));
    entry->stamps[TYTO_STAGE_CAPTURE].in_ns = entry->segment.in_ns;
    entry->stamps[TYTO_STAGE_CAPTURE].out_ns = entry->segment.closed_ns;
    entry->stamps[TYTO_STAGE_SEGMENT].in_ns = entry->segment.closed_ns;
    struct tyto_network_item *item = &engine->items[engine->num_batch];
    float *pcm = engine->pcm + (size_t)engine->num_batch * TYTO_SEGMENT_SAMPLES;
    if (entry->segment.has_audio)
        memcpy(pcm, entry->segment.pcm, TYTO_SEGMENT_SAMPLES * sizeof(*pcm));
    *item = (struct tyto_network_item){
        .stream_idx = camera->stream_idx,
        .restart = entry->segment.restart || camera->restart,
        .pcm = entry->segment.has_audio ? pcm : NULL,
        .frame = seen_of(engine, camera, &entry->segment),
    };
    entry->segment.restart = item->restart;
    camera->restart = false;
    engine->num_batch++;
    entry->stamps[TYTO_STAGE_SEGMENT].out_ns = tyto_clock_mono_ns();
    return true;
}

static struct tyto_camera *after(struct tyto_camera *camera, struct tyto_camera *first)
{
    return camera->next ? camera->next : first;
}

/* One segment of each camera in turn, as long as there are any and the batch has
 * room; the next batch goes on where this one ended. Whoever got no place is fed
 * nevertheless: what its rings hold moves into its segmenter's larger window. */
static void collect_all(struct tyto_engine *engine, struct tyto_camera *first, uint64_t now_ns)
{
    struct tyto_camera *camera = first;
    uint32_t num_idle = 0, num_cameras = 0;
    for (struct tyto_camera *at = first; at; at = at->next) {
        at->polled = false;
        num_cameras++;
        if (at->stream_idx == engine->turn)
            camera = at;
    }
    while (num_idle < num_cameras && engine->num_batch < engine->params.max_batch) {
        camera->polled = true;
        num_idle = !camera->over && collect(engine, camera, now_ns) ? 0 : num_idle + 1;
        camera = after(camera, first);
    }
    if (camera)
        engine->turn = camera->stream_idx;
    for (camera = first; camera; camera = camera->next) {
        if (!camera->polled && !camera->over)
            tyto_session_feed(camera->session, now_ns);
    }
}

/* One step of the head: the first entry of each camera that has not had one. */
static enum tyto_err attend_round(struct tyto_engine *engine, uint32_t *ret_num)
{
    uint32_t num = 0;
    const uint32_t cap = engine->params.max_batch < engine->params.max_cameras
                             ? engine->params.max_batch
                             : engine->params.max_cameras;
    for (uint32_t i = 0; i < engine->num_batch && num < cap; i++) {
        if (engine->batch[i].stepped)
            continue;
        bool first = true;
        for (uint32_t j = 0; j < num && first; j++)
            first = engine->batch[engine->idxs[j]].camera != engine->batch[i].camera;
        if (first)
            engine->idxs[num++] = i;
    }
    *ret_num = num;
    if (num == 0)
        return TYTO_OK;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const enum tyto_err err =
        tyto_networks_attend(engine->networks, engine->idxs, num, engine->results);
    if (err)
        return err;
    const uint64_t end_ns = tyto_clock_mono_ns();
    atomic_fetch_add(&engine->num_turns, 1);
    for (uint32_t i = 0; i < num; i++) {
        struct tyto_batch_entry *entry = &engine->batch[engine->idxs[i]];
        entry->stepped = true;
        entry->stamps[TYTO_STAGE_ATTEND] = (struct tyto_stamp){begin_ns, end_ns};
        if (entry->segment.restart)
            tyto_camera_flush(entry->camera, &engine->context);
        const struct tyto_looked looked = {
            .sight = tyto_networks_sight(engine->networks, engine->idxs[i]),
            .embeddings = tyto_networks_embeddings(engine->networks, engine->idxs[i])};
        tyto_camera_observe(entry->camera, &engine->context, &entry->segment, &looked,
                            &engine->results[i], entry->stamps);
    }
    const uint64_t told_ns = tyto_clock_mono_ns();
    tyto_histogram_add(&engine->counts.stages[TYTO_STAGE_ATTEND], end_ns - begin_ns);
    tyto_histogram_add(&engine->counts.stages[TYTO_STAGE_TRACK], told_ns - end_ns);
    for (uint32_t i = 0; i < num; i++)
        tyto_histogram_add(&engine->counts.latency,
                           told_ns - engine->batch[engine->idxs[i]].segment.closed_ns);
    return TYTO_OK;
}

static enum tyto_err evaluate(struct tyto_engine *engine)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    enum tyto_err err = tyto_networks_encode(engine->networks, engine->items, engine->num_batch);
    const uint64_t end_ns = tyto_clock_mono_ns();
    atomic_fetch_add(&engine->num_turns, 1);
    for (uint32_t i = 0; i < engine->num_batch; i++)
        engine->batch[i].stamps[TYTO_STAGE_ENCODE] = (struct tyto_stamp){begin_ns, end_ns};
    uint32_t num = 1;
    while (!err && num > 0)
        err = attend_round(engine, &num);
    struct tyto_engine_counts *counts = &engine->counts;
    tyto_histogram_add(&counts->stages[TYTO_STAGE_ENCODE], end_ns - begin_ns);
    counts->num_steps++;
    counts->num_batch_items += engine->num_batch;
    if (engine->num_batch > counts->max_batch_seen)
        counts->max_batch_seen = engine->num_batch;
    for (uint32_t i = 0; i < engine->num_batch; i++) {
        const struct tyto_stamp *stamps = engine->batch[i].stamps;
        for (int s = TYTO_STAGE_CAPTURE; s <= TYTO_STAGE_SEGMENT; s++)
            tyto_histogram_add(&counts->stages[s], stamps[s].out_ns > stamps[s].in_ns
                                                       ? stamps[s].out_ns - stamps[s].in_ns
                                                       : 0);
        tyto_picture_unref(&engine->batch[i].segment.picture);
        counts->num_segments += engine->batch[i].stepped;
    }
    return err;
}

static void fail(struct tyto_engine *engine, enum tyto_err err)
{
    if (engine->failed)
        return;
    engine->failed = true;
    if (engine->params.callbacks.on_failure)
        engine->params.callbacks.on_failure(engine->params.callbacks.user, err);
}

static void run_batch(struct tyto_engine *engine)
{
    if (engine->num_batch == 0)
        return;
    if (engine->failed) { /* nothing to evaluate with: let the data go */
        for (uint32_t i = 0; i < engine->num_batch; i++)
            tyto_picture_unref(&engine->batch[i].segment.picture);
        engine->counts.num_given_up += engine->num_batch;
        return;
    }
    const enum tyto_err err = evaluate(engine);
    if (!err) {
        engine->num_failures = 0;
        return;
    }
    /* What was not stepped is lost: its cameras' windows begin anew. */
    for (uint32_t i = 0; i < engine->num_batch; i++) {
        if (engine->batch[i].stepped)
            continue;
        engine->batch[i].camera->restart = true;
        engine->counts.num_given_up++;
    }
    tyto_log_write(engine->params.log, TYTO_LOG_DEBUG, "pipeline", "a batch failed: %s",
                   tyto_err_text(err));
    const bool is_lost = tyto_engine_is_lost(err);
    const enum tyto_err then = is_lost ? tyto_engine_recover(engine, err) : err;
    if (then && (is_lost || ++engine->num_failures >= MAX_FAILURES))
        fail(engine, then);
}

/* After the batch: what a camera's session had to say besides segments. */
static void attend_camera(struct tyto_engine *engine, struct tyto_camera *camera)
{
    if (camera->over) {
        tyto_camera_flush(camera, &engine->context);
        tyto_tracker_end(camera->tracker, tyto_session_over_reason(camera->session));
        tyto_session_release(camera->session);
        camera->over = false;
        camera->restart = true;
    }
    struct tyto_camera_state state;
    if (tyto_session_take_state(camera->session, &state) && engine->params.callbacks.on_state)
        engine->params.callbacks.on_state(engine->params.callbacks.user, &state);
    struct tyto_camera_counts counts;
    tyto_session_get_counts(camera->session, &counts);
    camera->has_ended |= tyto_session_has_ended(camera->session);
    pthread_mutex_lock(&engine->lock);
    camera->counts = counts;
    pthread_mutex_unlock(&engine->lock);
}

/* Takes a camera out that was asked to go and is gone. */
static void reap(struct tyto_engine *engine, struct tyto_camera *camera)
{
    bool abandoned;
    if (!tyto_session_is_stopped(camera->session, &abandoned))
        return;
    tyto_camera_flush(camera, &engine->context);
    tyto_tracker_end(camera->tracker, TYTO_EVENT_REASON_SHUTDOWN);
    tyto_engine_forget_looker(engine, camera);
    pthread_mutex_lock(&engine->lock);
    for (struct tyto_camera **at = &engine->cameras; *at; at = &(*at)->next) {
        if (*at == camera) {
            *at = camera->next;
            break;
        }
    }
    engine->num_cameras--;
    engine->stream_used[camera->stream_idx] = false;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    struct tyto_camera_counts counts;
    tyto_session_get_counts(camera->session, &counts);
    engine->num_abandoned_before += counts.num_abandoned + abandoned;
    tyto_camera_destroy(&camera);
}

/* All cameras once. False when everything is over. */
static bool round_of_all(struct tyto_engine *engine, bool *ret_busy, bool *ret_any_file)
{
    pthread_mutex_lock(&engine->lock);
    /* Others only link in at the front: from here on the list is ours to walk. */
    struct tyto_camera *first = engine->cameras;
    const bool stop = engine->stop;
    pthread_mutex_unlock(&engine->lock);
    engine->num_batch = 0;
    engine->context.keeps_pictures = atomic_load(&engine->keeps_pictures);
    *ret_any_file = false;
    collect_all(engine, first, tyto_clock_mono_ns());
    *ret_busy = engine->num_batch > 0;
    run_batch(engine);
    tyto_engine_look(engine, first, tyto_clock_mono_ns());
    for (struct tyto_camera *camera = first, *next; camera; camera = next) {
        next = camera->next;
        attend_camera(engine, camera);
        *ret_any_file |= camera->is_file && !camera->has_ended;
        pthread_mutex_lock(&engine->lock);
        const bool removing = camera->removing;
        pthread_mutex_unlock(&engine->lock);
        if (removing)
            reap(engine, camera);
    }
    tyto_engine_take_turn(engine);
    return !(stop && !first);
}

/* Counts, and only with them which cameras have ended: who waits for the end finds all counted. */
static void publish_counts(struct tyto_engine *engine)
{
    bool any_ended = false;
    engine->counts.cpu_ns = tyto_clock_cpu_ns();
    engine->counts.num_hanging = tyto_source_num_hanging();
    engine->counts.num_abandoned = engine->num_abandoned_before;
    engine->counts.num_dropped = engine->counts.num_given_up;
    engine->counts.num_skipped = engine->counts.num_losses = 0;
    pthread_mutex_lock(&engine->lock);
    for (struct tyto_camera *camera = engine->cameras; camera; camera = camera->next) {
        const struct tyto_camera_counts *counts = &camera->counts;
        any_ended |= camera->has_ended && !camera->ended;
        camera->ended = camera->has_ended;
        engine->counts.num_abandoned += counts->num_abandoned;
        engine->counts.num_dropped +=
            counts->num_dropped_audio + counts->num_dropped_video + counts->segmenter.num_overrun;
        engine->counts.num_skipped += counts->num_skipped;
        engine->counts.num_losses += counts->num_losses;
    }
    engine->counts.num_cameras = engine->num_cameras;
    engine->published = engine->counts;
    if (any_ended)
        pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static enum tyto_err start(struct tyto_engine *engine)
{
    enum tyto_err err = tyto_engine_start_networks(engine);
    if (err)
        return err;
    const struct tyto_cman_dims *dims = engine->reader.dims;
    engine->context.reader = &engine->reader;
    engine->context.callbacks = &engine->params.callbacks;
    engine->context.num_classes = dims->num_classes;
    engine->context.look_ahead =
        dims->look_ahead < dims->num_segments ? dims->look_ahead : dims->num_segments - 1;
    err = tyto_engine_name_head(tyto_networks_cman(engine->networks), &engine->class_names,
                                &engine->thresholds, &engine->head);
    engine->context.class_names = engine->class_names;
    engine->counts.num_heads = 1;
    return err;
}

void *tyto_engine_infer(void *arg)
{
    struct tyto_engine *engine = arg;
    pthread_setname_np(pthread_self(), "tyto-infer");
    const enum tyto_err err = start(engine);
    pthread_mutex_lock(&engine->lock);
    engine->up = true;
    engine->start_err = err;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    bool going = !err;
    while (going) {
        bool busy, any_file;
        going = round_of_all(engine, &busy, &any_file);
        publish_counts(engine);
        atomic_fetch_add(&engine->num_turns, 1);
        if (!busy && going)
            usleep(any_file ? FILE_TICK_US : LIVE_TICK_US);
    }
    tyto_networks_destroy(&engine->networks);
    return NULL;
}
