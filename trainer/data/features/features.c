/* SPDX-License-Identifier: MIT */
#include "trainer/data/features/features.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/folder.h"
#include "files/safetensors.h"
#include "trainer/data/features/internal.h"

enum { MAX_BATCH = 256, DEFAULT_BATCH = 16, WAIT_MS = 100 };

/* --- creating ------------------------------------------------------------------------ */

static enum tyto_err digest_of(const char *path, char ret_hex[TYTO_DIGEST_HEX_BYTES],
                               struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = NULL;
    const enum tyto_err err = tyto_weights_open(path, &weights, ret_fault);
    if (!err)
        tyto_weights_digest(weights, ret_hex);
    tyto_weights_close(&weights);
    return err;
}

static enum tyto_err make_cache(const char *dir, struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_folder_make(dir, 0755);
    if (!err || err == TYTO_ERR_NOMEM)
        return err;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, dir, 0, NULL,
                          "the cache cannot be made there: %s",
                          err == TYTO_ERR_INVALID ? "it has no name" : strerror(errno));
}

static bool copy_text(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static enum tyto_err copy_params(struct tyto_features *features, const char *const *paths,
                                 uint32_t num_paths)
{
    struct tyto_features_params *params = &features->params;
    if (!copy_text(params->visual_path, &features->visual_path) ||
        !copy_text(params->audio_path, &features->audio_path) ||
        !copy_text(params->cache_dir, &features->cache_dir) ||
        !copy_text(params->device, &features->device))
        return TYTO_ERR_NOMEM;
    params->visual_path = features->visual_path;
    params->audio_path = features->audio_path;
    params->cache_dir = features->cache_dir;
    params->device = features->device;
    params->num_jobs = params->num_jobs ? params->num_jobs : TYTO_FEATURES_DEFAULT_JOBS;
    params->num_threads = params->num_threads ? params->num_threads : 1;
    params->max_batch = params->max_batch ? params->max_batch : DEFAULT_BATCH;
    params->segment_ns = params->segment_ns ? params->segment_ns : (int64_t)TYTO_NS_PER_S;
    features->recordings = calloc(num_paths + 1, sizeof(*features->recordings));
    if (!features->recordings)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num_paths; i++) {
        struct stat info;
        if (!copy_text(paths[i], &features->recordings[i].path))
            return TYTO_ERR_NOMEM;
        if (stat(paths[i], &info) == 0)
            features->recordings[i].num_bytes = (uint64_t)info.st_size;
        features->num_recordings = i + 1;
    }
    return TYTO_OK;
}

enum tyto_err tyto_features_create(const struct tyto_features_params *params,
                                   const char *const *paths, uint32_t num_paths,
                                   struct tyto_features **ret_features,
                                   struct tyto_fault *ret_fault)
{
    if (params->num_jobs > TYTO_FEATURES_MAX_JOBS || params->max_batch > MAX_BATCH ||
        !params->cache_dir || !params->visual_path || !params->audio_path)
        return TYTO_ERR_INVALID;
    struct tyto_features *features = calloc(1, sizeof(*features));
    if (!features)
        return TYTO_ERR_NOMEM;
    features->params = *params;
    enum tyto_err err = copy_params(features, paths, num_paths);
    if (!err)
        err = digest_of(params->visual_path, features->visual_digest, ret_fault);
    if (!err)
        err = digest_of(params->audio_path, features->audio_digest, ret_fault);
    if (!err)
        err = make_cache(params->cache_dir, ret_fault);
    if (err) {
        tyto_features_destroy(&features);
        return err;
    }
    *ret_features = features;
    return TYTO_OK;
}

void tyto_features_destroy(struct tyto_features **features)
{
    if (!features || !*features)
        return;
    struct tyto_features *f = *features;
    for (uint32_t i = 0; i < f->num_recordings; i++) {
        tyto_cache_writer_destroy(&f->recordings[i].writer);
        free(f->recordings[i].path);
        free(f->recordings[i].shard);
    }
    tyto_features_encoders_finish(&f->encoders);
    free(f->recordings);
    free(f->visual_path);
    free(f->audio_path);
    free(f->cache_dir);
    free(f->device);
    free(f);
    *features = NULL;
}

const char *tyto_features_shard(const struct tyto_features *features, uint32_t idx)
{
    const struct tyto_features_recording *recording = &features->recordings[idx];
    return idx < features->num_recordings && !recording->is_bad ? recording->shard : NULL;
}

const char *tyto_features_key(const struct tyto_features *features, uint32_t idx)
{
    return tyto_features_shard(features, idx) ? features->recordings[idx].key : NULL;
}

const char *tyto_features_audio_digest(const struct tyto_features *features)
{
    return features->audio_digest;
}

const char *tyto_features_visual_digest(const struct tyto_features *features)
{
    return features->visual_digest;
}

/* --- running ---------------------------------------------------------------------------- */

struct run {
    struct tyto_features *features;
    struct tyto_features_progress progress;
    struct tyto_fault *ret_fault;
    uint64_t begin_ns;
    uint64_t bytes_left, bytes_encoded; /* of recordings: not known yet or in work; encoded */
    struct tyto_features_item *batch;
    uint32_t num_batch; /* segments that wait */
};

static void tell(struct run *run)
{
    const struct tyto_features_params *params = &run->features->params;
    struct tyto_features_progress *progress = &run->progress;
    progress->took_s = (double)(tyto_clock_mono_ns() - run->begin_ns) / 1e9;
    progress->total_s = progress->done_s;
    if (run->bytes_encoded > 0)
        progress->total_s +=
            progress->done_s / (double)run->bytes_encoded * (double)run->bytes_left;
    if (params->on_progress)
        params->on_progress(params->user, progress);
}

/* Encodes the segments that wait and writes them where they belong. */
static enum tyto_err encode_batch(struct run *run)
{
    struct tyto_features *features = run->features;
    struct tyto_features_encoders *encoders = &features->encoders;
    const struct tyto_source_segment *segments[MAX_BATCH];
    enum tyto_err err = TYTO_OK;
    if (run->num_batch == 0)
        return TYTO_OK;
    if (!encoders->visual)
        err = tyto_features_encoders_create(&features->params, encoders, run->ret_fault);
    for (uint32_t i = 0; i < run->num_batch; i++)
        segments[i] = &run->batch[i].segment;
    if (!err) {
        err = tyto_features_encode(encoders, segments, run->num_batch);
        if (err)
            tyto_fault_set(run->ret_fault, err, NULL, 0, NULL, "encoding failed: %s",
                           tyto_err_text(err));
    }
    const size_t num_visual = (size_t)encoders->shape.num_places * encoders->shape.visual_in;
    for (uint32_t i = 0; !err && i < run->num_batch; i++) {
        struct tyto_features_recording *recording =
            &features->recordings[run->batch[i].recording_idx];
        if (!recording->writer)
            err = tyto_cache_writer_create(recording->shard, recording->key, &encoders->shape,
                                           &recording->writer, run->ret_fault);
        if (err)
            break;
        const float *audio = encoders->audio_rows + i * encoders->shape.audio_in;
        const float *visual = encoders->visual_rows + i * num_visual;
        err = tyto_cache_writer_put(recording->writer, segments[i]->pcm ? audio : NULL,
                                    segments[i]->has_picture ? visual : NULL);
        if (err)
            tyto_fault_set(run->ret_fault, err, features->cache_dir, 0, NULL,
                           "the cache cannot be written: %s", strerror(errno));
    }
    for (uint32_t i = 0; i < run->num_batch; i++)
        tyto_features_item_finish(&run->batch[i]);
    run->progress.done_s += (double)run->num_batch * (double)features->params.segment_ns / 1e9;
    run->num_batch = 0;
    tell(run);
    return err;
}

static void tell_fault(struct run *run, const struct tyto_fault *fault, bool is_left_out)
{
    const struct tyto_features_params *params = &run->features->params;
    if (fault && params->on_fault)
        params->on_fault(params->user, fault, is_left_out);
}

static enum tyto_err end_recording(struct run *run, struct tyto_features_item *item)
{
    struct tyto_features *features = run->features;
    struct tyto_features_recording *recording = &features->recordings[item->recording_idx];
    enum tyto_err err = TYTO_OK;
    if (item->news != TYTO_FEATURES_CACHED)
        err = encode_batch(run);
    run->progress.num_done++;
    run->bytes_left -= recording->num_bytes;
    if (item->news != TYTO_FEATURES_BAD && item->fault) {
        run->progress.num_part++;
        tell_fault(run, item->fault, false);
    }
    if (item->news == TYTO_FEATURES_CACHED) {
        run->progress.num_cached++;
    } else if (item->news == TYTO_FEATURES_BAD || (!err && !recording->writer)) {
        recording->is_bad = true;
        run->progress.num_bad++;
        tyto_cache_writer_destroy(&recording->writer);
        tell_fault(run, item->fault, true);
    } else if (!err) {
        err = tyto_cache_writer_commit(&recording->writer, run->ret_fault);
        run->bytes_encoded += recording->num_bytes;
    }
    tyto_features_item_finish(item);
    tell(run);
    return err;
}

static enum tyto_err take_items(struct run *run)
{
    struct tyto_features *features = run->features;
    const struct tyto_features_params *params = &features->params;
    while (run->progress.num_done < run->progress.num_files) {
        struct tyto_features_item item;
        if (params->should_stop && params->should_stop(params->user))
            return TYTO_ERR_CLOSED;
        enum tyto_err err = tyto_features_queue_pop(features->queue, WAIT_MS, &item);
        if (err == TYTO_ERR_EMPTY) {
            tell(run);
            continue;
        }
        if (item.news == TYTO_FEATURES_SEGMENT) {
            run->batch[run->num_batch++] = item;
            err = run->num_batch == params->max_batch ? encode_batch(run) : TYTO_OK;
        } else {
            err = end_recording(run, &item);
        }
        if (err)
            return err;
    }
    return TYTO_OK;
}

static enum tyto_err run_threads(struct run *run)
{
    struct tyto_features *features = run->features;
    pthread_t threads[TYTO_FEATURES_MAX_JOBS];
    uint32_t num_threads = 0, num_jobs = features->params.num_jobs;
    enum tyto_err err = TYTO_OK;
    if (num_jobs > features->num_recordings)
        num_jobs = features->num_recordings;
    while (num_threads < num_jobs &&
           pthread_create(&threads[num_threads], NULL, tyto_features_decode, features) == 0)
        num_threads++;
    if (num_threads == 0 && num_jobs > 0)
        err = TYTO_ERR_NOMEM;
    if (!err)
        err = take_items(run);
    tyto_features_queue_close(features->queue);
    for (uint32_t i = 0; i < num_threads; i++)
        pthread_join(threads[i], NULL);
    return err;
}

enum tyto_err tyto_features_run(struct tyto_features *features,
                                struct tyto_features_progress *ret_progress,
                                struct tyto_fault *ret_fault)
{
    struct run run = {
        .features = features,
        .progress = {.num_files = features->num_recordings},
        .ret_fault = ret_fault,
        .begin_ns = tyto_clock_mono_ns(),
    };
    atomic_store(&features->next_recording, 0);
    for (uint32_t i = 0; i < features->num_recordings; i++) {
        run.bytes_left += features->recordings[i].num_bytes;
        free(features->recordings[i].shard);
        features->recordings[i].shard = NULL;
        features->recordings[i].is_bad = false;
    }
    run.batch = calloc(features->params.max_batch, sizeof(*run.batch));
    enum tyto_err err = run.batch ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_features_queue_create(features->params.max_batch, &features->queue);
    if (!err)
        err = run_threads(&run);
    for (uint32_t i = 0; i < run.num_batch; i++)
        tyto_features_item_finish(&run.batch[i]);
    for (uint32_t i = 0; i < features->num_recordings; i++)
        tyto_cache_writer_destroy(&features->recordings[i].writer);
    tyto_features_queue_destroy(&features->queue);
    tyto_features_encoders_finish(&features->encoders);
    free(run.batch);
    if (ret_progress)
        *ret_progress = run.progress;
    return err;
}
