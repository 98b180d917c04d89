/* SPDX-License-Identifier: MIT */
#include "trainer/data/ave.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trainer/data/hdf5_file.h"

enum { MAX_CLIPS = 1 << 20, MAX_SEGMENTS = 64, MAX_CLASSES = 1024 };

/* In the order of mil_labels.h5, which is that of first mention in Annotations.txt. */
static const char *const official_classes[] = {
    "church_bell",
    "male_speech_man_speaking",
    "bark",
    "fixed-wing_aircraft_airplane",
    "race_car_auto_racing",
    "female_speech_woman_speaking",
    "helicopter",
    "violin_fiddle",
    "flute",
    "ukulele",
    "frying_food",
    "truck",
    "shofar",
    "motorcycle",
    "acoustic_guitar",
    "train_horn",
    "clock",
    "banjo",
    "goat",
    "baby_cry_infant_cry",
    "bus",
    "chainsaw",
    "cat",
    "horse",
    "toilet_flush",
    "rodents_rats_mice",
    "accordion",
    "mandolin",
};

enum { NUM_OFFICIAL = sizeof(official_classes) / sizeof(official_classes[0]) };

/* Features of one kind of clip. */
struct features {
    struct tyto_hdf5 *audio, *visual;
};

struct ave {
    struct features regular, noisy;
    uint32_t num_regular; /* clips; noisy ones come behind */
    uint32_t *rows;       /* owned, (clips): in the files */
};

/* What is open only while the data set is made. */
struct opening {
    const struct tyto_ave_params *params;
    struct tyto_fault *fault;
    struct ave *ave;
    struct tyto_hdf5 *labels, *closs, *mil; /* NULL: not there */
    struct tyto_ave_rows annotations;       /* no rows: not there */
    struct tyto_dataset_shape shape;
    uint32_t num_rows; /* N */
    float *values;     /* owned: a row of labels */
};

/* --- files ---------------------------------------------------------------------------------------
 */

static enum tyto_err make_path(const struct opening *opening, const char *given, const char *name,
                               char ret_path[PATH_MAX])
{
    const char *dir = opening->params->dir;
    if (!given && !dir)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, name,
                              "neither the file nor its folder is named");
    const int num = given ? snprintf(ret_path, PATH_MAX, "%s", given)
                          : snprintf(ret_path, PATH_MAX, "%s/%s", dir, name);
    if (num >= PATH_MAX)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, name,
                              "its path is too long");
    return TYTO_OK;
}

static enum tyto_err open_file(const struct opening *opening, const char *given, const char *name,
                               struct tyto_hdf5 **ret_hdf5)
{
    char path[PATH_MAX];
    const enum tyto_err err = make_path(opening, given, name, path);
    return err ? err : tyto_hdf5_open(path, NULL, ret_hdf5, opening->fault);
}

/* Of a file that may be absent, unless it was named. */
static bool is_there(const struct opening *opening, const char *given, const char *name)
{
    char path[PATH_MAX];
    return given || (opening->params->dir && make_path(opening, NULL, name, path) == TYTO_OK &&
                     access(path, F_OK) == 0);
}

static enum tyto_err open_optional(const struct opening *opening, const char *given,
                                   const char *name, struct tyto_hdf5 **ret_hdf5)
{
    return is_there(opening, given, name) ? open_file(opening, given, name, ret_hdf5) : TYTO_OK;
}

static enum tyto_err shape_fault(const struct opening *opening, const struct tyto_hdf5 *hdf5,
                                 const char *wanted)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    char dims[160] = "";
    for (uint32_t i = 0; i < info->num_dims; i++)
        snprintf(dims + strlen(dims), sizeof(dims) - strlen(dims), "%s%llu", i ? ", " : "",
                 (unsigned long long)info->dims[i]);
    return tyto_fault_set(opening->fault, TYTO_ERR_SHAPE, tyto_hdf5_get_path(hdf5), 0, info->name,
                          "its shape is (%s), not %s: do the files belong together?", dims, wanted);
}

/* dims[0..num) of the dataset, and no further ones. */
static bool has_dims(const struct tyto_hdf5 *hdf5, const uint64_t *dims, uint32_t num)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    bool ok = info->num_dims == num;
    for (uint32_t i = 0; i < num && ok; i++)
        ok = info->dims[i] == dims[i];
    return ok;
}

/* Audio gives N, T and A; the visual file has to fit, and gives L and V. */
static enum tyto_err read_shape(struct opening *opening)
{
    const struct tyto_hdf5 *audio = opening->ave->regular.audio;
    const struct tyto_hdf5 *visual = opening->ave->regular.visual;
    const struct tyto_hdf5_info *a = tyto_hdf5_get_info(audio), *v = tyto_hdf5_get_info(visual);
    if (a->num_dims != 3 || a->dims[0] > MAX_CLIPS || a->dims[1] > MAX_SEGMENTS ||
        a->dims[2] > (1 << 16))
        return shape_fault(opening, audio, "(clips, 10, 128)");
    uint64_t num_places = 1;
    for (uint32_t i = 2; i + 1 < v->num_dims; i++)
        num_places *= v->dims[i] <= 4096 ? v->dims[i] : 4097;
    if (v->num_dims < 3 || v->num_dims > 5 || v->dims[0] != a->dims[0] ||
        v->dims[1] != a->dims[1] || num_places > 4096 || v->dims[v->num_dims - 1] > (1 << 16))
        return shape_fault(opening, visual,
                           "(clips, 10, 7, 7, 512) with as many clips and segments as the sound");
    opening->num_rows = (uint32_t)a->dims[0];
    opening->shape = (struct tyto_dataset_shape){.num_segments = (uint32_t)a->dims[1],
                                                 .audio_in = (uint32_t)a->dims[2],
                                                 .num_places = (uint32_t)num_places,
                                                 .visual_in = (uint32_t)v->dims[v->num_dims - 1]};
    return TYTO_OK;
}

/* Noisy features have the regular ones' shape but for their number. */
static enum tyto_err open_noisy(struct opening *opening, uint32_t *ret_num)
{
    struct features *noisy = &opening->ave->noisy;
    *ret_num = 0;
    if (!opening->params->with_noisy)
        return TYTO_OK;
    if (opening->params->split != TYTO_AVE_TRAIN)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "noisy clips are only for training");
    enum tyto_err err = open_file(opening, NULL, "audio_feature_noisy.h5", &noisy->audio);
    if (!err)
        err = open_file(opening, NULL, "visual_feature_noisy.h5", &noisy->visual);
    if (err)
        return err;
    const struct tyto_hdf5_info *audio = tyto_hdf5_get_info(opening->ave->regular.audio);
    const struct tyto_hdf5_info *visual = tyto_hdf5_get_info(opening->ave->regular.visual);
    uint64_t dims[2][TYTO_HDF5_MAX_DIMS];
    memcpy(dims[0], audio->dims, sizeof(dims[0]));
    memcpy(dims[1], visual->dims, sizeof(dims[1]));
    dims[0][0] = dims[1][0] = tyto_hdf5_get_info(noisy->audio)->dims[0];
    if (!has_dims(noisy->audio, dims[0], audio->num_dims) || dims[0][0] > MAX_CLIPS)
        return shape_fault(opening, noisy->audio, "that of audio_feature.h5 but for the clips");
    if (!has_dims(noisy->visual, dims[1], visual->num_dims))
        return shape_fault(opening, noisy->visual,
                           "that of visual_feature.h5 with the clips of audio_feature_noisy.h5");
    *ret_num = (uint32_t)dims[0][0];
    return TYTO_OK;
}

/* --- which clips
 * ------------------------------------------------------------------------------------ */

static enum tyto_err check_order(const struct opening *opening, const int64_t *order, uint32_t num,
                                 const char *name)
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

static enum tyto_err read_order(struct opening *opening, uint32_t num_noisy)
{
    static const char *const names[] = {"train_order.h5", "val_order.h5", "test_order.h5"};
    struct ave *ave = opening->ave;
    struct tyto_hdf5 *file = NULL;
    int64_t *order = NULL;
    enum tyto_err err = TYTO_OK;
    const bool is_all = opening->params->split == TYTO_AVE_ALL;
    const char *name = is_all ? "" : names[opening->params->split];
    ave->num_regular = opening->num_rows;
    if (!is_all) {
        err = open_file(opening, opening->params->order_path, name, &file);
        if (!err && (tyto_hdf5_get_info(file)->num_dims != 1 ||
                     tyto_hdf5_get_info(file)->dims[0] > opening->num_rows))
            err = shape_fault(opening, file, "(clips of the split)");
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

/* --- labels
 * ------------------------------------------------------------------------------------------ */

static enum tyto_err open_annotations(struct opening *opening)
{
    char path[PATH_MAX];
    const char *given = opening->params->annotations_path;
    if (!is_there(opening, given, "Annotations.txt"))
        return TYTO_OK;
    enum tyto_err err = make_path(opening, given, "Annotations.txt", path);
    if (!err)
        err = tyto_ave_rows_read(path, &opening->annotations, opening->fault);
    if (!err && opening->annotations.num_rows != opening->num_rows)
        err = tyto_fault_set(opening->fault, TYTO_ERR_SHAPE, path, 0, NULL,
                             "it has %u rows, the features %u: do the files belong together?",
                             opening->annotations.num_rows, opening->num_rows);
    return err;
}

/* Finds what says the truth, and with it the number of classes. */
static enum tyto_err open_labels(struct opening *opening)
{
    const struct tyto_ave_params *params = opening->params;
    const uint64_t num_rows = opening->num_rows, num_segments = opening->shape.num_segments;
    enum tyto_err err = open_annotations(opening);
    if (!err)
        err = open_optional(opening, params->labels_path, "labels.h5", &opening->labels);
    if (!err && !opening->labels)
        err = open_optional(opening, params->closs_path, "labels_closs.h5", &opening->closs);
    if (!err)
        err = open_optional(opening, params->mil_path, "mil_labels.h5", &opening->mil);
    if (err)
        return err;
    uint64_t num_columns = opening->annotations.num_categories + 1;
    if (opening->labels)
        num_columns = tyto_hdf5_get_info(opening->labels)->dims[2];
    else if (opening->mil)
        num_columns = tyto_hdf5_get_info(opening->mil)->dims[1];
    const uint64_t labels_dims[] = {num_rows, num_segments, num_columns};
    const uint64_t closs_dims[] = {num_rows, num_segments}, mil_dims[] = {num_rows, num_columns};
    if (num_columns > MAX_CLASSES)
        num_columns = 0;
    if (opening->labels && (num_columns < 2 || !has_dims(opening->labels, labels_dims, 3)))
        return shape_fault(opening, opening->labels,
                           "(clips, segments, classes and background) of the features");
    if (opening->closs && !has_dims(opening->closs, closs_dims, 2))
        return shape_fault(opening, opening->closs, "(clips, segments) of the features");
    if (opening->mil && (num_columns < 2 || !has_dims(opening->mil, mil_dims, 2)))
        return shape_fault(opening, opening->mil,
                           "(clips, classes and background) of the features and labels");
    if (!opening->labels && !(opening->closs && opening->mil) && !opening->annotations.num_rows)
        return tyto_fault_set(opening->fault, TYTO_ERR_NOT_FOUND, params->dir, 0, NULL,
                              "there is nothing that says the classes: it takes labels.h5, or "
                              "labels_closs.h5 and mil_labels.h5, or Annotations.txt");
    opening->shape.num_classes = (uint32_t)num_columns - 1;
    opening->values = calloc(num_segments * num_columns, sizeof(*opening->values));
    return opening->values ? TYTO_OK : TYTO_ERR_NOMEM;
}

/* A row of one of the label files: 0 or 1 each. */
static enum tyto_err read_values(struct opening *opening, struct tyto_hdf5 *hdf5, uint32_t row)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    const enum tyto_err err = tyto_hdf5_read_f32(hdf5, row, 1, opening->values, opening->fault);
    for (uint64_t i = 0; i < info->row_items && !err; i++) {
        const float value = opening->values[i];
        if (!(value >= 0 && value <= 1))
            return tyto_fault_set(opening->fault, TYTO_ERR_FORMAT, tyto_hdf5_get_path(hdf5), 0,
                                  info->name, "row %u of the labels holds %g, neither 0 nor 1", row,
                                  (double)value);
    }
    return err;
}

/* The clip's classes, (K). */
static enum tyto_err read_clip_classes(struct opening *opening, uint32_t row, uint8_t *ret_classes)
{
    const uint32_t num_classes = opening->shape.num_classes;
    if (!opening->mil) {
        const uint32_t category = opening->annotations.rows[row].category;
        if (category < num_classes)
            ret_classes[category] = TYTO_TRUTH_BOTH;
        return TYTO_OK;
    }
    const enum tyto_err err = read_values(opening, opening->mil, row);
    for (uint32_t i = 0; i < num_classes && !err; i++)
        ret_classes[i] = opening->values[i] > 0.5f ? TYTO_TRUTH_BOTH : 0;
    return err;
}

/* The segments' classes, (T,K), and the clip's, (K). */
static enum tyto_err read_truth(struct opening *opening, uint32_t row, uint8_t *ret_truth,
                                uint8_t *ret_clip)
{
    const uint32_t num_classes = opening->shape.num_classes;
    const bool has_classes = opening->mil || opening->annotations.num_rows > 0;
    enum tyto_err err = has_classes ? read_clip_classes(opening, row, ret_clip) : TYTO_OK;
    if (!err && (opening->labels || opening->closs))
        err = read_values(opening, opening->labels ? opening->labels : opening->closs, row);
    for (uint32_t t = 0; t < opening->shape.num_segments && !err; t++) {
        uint8_t *truth = ret_truth + (size_t)t * num_classes;
        const float *values = opening->values + (size_t)t * (num_classes + 1);
        for (uint32_t i = 0; i < num_classes && opening->labels; i++) {
            truth[i] = values[i] > 0.5f ? TYTO_TRUTH_BOTH : 0;
            ret_clip[i] |= truth[i];
        }
        if (opening->labels)
            continue;
        const struct tyto_ave_row *run = &opening->annotations.rows[opening->closs ? 0 : row];
        const bool is_event =
            opening->closs ? opening->values[t] > 0.5f : t >= run->begin && t < run->end;
        if (is_event)
            memcpy(truth, ret_clip, num_classes);
    }
    return err;
}

/* --- the data set
 * --------------------------------------------------------------------------------------- */

static void name_classes(const struct opening *opening, struct tyto_dataset *dataset)
{
    const uint32_t num = dataset->shape.num_classes;
    const struct tyto_ave_rows *annotations = &opening->annotations;
    for (uint32_t i = 0; i < num; i++) {
        if (annotations->num_rows && annotations->num_categories == num)
            memcpy(dataset->classes[i], annotations->categories[i], TYTO_DATASET_NAME_BYTES);
        else if (num == NUM_OFFICIAL)
            snprintf(dataset->classes[i], TYTO_DATASET_NAME_BYTES, "%s", official_classes[i]);
        else
            snprintf(dataset->classes[i], TYTO_DATASET_NAME_BYTES, "class_%u", i);
    }
}

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
static enum tyto_err group_rows(const struct opening *opening, uint32_t *ret_groups)
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

static enum tyto_err fill_clip(struct opening *opening, struct tyto_dataset *dataset,
                               const uint32_t *groups, uint32_t clip)
{
    const struct ave *ave = opening->ave;
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const size_t num_truth = (size_t)shape->num_segments * shape->num_classes;
    const uint32_t row = ave->rows[clip];
    const bool is_noisy = clip >= ave->num_regular;
    uint8_t *truth = dataset->truth + clip * num_truth;
    char name[96];
    enum tyto_err err = TYTO_OK;
    if (!is_noisy)
        err = read_truth(opening, row, truth,
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

static enum tyto_err fill(struct opening *opening, struct tyto_dataset *dataset)
{
    uint32_t *groups = calloc(opening->num_rows, sizeof(*groups));
    enum tyto_err err = groups ? group_rows(opening, groups) : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < dataset->shape.num_clips && !err; i++)
        err = fill_clip(opening, dataset, groups, i);
    if (!err)
        name_classes(opening, dataset);
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
    const struct ave *ave = dataset->self;
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const struct features *from = clip >= ave->num_regular ? &ave->noisy : &ave->regular;
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

static void ave_free(struct ave *ave)
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
                            struct tyto_fault *reterr_fault)
{
    static const struct tyto_dataset_ops ops = {.read = ave_read, .destroy = ave_destroy};
    struct opening opening = {
        .params = params, .fault = reterr_fault, .ave = calloc(1, sizeof(*opening.ave))};
    struct tyto_dataset *dataset = NULL;
    uint32_t num_noisy = 0;
    if (!opening.ave)
        return TYTO_ERR_NOMEM;
    struct features *regular = &opening.ave->regular;
    enum tyto_err err =
        open_file(&opening, params->audio_path, "audio_feature.h5", &regular->audio);
    if (!err)
        err = open_file(&opening, params->visual_path, "visual_feature.h5", &regular->visual);
    if (!err)
        err = read_shape(&opening);
    if (!err)
        err = open_noisy(&opening, &num_noisy);
    if (!err)
        err = read_order(&opening, num_noisy);
    if (!err)
        err = open_labels(&opening);
    if (!err)
        err = tyto_dataset_create(&opening.shape, &dataset);
    if (!err)
        err = fill(&opening, dataset);
    tyto_hdf5_close(&opening.labels);
    tyto_hdf5_close(&opening.closs);
    tyto_hdf5_close(&opening.mil);
    tyto_ave_rows_finish(&opening.annotations);
    free(opening.values);
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
