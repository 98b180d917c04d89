/* SPDX-License-Identifier: MIT */
#include "cli/train/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/common/fault.h"
#include "cli/common/media.h"
#include "trainer/data/ave/ave.h"
#include "trainer/data/dataset_cache.h"
#include "trainer/eval/locate.h"
#include "trainer/run/folds.h"

enum { MAX_SHOWN_FAULTS = 20 };

struct opening {
    const struct tyto_train_data_params *params;
    struct tyto_media_options media;
    uint32_t num_faults;
};

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    struct opening *opening = user;

    if (opening->num_faults++ < MAX_SHOWN_FAULTS)
        tyto_fault_list(is_error ? "" : "note: ", fault);
}

static void on_features(void *user, const struct tyto_features_progress *progress)
{
    struct opening *opening = user;
    char after[96];

    snprintf(after, sizeof(after), "%u of %u recordings, %.0f x real time", progress->num_done,
             progress->num_files, progress->took_s > 0 ? progress->done_s / progress->took_s : 0.0);
    tyto_progress_put(opening->params->progress, progress->done_s, progress->total_s, "features",
                      after);
}

static void on_media_fault(void *user, const struct tyto_fault *fault, bool is_left_out)
{
    struct opening *opening = user;

    tyto_progress_clear(opening->params->progress);
    tyto_fault_list(is_left_out ? "left out: " : "note: ", fault);
}

static bool should_stop(void *user)
{
    const struct opening *opening = user;

    return opening->params->should_stop(opening->params->user);
}

/* --- labels and recordings ------------------------------------------------------------------- */

static enum tyto_err read_labels(struct opening *opening, const struct tyto_texts *files,
                                 const char *media, struct tyto_labels *ret_labels)
{
    const struct tyto_labels_params params = {
        .paths = (const char *const *)files->texts,
        .num_paths = files->num,
        .media_dir = media,
        .needs_media = true,
        .user = opening,
        .on_fault = on_label_fault,
    };
    const enum tyto_err err = tyto_labels_read(&params, ret_labels);

    if (opening->num_faults > MAX_SHOWN_FAULTS)
        fprintf(stderr, "and %u more\n", opening->num_faults - MAX_SHOWN_FAULTS);
    if (err)
        fprintf(stderr, "tyto train: the labels cannot be used: %s (tyto label check shows all)\n",
                tyto_err_text(err));
    return err;
}

/* classes NULL: those of the labels. */
static enum tyto_err open_labelled(struct opening *opening, const struct tyto_texts *files,
                                   const char *media, const struct tyto_dataset *classes,
                                   struct tyto_dataset **ret_data)
{
    const struct tyto_run_options *o = opening->params->options;
    struct tyto_features_params features = {0};
    struct tyto_labels labels = {0};
    struct tyto_fault fault = {0};
    enum tyto_err err = tyto_media_options_get(&opening->media, &features, &fault);

    if (err) {
        tyto_fault_tell("train", &fault, err);
        return err;
    }
    features.taps_visual = o->tune_visual;
    features.user = opening;
    features.on_progress = on_features;
    features.on_fault = on_media_fault;
    features.should_stop = should_stop;
    err = read_labels(opening, files, media, &labels);
    if (err)
        return err;
    const struct tyto_dataset_cache_params params = {
        .labels = &labels,
        .features = &features,
        .num_segments = o->segments,
        .classes = classes ? (const char(*)[TYTO_DATASET_NAME_BYTES])classes->classes : NULL,
        .num_classes = classes ? classes->shape.num_classes : 0,
    };

    tyto_progress_restart(opening->params->progress);
    err = tyto_dataset_cache_open(&params, ret_data, &fault);
    tyto_progress_clear(opening->params->progress);
    if (err && err != TYTO_ERR_CLOSED)
        tyto_fault_tell("train", &fault, err);
    tyto_labels_finish(&labels);
    return err;
}

/* --- AVE ------------------------------------------------------------------------------------- */

/* Training and validation of the official splits. */
static enum tyto_err open_ave(const struct tyto_run_options *o, struct tyto_train_data *data)
{
    const bool is_weak = o->weak != TYTO_STEP_POOL_NONE || o->teacher;
    struct tyto_ave_params params = {.dir = o->ave, .split = TYTO_AVE_TRAIN, .is_weak = is_weak};
    struct tyto_fault fault = {0};
    char noisy[4096];
    enum tyto_err err = TYTO_OK;

    /* Clips whose picture and sound do not belong together, as the literature trains with. */
    snprintf(noisy, sizeof(noisy), "%s/visual_feature_noisy.h5", o->ave);
    params.with_noisy = is_weak && access(noisy, R_OK) == 0;
    err = tyto_ave_open(&params, &data->all, &fault);
    params.with_noisy = false;
    params.is_weak = false; /* measured by segments where these are known */
    params.split = TYTO_AVE_VAL;
    if (!err)
        err = tyto_ave_open(&params, &data->all_val, &fault);
    if (err)
        tyto_fault_tell("train", &fault, err);
    return err;
}

/* --- a teacher ------------------------------------------------------------------------------- */

static bool on_located(void *user, uint32_t num_done, uint32_t num_clips)
{
    struct opening *opening = user;

    tyto_progress_put(opening->params->progress, num_done, num_clips, "teacher", NULL);
    return !should_stop(opening);
}

static enum tyto_err ask_teacher(struct opening *opening, struct tyto_dataset *data)
{
    const struct tyto_predict_params how = {.user = opening, .on_progress = on_located};
    const char *teacher = opening->params->options->teacher;
    struct tyto_fault fault = {0};
    uint32_t num = 0;

    tyto_progress_restart(opening->params->progress);
    const enum tyto_err err = tyto_locate(teacher, opening->params->gpu, data, &how, &num, &fault);
    tyto_progress_clear(opening->params->progress);
    if (err && err != TYTO_ERR_CLOSED)
        tyto_fault_tell("train", &fault, err);
    else if (!err)
        printf("teacher: %s says when in %u of %u clips\n", teacher, num, data->shape.num_clips);
    return err;
}

/* --- splits ---------------------------------------------------------------------------------- */

/* Views of data->all: clips of fold fold_idx validate, or those with places[i] != 0. */
static enum tyto_err make_views(struct tyto_train_data *data, const uint32_t *folds, uint32_t val)
{
    const uint32_t num = data->all->shape.num_clips;
    uint32_t *clips = calloc(2 * (size_t)num, sizeof(*clips));
    uint32_t counts[2] = {0, 0};
    enum tyto_err err = clips ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t i = 0; i < num && !err; i++) {
        const size_t side = folds[i] == val;

        clips[side * num + counts[side]++] = i;
    }
    tyto_dataset_destroy(&data->train);
    tyto_dataset_destroy(&data->val);
    if (!err)
        err = tyto_dataset_view(data->all, clips, counts[0], &data->train);
    if (!err)
        err = tyto_dataset_view(data->all, clips + num, counts[1], &data->val);
    free(clips);
    return err;
}

enum tyto_err tyto_train_data_fold(struct tyto_train_data *data, uint32_t num_folds,
                                   uint32_t fold_idx, uint64_t seed)
{
    uint32_t *folds = calloc(data->all->shape.num_clips, sizeof(*folds));
    enum tyto_err err =
        folds ? tyto_folds_assign(data->all, num_folds, seed, folds) : TYTO_ERR_NOMEM;

    if (!err)
        err = make_views(data, folds, fold_idx);
    if (err)
        fprintf(stderr, "tyto train: --folds %u: %s\n", num_folds,
                err == TYTO_ERR_INVALID ? "there are fewer recordings" : tyto_err_text(err));
    free(folds);
    return err;
}

static enum tyto_err hold_out(struct tyto_train_data *data, float share, uint64_t seed)
{
    const uint32_t num = data->all->shape.num_clips;
    uint32_t *folds = calloc(num, sizeof(*folds));
    bool *is_val = calloc(num, sizeof(*is_val));
    enum tyto_err err =
        folds && is_val ? tyto_folds_hold_out(data->all, share, seed, is_val) : TYTO_ERR_NOMEM;

    for (uint32_t i = 0; i < num && !err; i++)
        folds[i] = is_val[i];
    if (!err)
        err = make_views(data, folds, 1);
    if (err)
        fprintf(stderr, "tyto train: --val-share %g: %s\n", (double)share,
                err == TYTO_ERR_INVALID
                    ? "one recording cannot be split: give --val-labels, or --val-share 0"
                    : tyto_err_text(err));
    free(folds);
    free(is_val);
    return err;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void print_data(const char *name, const struct tyto_dataset *data)
{
    uint64_t segments = 0;

    for (uint32_t i = 0; i < data->shape.num_clips; i++)
        segments += data->len[i];
    printf("%s: %u clips, %llu segments, %u classes\n", name, data->shape.num_clips,
           (unsigned long long)segments, data->shape.num_classes);
}

enum tyto_err tyto_train_data_open(const struct tyto_train_data_params *params,
                                   struct tyto_train_data *ret_data)
{
    const struct tyto_run_options *o = params->options;
    struct opening *opening = calloc(1, sizeof(*opening)); /* big: paths */
    struct tyto_train_data data = {0};
    enum tyto_err err = TYTO_ERR_NOMEM;

    if (!opening)
        return err;
    opening->params = params;
    opening->media.models_dir = o->models;
    opening->media.cache_dir = o->cache;
    opening->media.device = o->device;
    err =
        o->ave ? open_ave(o, &data) : open_labelled(opening, &o->labels, o->media, NULL, &data.all);
    if (!err && o->val_labels.num > 0)
        err = open_labelled(opening, &o->val_labels, o->val_media, data.all, &data.all_val);
    if (!err && o->teacher)
        err = ask_teacher(opening, data.all);
    if (!err && !data.all_val && o->folds == 0 && o->val_share > 0)
        err = hold_out(&data, o->val_share, o->seed);
    if (!err && !o->ave) {
        snprintf(data.visual_path, sizeof(data.visual_path), "%s", opening->media.paths.visual);
        snprintf(data.audio_path, sizeof(data.audio_path), "%s", opening->media.paths.audio);
    }
    free(opening);
    if (err) {
        tyto_train_data_close(&data);
        return err;
    }
    print_data("training", tyto_train_data_train(&data));
    if (tyto_train_data_val(&data))
        print_data("validation", tyto_train_data_val(&data));
    *ret_data = data;
    return TYTO_OK;
}

void tyto_train_data_close(struct tyto_train_data *data)
{
    tyto_dataset_destroy(&data->train);
    tyto_dataset_destroy(&data->val);
    tyto_dataset_destroy(&data->all);
    tyto_dataset_destroy(&data->all_val);
}

struct tyto_dataset *tyto_train_data_train(const struct tyto_train_data *data)
{
    return data->train ? data->train : data->all;
}

struct tyto_dataset *tyto_train_data_val(const struct tyto_train_data *data)
{
    return data->val ? data->val : data->all_val;
}
