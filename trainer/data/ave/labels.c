/* SPDX-License-Identifier: MIT */
/* What an AVE clip holds, from whichever file says it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/data/ave/internal.h"

enum { MAX_CLASSES = 1024 };

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

static enum tyto_err open_optional(const struct tyto_ave_opening *opening, const char *given,
                                   const char *name, struct tyto_hdf5 **ret_hdf5)
{
    return tyto_ave_is_there(opening, given, name)
               ? tyto_ave_open_file(opening, given, name, ret_hdf5)
               : TYTO_OK;
}

static enum tyto_err open_annotations(struct tyto_ave_opening *opening)
{
    char path[PATH_MAX];
    const char *given = opening->params->annotations_path;
    if (!tyto_ave_is_there(opening, given, "Annotations.txt"))
        return TYTO_OK;
    enum tyto_err err = tyto_ave_path(opening, given, "Annotations.txt", path, sizeof(path));
    if (!err)
        err = tyto_ave_rows_read(path, &opening->annotations, opening->fault);
    if (!err && opening->annotations.num_rows != opening->num_rows)
        err = tyto_fault_set(opening->fault, TYTO_ERR_SHAPE, path, 0, NULL,
                             "it has %u rows, the features %u: do the files belong together?",
                             opening->annotations.num_rows, opening->num_rows);
    return err;
}

/* Finds what says the truth, and with it the number of classes. */
enum tyto_err tyto_ave_open_labels(struct tyto_ave_opening *opening)
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
    if (opening->labels && (num_columns < 2 || !tyto_ave_has_dims(opening->labels, labels_dims, 3)))
        return tyto_ave_shape_fault(opening, opening->labels,
                                    "(clips, segments, classes and background) of the features");
    if (opening->closs && !tyto_ave_has_dims(opening->closs, closs_dims, 2))
        return tyto_ave_shape_fault(opening, opening->closs, "(clips, segments) of the features");
    if (opening->mil && (num_columns < 2 || !tyto_ave_has_dims(opening->mil, mil_dims, 2)))
        return tyto_ave_shape_fault(opening, opening->mil,
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
static enum tyto_err read_values(struct tyto_ave_opening *opening, struct tyto_hdf5 *hdf5,
                                 uint32_t row)
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
static enum tyto_err read_clip_classes(struct tyto_ave_opening *opening, uint32_t row,
                                       uint8_t *ret_classes)
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
enum tyto_err tyto_ave_read_truth(struct tyto_ave_opening *opening, uint32_t row,
                                  uint8_t *ret_truth, uint8_t *ret_clip)
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

void tyto_ave_name_classes(const struct tyto_ave_opening *opening, struct tyto_dataset *dataset)
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

void tyto_ave_close_labels(struct tyto_ave_opening *opening)
{
    tyto_hdf5_close(&opening->labels);
    tyto_hdf5_close(&opening->closs);
    tyto_hdf5_close(&opening->mil);
    tyto_ave_rows_finish(&opening->annotations);
    free(opening->values);
}
