/* SPDX-License-Identifier: MIT */
/* What a person may say about a foreign model file. */
#ifndef TYTO_MODEL_IMPORT_COMMON_PARAMS_H
#define TYTO_MODEL_IMPORT_COMMON_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/graph/graph.h"

/* What a file does not say about its detector. */
struct tyto_import_detector {
    const char *names;          /* one a line for each column of its scores; ??? and background are
                                 * no classes */
    float side_px;              /* of the square input that scales are shares of */
    float min_scale, max_scale; /* of the finest and the coarsest level's anchors */
    float centre_scale, size_scale; /* what its boxes are divided by */
};

struct tyto_import_params {
    const char *path;          /* for messages, and opened by tyto_import */
    const char *input_name;    /* tensor to cut at; NULL: the model's input, or the first tensor
                                * after the last op that cannot be imported */
    const char *output_name;   /* name, or a part that only one tensor has; NULL: the model's own */
    uint32_t num_more_outputs; /* 0..TYTO_GRAPH_MAX_OUTS - 1, one less with pooled_name */
    const char *more_output_names[TYTO_GRAPH_MAX_OUTS - 1];
    const char *pooled_name;   /* visual: a finer tensor, whose highest values at each place become
                                * columns too; NULL: none */
    uint32_t input_h, input_w; /* new input size; 0: the file's */
    const struct tyto_import_detector *detector; /* outputs are features, scores, boxes; or NULL */
    bool letterbox;                              /* pictures keep their shape (enum tyto_fit) */
    bool tall; /* a second graph, with the input's sides exchanged, for tall pictures */
};

/* With the finer tensor, which comes last. */
static inline uint32_t tyto_import_num_outputs(const struct tyto_import_params *params)
{
    return 1 + params->num_more_outputs + (params->pooled_name ? 1 : 0);
}

#endif
