/* SPDX-License-Identifier: MIT */
/* A detector beside an encoder's features: which of the graph's outputs are its class scores and
 * boxes, and what the boxes are relative to. Single-shot detectors (Liu et al., SSD, 2016): every
 * place of every level has anchors, an anchor has a logit for each class and the four numbers of a
 * box. */
#ifndef TYTO_MODEL_GRAPH_DETECTOR_H
#define TYTO_MODEL_GRAPH_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "files/json.h"
#include "model/graph/graph.h"

enum {
    TYTO_DETECTOR_MAX_CLASSES = 128,
    TYTO_DETECTOR_MAX_LEVELS = TYTO_LAYER_MAX_INS,
    TYTO_DETECTOR_MAX_SHAPES = 8,
    TYTO_DETECTOR_NAME_BYTES = 32,
    /* A network's features reach 6 and are a thousand: with less, a projection to their principal
     * components drops half of what the columns say (with 12 a tenth). */
    TYTO_DETECTOR_COLUMN_GAIN = 12,
    TYTO_DETECTOR_NO_COLUMNS = INT32_MAX,
    /* Outputs of the graph; 0 are the features. */
    TYTO_DETECTOR_SCORES = 1, /* (anchors, classes): logits */
    TYTO_DETECTOR_BOXES = 2,  /* (anchors, 4): centre y, x, height, width */
};

/* Anchors are in the order: level, row, column, shape. */
struct tyto_detector_level {
    uint32_t rows, cols, num_shapes;
    float heights[TYTO_DETECTOR_MAX_SHAPES], widths[TYTO_DETECTOR_MAX_SHAPES]; /* input pixels */
};

struct tyto_detector {
    uint32_t num_classes, num_levels;
    char names[TYTO_DETECTOR_MAX_CLASSES][TYTO_DETECTOR_NAME_BYTES];
    struct tyto_detector_level levels[TYTO_DETECTOR_MAX_LEVELS];
    float centre_scale, size_scale; /* what boxes are divided by */
    /* The features have num_classes columns from here on: the highest score, 0..1, of a class
     * among the anchors at a place, times TYTO_DETECTOR_COLUMN_GAIN. TYTO_DETECTOR_NO_COLUMNS: they
     * have none, and a file says nothing of it. */
    uint32_t first_column;
};

/* What was found. The box is in shares of the picture, clamped to it. */
struct tyto_detection {
    uint32_t class_idx;
    float score; /* 0..1 */
    float left, top, right, bottom;
};

/* Where the picture lies in the network's input, in shares of it: all of it (0, 0, 1, 1), or with
 * stripes beside. */
struct tyto_picture_fit {
    float left, top, width, height;
};

uint32_t tyto_detector_num_anchors(const struct tyto_detector *detector);

/* Do the graph's outputs have the detector's shapes, and are its numbers sane? NULL, or what is
 * wrong. */
const char *tyto_detector_check(const struct tyto_detector *detector,
                                const struct tyto_graph *graph);

/* The detections of at least min_score (0..1, not 0), highest first, at most max_found of them;
 * of a class only those that share less than half with a higher one (intersection over union),
 * whose boxes count for its own by their scores; of many, the 256 with the highest scores are
 * looked at. scores and boxes as the graph gives them for one picture. Gives their number. */
uint32_t tyto_detector_find(const struct tyto_detector *detector, const struct tyto_value *input,
                            const struct tyto_picture_fit *fit, const float *scores,
                            const float *boxes, float min_score, struct tyto_detection *ret_found,
                            uint32_t max_found);

/* For files: see model/README.md. NULL when out of memory; false when a field does not fit. */
struct tyto_json *tyto_detector_to_json(const struct tyto_detector *detector);
bool tyto_detector_from_json(const struct tyto_json *json, struct tyto_detector *ret_detector);

#endif
