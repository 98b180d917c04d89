/* SPDX-License-Identifier: MIT */
/* From the wanted output back to the one tensor that everything hangs on: which
 * nodes of a foreign model are needed, and where to cut it. Inner part of import. */
#ifndef TYTO_MODEL_IMPORT_COMMON_WALK_H
#define TYTO_MODEL_IMPORT_COMMON_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "model/import/common/build.h"

#define TYTO_WALK_NONE UINT32_MAX /* no tensor, no node */

enum { TYTO_WALK_MAX_IN = TYTO_LAYER_MAX_INS };

struct tyto_walk_node {
    uint32_t in[TYTO_WALK_MAX_IN]; /* tensors that are no constants */
    uint32_t num_in;
    bool supported;        /* its op can be imported */
    bool is_conv;          /* a network without it is another network: never cut away unasked */
    bool needed;           /* set by the walk */
    const char *op, *name; /* for messages */
};

struct tyto_walk {
    uint32_t num_tensors, num_nodes;
    const uint32_t *producers;    /* (num_tensors) node, or TYTO_WALK_NONE */
    struct tyto_walk_node *nodes; /* in the order of execution */
};

/* Marks, besides those marked already, the nodes between out_tensor and the input: in_tensor, or
 * for TYTO_WALK_NONE the model's only input, or what the last node gives that cannot be imported,
 * if no convolution stands before it. The fault names that node otherwise. */
TYTO_MUST_CHECK
enum tyto_err tyto_walk_back(struct tyto_walk *walk, struct tyto_build *build, uint32_t out_tensor,
                             uint32_t in_tensor, uint32_t *ret_in_tensor);

#endif
