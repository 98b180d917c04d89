/* SPDX-License-Identifier: MIT */
#include "trainer/data/ave/ave.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trainer/data/ave/internal.h"

enum { MAX_CLIPS = 1 << 20, MAX_SEGMENTS = 64 };

/* --- files --------------------------------------------------------------------------- */

/* Audio gives N, T and A; the visual file has to fit, and gives L and V. */
static enum tyto_err read_shape(struct tyto_ave_opening *opening)
{
    const struct tyto_hdf5 *audio = opening->ave->regular.audio;
    const struct tyto_hdf5 *visual = opening->ave->regular.visual;
    const struct tyto_hdf5_info *a = tyto_hdf5_get_info(audio), *v = tyto_hdf5_get_info(visual);
    if (a->num_dims != 3 || a->dims[0] > MAX_CLIPS || a->dims[1] > MAX_SEGMENTS ||
        a->dims[2] > (1 << 16))
        return tyto_ave_shape_fault(opening, audio, "(clips, 10, 128)");
    uint64_t num_places = 1;
    for (uint32_t i = 2; i + 1 < v->num_dims; i++)
        num_places *= v->dims[i] <= 4096 ? v->dims[i] : 4097;
    if (v->num_dims < 3 || v->num_dims > 5 || v->dims[0] != a->dims[0] ||
        v->dims[1] != a->dims[1] || num_places > 4096 || v->dims[v->num_dims - 1] > (1 << 16))
        return tyto_ave_shape_fault(
            opening, visual, "(clips, 10, 7, 7, 512) with as many clips and segments as the sound");
    opening->num_rows = (uint32_t)a->dims[0];
    opening->shape = (struct tyto_dataset_shape){.num_segments = (uint32_t)a->dims[1],
                                                 .audio_in = (uint32_t)a->dims[2],
                                                 .num_places = (uint32_t)num_places,
                                                 .visual_in = (uint32_t)v->dims[v->num_dims - 1]};
    return TYTO_OK;
}

/* Noisy features have the regular ones' shape but for their number. */
static enum tyto_err open_noisy(struct tyto_ave_opening *opening, uint32_t *ret_num)
{
    struct tyto_ave_features *noisy = &opening->ave->noisy;
    *ret_num = 0;
    if (!opening->params->with_noisy)
        return TYTO_OK;
    if (opening->params->split != TYTO_AVE_TRAIN)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "noisy clips are only for training");
    enum tyto_err err = tyto_ave_open_file(opening, NULL, "audio_feature_noisy.h5", &noisy->audio);
    if (!err)
        err = tyto_ave_open_file(opening, NULL, "visual_feature_noisy.h5", &noisy->visual);
    if (err)
        return err;
    const struct tyto_hdf5_info *audio = tyto_hdf5_get_info(opening->ave->regular.audio);
    const struct tyto_hdf5_info *visual = tyto_hdf5_get_info(opening->ave->regular.visual);
    uint64_t dims[2][TYTO_HDF5_MAX_DIMS];
    memcpy(dims[0], audio->dims, sizeof(dims[0]));
    memcpy(dims[1], visual->dims, sizeof(dims[1]));
    dims[0][0] = dims[1][0] = tyto_hdf5_get_info(noisy->audio)->dims[0];
    if (!tyto_ave_has_dims(noisy->audio, dims[0], audio->num_dims) || dims[0][0] > MAX_CLIPS)
        return tyto_ave_shape_fault(opening, noisy->audio,
                                    "that of audio_feature.h5 but for the clips");
    if (!tyto_ave_has_dims(noisy->visual, dims[1], visual->num_dims))
        return tyto_ave_shape_fault(
            opening, noisy->visual,
            "that of visual_feature.h5 with the clips of audio_feature_noisy.h5");
    *ret_num = (uint32_t)dims[0][0];
    return TYTO_OK;
}

/* --- which clips --------------------------------------------------------------------- */

static enum tyto_err check_order(const struct tyto_ave_opening *opening, const int64_t *order,
                                 uint32_t num, const char *name)
{
    bool *is_used = calloc(opening->num_rows, sizeof(*is_used));
    enum tyto_err err = is_used ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num && !err; i++) {
        const bool is_row = order[i] >= 0 && order[i] < opening->num_rows;
        if (!is_row || is_used[order[i]])
            err = tyto_fault_set(opening->fault, TYTO_ERR_FORMAT, name, 0, NULL,
                                 "entry %u is %lld, which %s: do the files belong together?", i,
                                 (long long)order[i],
                                 is_row ? "is there twice" : "is no row of the features");
        else
            is_used[order[i]] = true;
    }
    free(is_used);
    return err;
}

static enum tyto_err read_order(struct tyto_ave_opening *opening, uint32_t num_noisy)
{
    static const char *const names[] = {"train_order.h5", "val_order.h5", "test_order.h5"};
    struct tyto_ave *ave = opening->ave;
    struct tyto_hdf5 *file = NULL;
    int64_t *order = NULL;
    enum tyto_err err = TYTO_OK;
    const bool is_all = opening->params->split == TYTO_AVE_ALL;
    const char *name = is_all ? "" : names[opening->params->split];
    ave->num_regular = opening->num_rows;
    if (!is_all) {
        err = tyto_ave_open_file(opening, opening->params->order_path, name, &file);
        if (!err && (tyto_hdf5_get_info(file)->num_dims != 1 ||
                     tyto_hdf5_get_info(file)->dims[0] > opening->num_rows))
            err = tyto_ave_shape_fault(opening, file, "(clips of the split)");
        if (!err) {
            ave->num_regular = (uint32_t)tyto_hdf5_get_info(file)->dims[0];
            order = calloc(ave->num_regular, sizeof(*order));
            err = order ? tyto_hdf5_read_i64(file, 0, ave->num_regular, order, opening->fault)
                        : TYTO_ERR_NOMEM;
        }
        if (!err)
            err = check_order(opening, order, ave->num_regular, name);
    }
    opening->shape.num_clips = ave->num_regular + num_noisy;
    if (!err && !(ave->rows = calloc(opening->shape.num_clips, sizeof(*ave->rows))))
        err = TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < opening->shape.num_clips && !err; i++)
        ave->rows[i] = i >= ave->num_regular ? i - ave->num_regular
                       : is_all              ? i
                                             : (uint32_t)order[i];
    free(order);
    tyto_hdf5_close(&file);
    return err;
}

/* --- the data set -------------------------------------------------------------------- */

struct named_row {
    const char *id;
    uint32_t row;
};

static int compare_ids(const void *left, const void *right)
{
    const struct named_row *a = left, *b = right;
    const int order = strcmp(a->id, b->id);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

/* The group of each row: the first row of the same video. */
static enum tyto_err group_rows(const struct tyto_ave_opening *opening, uint32_t *ret_groups)
{
    const struct tyto_ave_rows *annotations = &opening->annotations;
    for (uint32_t i = 0; i < opening->num_rows; i++)
        ret_groups[i] = i;
    if (!annotations->num_rows)
        return TYTO_OK;
    struct named_row *named = calloc(opening->num_rows, sizeof(*named));
    if (!named)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < opening->num_rows; i++)
        named[i] = (struct named_row){.id = annotations->rows[i].id, .row = i};
    qsort(named, opening->num_rows, sizeof(*named), compare_ids);
    for (uint32_t i = 1; i < opening->num_rows; i++) {
        if (strcmp(named[i].id, named[i - 1].id) == 0)
            ret_groups[named[i].row] = ret_groups[named[i - 1].row];
    }
    free(named);
    return TYTO_OK;
}

static enum tyto_err fill_clip(struct tyto_ave_opening *opening, struct tyto_dataset *dataset,
                               const uint32_t *groups, uint32_t clip)
{
    const struct tyto_ave *ave = opening->ave;
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const size_t num_truth = (size_t)shape->num_segments * shape->num_classes;
    const uint32_t row = ave->rows[clip];
    const bool is_noisy = clip >= ave->num_regular;
    uint8_t *truth = dataset->truth + clip * num_truth;
    char name[96];
    enum tyto_err err = TYTO_OK;
    if (!is_noisy)
        err = tyto_ave_read_truth(opening, row, truth,
                                  dataset->clip_truth + (size_t)clip * shape->num_classes);
    if (err)
        return err;
    if (opening->params->is_weak)
        memset(truth, 0, num_truth);
    dataset->is_weak[clip] = opening->params->is_weak;
    dataset->groups[clip] = is_noisy ? opening->num_rows + row : groups[row];
    if (is_noisy || !opening->annotations.num_rows)
        snprintf(name, sizeof(name), "%s %u", is_noisy ? "noisy" : "row", row);
    else
        snprintf(name, sizeof(name), "%s", opening->annotations.rows[row].id);
    dataset->names[clip] = strdup(name);
    return dataset->names[clip] ? TYTO_OK : TYTO_ERR_NOMEM;
}

static enum tyto_err fill(struct tyto_ave_opening *opening, struct tyto_dataset *dataset)
{
    uint32_t *groups = calloc(opening->num_rows, sizeof(*groups));
    enum tyto_err err = groups ? group_rows(opening, groups) : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < dataset->shape.num_clips && !err; i++)
        err = fill_clip(opening, dataset, groups, i);
    if (!err)
        tyto_ave_name_classes(opening, dataset);
    free(groups);
    return err;
}

static bool all_finite(const float *values, size_t num)
{
    bool ok = true;
    for (size_t i = 0; i < num; i++)
        ok &= isfinite(values[i]) != 0;
    return ok;
}

static enum tyto_err ave_read(struct tyto_dataset *dataset, uint32_t clip,
                              const struct tyto_dataset_clip *ret_clip)
{
    const struct tyto_ave *ave = dataset->self;
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const struct tyto_ave_features *from = clip >= ave->num_regular ? &ave->noisy : &ave->regular;
    const size_t num_audio = (size_t)shape->num_segments * shape->audio_in;
    const size_t num_visual = (size_t)shape->num_segments * shape->num_places * shape->visual_in;
    enum tyto_err err = tyto_hdf5_read_f32(from->audio, ave->rows[clip], 1, ret_clip->audio, NULL);
    if (!err && ret_clip->visual)
        err = tyto_hdf5_read_f32(from->visual, ave->rows[clip], 1, ret_clip->visual, NULL);
    if (!err && (!all_finite(ret_clip->audio, num_audio) ||
                 (ret_clip->visual && !all_finite(ret_clip->visual, num_visual))))
        err = TYTO_ERR_FORMAT;
    for (uint32_t t = 0; t < shape->num_segments && !err; t++)
        ret_clip->has_audio[t] = ret_clip->has_visual[t] = true;
    return err;
}

static void ave_free(struct tyto_ave *ave)
{
    if (!ave)
        return;
    tyto_hdf5_close(&ave->regular.audio);
    tyto_hdf5_close(&ave->regular.visual);
    tyto_hdf5_close(&ave->noisy.audio);
    tyto_hdf5_close(&ave->noisy.visual);
    free(ave->rows);
    free(ave);
}

static void ave_destroy(struct tyto_dataset *dataset)
{
    ave_free(dataset->self);
}

enum tyto_err tyto_ave_open(const struct tyto_ave_params *params, struct tyto_dataset **ret_dataset,
                            struct tyto_fault *ret_fault)
{
    static const struct tyto_dataset_ops ops = {.read = ave_read, .destroy = ave_destroy};
    struct tyto_ave_opening opening = {
        .params = params, .fault = ret_fault, .ave = calloc(1, sizeof(*opening.ave))};
    struct tyto_dataset *dataset = NULL;
    uint32_t num_noisy = 0;
    if (!opening.ave)
        return TYTO_ERR_NOMEM;
    struct tyto_ave_features *regular = &opening.ave->regular;
    enum tyto_err err =
        tyto_ave_open_file(&opening, params->audio_path, "audio_feature.h5", &regular->audio);
    if (!err)
        err = tyto_ave_open_file(&opening, params->visual_path, "visual_feature.h5",
                                 &regular->visual);
    if (!err)
        err = read_shape(&opening);
    if (!err)
        err = open_noisy(&opening, &num_noisy);
    if (!err)
        err = read_order(&opening, num_noisy);
    if (!err)
        err = tyto_ave_open_labels(&opening);
    if (!err)
        err = tyto_dataset_create(&opening.shape, &dataset);
    if (!err)
        err = fill(&opening, dataset);
    tyto_ave_close_labels(&opening);
    if (err) {
        tyto_dataset_destroy(&dataset);
        ave_free(opening.ave);
        return err;
    }
    dataset->self = opening.ave;
    dataset->ops = &ops;
    *ret_dataset = dataset;
    return TYTO_OK;
}
