/* SPDX-License-Identifier: MIT */
/* What happens in front of the demo camera: which stamp appears or sounds when
 * and where. Made from a seed alone, so the same call gives the same scene on
 * every machine; knows nothing of pictures, sound or GStreamer. */
#ifndef TYTO_DEMO_SCENE_H
#define TYTO_DEMO_SCENE_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum {
    DEMO_MAX_STAMPS = 256,
    DEMO_NAME_MAX = 64,
    DEMO_PATH_MAX = 256,
    DEMO_MAX_EVENTS = 4096,
};

/* One row of stamps.csv. */
struct demo_stamp_row {
    char class_name[DEMO_NAME_MAX + 1];
    char stamp[DEMO_PATH_MAX + 1]; /* below the stamps folder, without suffix */
    float min_height, max_height;  /* of the picture's height */
    float aspect;                  /* width / height of its picture; set by the caller */
};

struct demo_stamp_table {
    struct demo_stamp_row rows[DEMO_MAX_STAMPS];
    uint32_t num_rows;
};

enum demo_modality {
    DEMO_MODALITY_AV,
    DEMO_MODALITY_A,
    DEMO_MODALITY_V,
};

struct demo_event {
    uint32_t row_idx;
    enum demo_modality modality;
    double begin_s, end_s;
    float x0, y0, x1, y1; /* of the picture, 0..1, y downwards; zeros when only heard */
};

struct demo_scene {
    uint64_t seed;
    double seconds;
    struct demo_event events[DEMO_MAX_EVENTS]; /* in order, never overlapping */
    uint32_t num_events;
};

struct demo_scene_params {
    uint64_t seed;
    double seconds;
    float picture_aspect; /* width / height */
};

/* Reads a table from a stream; *ret_line is the line at fault after TYTO_ERR_FORMAT. */
TYTO_MUST_CHECK
enum tyto_err demo_stamp_table_read(FILE *file, struct demo_stamp_table *ret_table,
                                    uint32_t *ret_line);

/* TYTO_ERR_INVALID when the table is empty or the scene is too short for one event. */
TYTO_MUST_CHECK
enum tyto_err demo_scene_init(struct demo_scene *scene, const struct demo_scene_params *params,
                              const struct demo_stamp_table *table);

/* The truth as CSV: class,begin_s,end_s,modality,x0,y0,x1,y1. TYTO_ERR_IO when it cannot be
 * written. */
TYTO_MUST_CHECK
enum tyto_err demo_scene_write_truth(const struct demo_scene *scene,
                                     const struct demo_stamp_table *table, FILE *file);

/* The generator behind everything random in the demo: splitmix64. */
uint64_t demo_random(uint64_t *state);
/* Uniform in [low, high). */
double demo_random_between(uint64_t *state, double low, double high);

#endif
