/* SPDX-License-Identifier: MIT */
/* What the eye says of one picture besides its features: where the picture lies among the places,
 * and what a detector found in it. Plain data and computation. Internal to the pipeline room. */
#ifndef TYTO_PIPELINE_TRACK_SIGHT_H
#define TYTO_PIPELINE_TRACK_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/graph/detector.h"
#include "pipeline/zones/polygon.h"
#include "proto/event.h"

enum { TYTO_SIGHT_MAX_FOUND = 16 };

struct tyto_sight {
    struct tyto_picture_fit fit;
    uint32_t rows, cols; /* of the places; 0: there was no picture */
    uint32_t num_found;
    struct tyto_detection found[TYTO_SIGHT_MAX_FOUND]; /* highest score first */
    const struct tyto_polygon *masks;                  /* places in them do not count; borrowed */
    uint32_t num_masks;
};

/* Does a detector's class show one of the head's? The names are the same but for case and '_', or
 * mean the same ("cow" is shown by "Cattle"). */
bool tyto_sight_shows(const char *detector_name, const char *class_name);

/* The box of the highest detection that shows the class. */
bool tyto_sight_box(const struct tyto_sight *sight, const struct tyto_detector *detector,
                    const char *class_name, struct tyto_box *ret_box);

/* Moves a map over the places (rows, cols) onto the picture: same number of cells, each with what
 * lies under it; what lies beside the picture is left out. picture may not be places. */
void tyto_sight_map(const struct tyto_picture_fit *fit, uint32_t rows, uint32_t cols,
                    const float *places, float *ret_picture);

#endif
