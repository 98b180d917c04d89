/* SPDX-License-Identifier: MIT */
/* Threads take clips in order; what they write down is put together at the end, in order. */
#include "trainer/compose/compose.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "files/replace.h"
#include "trainer/compose/clip.h"
#include "trainer/compose/sheet.h"
#include "trainer/compose/truth.h"

enum { MAX_PATH = 4000, MAX_JOBS = 64, MAX_CLIPS = 999999, FILE_NAME_BYTES = 24 };

struct job {
    const struct tyto_compose_params *params;
    struct tyto_compose_truth *truths; /* (num_clips) */
    uint8_t (*kinds)[TYTO_COMPOSE_MAX_ACTS];
    struct tyto_compose_sheet *sheet;
    atomic_uint *uses; /* of entries */
    uint32_t num_acts; /* a clip */
    atomic_uint next, num_done;
    atomic_bool has_failed;
    pthread_mutex_t mutex; /* guards err, fault, condition */
    pthread_cond_t condition;
    uint32_t num_running;
    enum tyto_err err;
    struct tyto_fault fault;
};

static void name_clip(uint32_t clip, char name[FILE_NAME_BYTES])
{
    snprintf(name, FILE_NAME_BYTES, "clip-%06u.mp4", clip + 1);
}

/* --- one clip ----------------------------------------------------------------------------------
 */

static void count_uses(struct job *job, const struct tyto_compose_scene *scene)
{
    for (uint32_t i = 0; i < scene->num_objects; i++)
        atomic_fetch_add(&job->uses[scene->objects[i].entry_idx], 1);
    for (uint32_t i = 0; i < scene->num_sounds; i++)
        atomic_fetch_add(&job->uses[scene->sounds[i].entry_idx], 1);
    for (uint32_t i = 0; i < scene->num_babble; i++)
        atomic_fetch_add(&job->uses[scene->babble[i]], 1);
    for (uint32_t i = 0; i < scene->num_acts; i++) {
        if (scene->acts[i].place_idx != TYTO_COMPOSE_NO_ENTRY)
            atomic_fetch_add(&job->uses[scene->acts[i].place_idx], 1);
    }
}

struct shown {
    struct job *job;
    uint32_t clip;
};

static void show_frame(void *user, uint32_t frame, uint32_t num_frames, const uint8_t *i420)
{
    const struct shown *shown = user;
    tyto_compose_sheet_put_frame(shown->job->sheet, shown->clip, frame, num_frames, i420);
}

static enum tyto_err make_clip(struct job *job, uint32_t clip, struct tyto_compose_scene *scene,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_compose_params *params = job->params;
    char path[MAX_PATH + FILE_NAME_BYTES + 2], name[FILE_NAME_BYTES];
    float gain = 1;
    name_clip(clip, name);
    snprintf(path, sizeof(path), "%s/%s", params->folder, name);
    enum tyto_err err = tyto_compose_scene_init(scene, params->options, params->assets, clip);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "options are out of range");
    struct shown shown = {job, clip};
    const struct tyto_compose_clip_params clip_params = {
        .options = params->options,
        .pictures = tyto_compose_pictures_of(params->assets),
        .sounds = tyto_compose_sounds_of(params->assets),
        .path = path,
        .user = &shown,
        .on_frame = clip < params->num_shown ? show_frame : NULL,
    };
    err = tyto_compose_clip_make(scene, &clip_params, &gain, ret_fault);
    if (!err)
        err = tyto_compose_truth_make(scene, params->options, params->assets, name, gain,
                                      &job->truths[clip]);
    if (err)
        return err;
    for (uint32_t i = 0; i < scene->num_acts; i++)
        job->kinds[clip][i] = (uint8_t)scene->acts[i].kind;
    count_uses(job, scene);
    if (clip < params->num_shown)
        tyto_compose_sheet_put_scene(job->sheet, clip, name, scene, params->assets);
    return TYTO_OK;
}

static bool goes_on(const struct job *job)
{
    return !atomic_load(&job->has_failed) && !(job->params->stop && atomic_load(job->params->stop));
}

static void *work(void *user)
{
    struct job *job = user;
    struct tyto_compose_scene *scene = malloc(sizeof(*scene));
    struct tyto_fault fault = {0};
    enum tyto_err err = scene ? TYTO_OK : TYTO_ERR_NOMEM;
    while (!err && goes_on(job)) {
        const uint32_t clip = atomic_fetch_add(&job->next, 1);
        if (clip >= job->params->num_clips)
            break;
        err = make_clip(job, clip, scene, &fault);
        if (!err)
            atomic_fetch_add(&job->num_done, 1);
    }
    free(scene);
    pthread_mutex_lock(&job->mutex);
    if (err && !job->err) {
        job->err = err;
        job->fault = fault;
        atomic_store(&job->has_failed, true);
    }
    job->num_running--;
    pthread_cond_signal(&job->condition);
    pthread_mutex_unlock(&job->mutex);
    return NULL;
}

static void run_jobs(struct job *job)
{
    const struct tyto_compose_params *params = job->params;
    pthread_t threads[MAX_JOBS];
    uint32_t num = 0;
    const uint32_t wanted =
        params->num_jobs < params->num_clips ? params->num_jobs : params->num_clips;
    job->num_running = wanted;
    while (num < wanted && pthread_create(&threads[num], NULL, work, job) == 0)
        num++;
    pthread_mutex_lock(&job->mutex);
    job->num_running -= wanted - num;
    if (num == 0)
        job->err = TYTO_ERR_NOMEM;
    while (job->num_running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 200000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&job->condition, &job->mutex, &until);
        pthread_mutex_unlock(&job->mutex);
        if (params->on_progress)
            params->on_progress(params->user, atomic_load(&job->num_done));
        pthread_mutex_lock(&job->mutex);
    }
    pthread_mutex_unlock(&job->mutex);
    for (uint32_t i = 0; i < num; i++)
        pthread_join(threads[i], NULL);
}

/* --- the folder ----------------------------------------------------------------------------------
 */

static bool is_clip_name(const char *name)
{
    return strncmp(name, "clip-", 5) == 0 && strspn(name + 5, "0123456789") == 6 &&
           (strcmp(name + 11, ".mp4") == 0 || strcmp(name + 11, ".mp4.part") == 0);
}

static enum tyto_err fail_io(const struct tyto_compose_params *params, const char *name,
                             struct tyto_fault *ret_fault)
{
    char path[256];
    snprintf(path, sizeof(path), "%.200s%s%.40s", params->folder, name[0] ? "/" : "", name);
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "cannot be written: %s",
                          strerror(errno));
}

static enum tyto_err prepare_folder(const struct tyto_compose_params *params,
                                    struct tyto_fault *ret_fault)
{
    char path[MAX_PATH + 280];
    if (tyto_folder_make(params->folder, 0777))
        return fail_io(params, "", ret_fault);
    snprintf(path, sizeof(path), "%s/labels.csv", params->folder);
    if (access(path, F_OK) == 0 && !params->replaces)
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, path, 0, NULL,
                              "is there already: name another folder, or replace it (--force)");
    DIR *dir = opendir(params->folder);
    if (!dir)
        return fail_io(params, "", ret_fault);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", params->folder, entry->d_name);
        if (is_clip_name(entry->d_name) && params->replaces && unlink(path) != 0) {
            closedir(dir);
            return fail_io(params, entry->d_name, ret_fault);
        }
    }
    closedir(dir);
    return TYTO_OK;
}

/* A text file that appears whole. */
struct text_file {
    struct tyto_replace *replace;
    FILE *file;
    const char *name;
};

static enum tyto_err text_open(const struct tyto_compose_params *params, const char *name,
                               struct text_file *text, struct tyto_fault *ret_fault)
{
    char path[MAX_PATH + 40];
    *text = (struct text_file){.name = name};
    snprintf(path, sizeof(path), "%s/%s", params->folder, name);
    const enum tyto_err err = tyto_replace_begin(path, 0666, &text->replace);
    if (err)
        return err == TYTO_ERR_IO ? fail_io(params, name, ret_fault) : err;
    text->file = tyto_replace_file(text->replace);
    if (text->file)
        return TYTO_OK;
    tyto_replace_abandon(&text->replace);
    return TYTO_ERR_NOMEM;
}

static enum tyto_err text_close(const struct tyto_compose_params *params, struct text_file *text,
                                struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_replace_commit(&text->replace);
    return err == TYTO_ERR_IO ? fail_io(params, text->name, ret_fault) : err;
}

static void put_sources(const struct job *job, FILE *file)
{
    const struct tyto_compose_assets *assets = job->params->assets;
    fputs("path,kind,class,uses,source\n", file);
    for (uint32_t i = 0; i < assets->num_entries; i++) {
        const struct tyto_compose_entry *entry = &assets->entries[i];
        const unsigned uses = atomic_load(&job->uses[i]);
        if (uses == 0)
            continue;
        tyto_text_csv_put(file, entry->name);
        fprintf(file, ",%s,%s,%u,", entry->is_audio ? "audio" : "image",
                assets->classes[entry->class_idx].name, uses);
        tyto_text_csv_put(file, entry->source);
        fputc('\n', file);
    }
}

static enum tyto_err write_sheet(struct job *job, struct tyto_fault *ret_fault)
{
    char path[MAX_PATH + 40];
    snprintf(path, sizeof(path), "%s/sheet.html", job->params->folder);
    return job->params->num_shown > 0 ? tyto_compose_sheet_write(job->sheet, path, ret_fault)
                                      : TYTO_OK;
}

static enum tyto_err write_texts(struct job *job, uint32_t num_clips, struct tyto_fault *ret_fault)
{
    static const char *const names[] = {"scene.jsonl", "Annotations.txt", "sources.csv",
                                        "compose.json", "labels.csv"};
    const struct tyto_compose_params *params = job->params;
    enum tyto_err err = write_sheet(job, ret_fault);
    for (int n = 0; !err && n < 5; n++) { /* the labels last: now it is a data set */
        struct text_file text;
        char *options = NULL;
        err = text_open(params, names[n], &text, ret_fault);
        if (err)
            break;
        if (n == 4)
            fputs("file,class,begin_s,end_s,modality\n", text.file);
        if (n == 1)
            fputs("Category&VideoID&Quality&StartTime&EndTime\n", text.file);
        for (uint32_t i = 0; i < num_clips && (n < 2 || n == 4); i++) {
            const struct tyto_compose_truth *truth = &job->truths[i];
            fprintf(text.file, n == 0 ? "%s\n" : "%s",
                    n == 0   ? truth->scene
                    : n == 1 ? truth->annotation
                             : truth->labels);
        }
        if (n == 2)
            put_sources(job, text.file);
        if (n == 3) {
            options = tyto_compose_options_print(params->options, params->assets, params->manifest,
                                                 params->split, num_clips);
            fprintf(text.file, "%s\n", options ? options : "");
            free(options);
        }
        err = text_close(params, &text, ret_fault);
    }
    return err;
}

/* --- all -----------------------------------------------------------------------------------------
 */

static void job_finish(struct job *job)
{
    for (uint32_t i = 0; job->truths && i < job->params->num_clips; i++)
        tyto_compose_truth_finish(&job->truths[i]);
    tyto_compose_sheet_destroy(&job->sheet);
    free(job->truths);
    free(job->kinds);
    free(job->uses);
    pthread_cond_destroy(&job->condition);
    pthread_mutex_destroy(&job->mutex);
}

static void sum_up(const struct job *job, struct tyto_compose_result *ret_result)
{
    *ret_result = (struct tyto_compose_result){.num_clips = atomic_load(&job->num_done)};
    ret_result->was_stopped = ret_result->num_clips < job->params->num_clips;
    for (uint32_t i = 0; i < ret_result->num_clips; i++) {
        ret_result->num_labels += job->truths[i].num_labels;
        for (uint32_t a = 0; a < job->num_acts; a++)
            ret_result->num_acts[job->kinds[i][a]]++;
    }
}

enum tyto_err tyto_compose(const struct tyto_compose_params *params,
                           struct tyto_compose_result *ret_result, struct tyto_fault *ret_fault)
{
    struct tyto_compose_scene *first = malloc(sizeof(*first));
    if (!first)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = tyto_compose_scene_init(first, params->options, params->assets, 0);
    const uint32_t num_acts = first->num_acts;
    free(first);
    if (err || params->num_clips == 0 || params->num_clips > MAX_CLIPS || params->num_jobs == 0 ||
        params->num_jobs > MAX_JOBS || strlen(params->folder) > MAX_PATH)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "options are out of range");
    struct job job = {.params = params, .num_acts = num_acts};
    pthread_mutex_init(&job.mutex, NULL);
    pthread_cond_init(&job.condition, NULL);
    job.truths = calloc(params->num_clips, sizeof(*job.truths));
    job.kinds = calloc(params->num_clips, sizeof(*job.kinds));
    job.uses = calloc(params->assets->num_entries + 1, sizeof(*job.uses));
    err = job.truths && job.kinds && job.uses ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_compose_sheet_create(params->options, params->num_shown, &job.sheet);
    if (!err)
        err = prepare_folder(params, ret_fault);
    if (!err) {
        run_jobs(&job);
        err = job.err;
        if (err && ret_fault)
            *ret_fault = job.fault;
    }
    if (!err)
        err = write_texts(&job, atomic_load(&job.num_done), ret_fault);
    if (!err)
        sum_up(&job, ret_result);
    job_finish(&job);
    return err;
}
