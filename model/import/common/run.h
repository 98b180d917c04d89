/* SPDX-License-Identifier: MIT */
/* The frame of an import, the same for every format: finds the tensors that were asked for, walks
 * back from the outputs to the input, and has the nodes between converted in order. Inner part of
 * import. */
#ifndef TYTO_MODEL_IMPORT_COMMON_RUN_H
#define TYTO_MODEL_IMPORT_COMMON_RUN_H

#include "model/import/common/build.h"
#include "model/import/common/params.h"
#include "model/import/common/walk.h"

/* A parsed model, borrowed while it runs. */
struct tyto_import_frame {
    struct tyto_build *build;
    const struct tyto_import_params *params;
    uint32_t num_tensors, num_nodes;
    const uint32_t *producers; /* (num_tensors) node, or TYTO_WALK_NONE */
    uint32_t first_output;     /* tensor */
    void *converter;           /* the format's own, given to its ops */
};

/* What a format does; node and tensor are numbers below those of the frame. */
struct tyto_import_ops {
    /* A tensor's name, *ret_bytes long without a terminator; NULL: it is a constant. */
    const char *(*name)(void *converter, uint32_t tensor, size_t *ret_bytes);
    /* Fills op, name, supported, is_conv and in; `needed` is the walk's. */
    void (*describe)(void *converter, uint32_t node, struct tyto_walk_node *ret_node);
    /* The tensor is the graph's input. nodes: those of the walk. */
    enum tyto_err (*set_input)(void *converter, const struct tyto_walk_node *nodes,
                               uint32_t tensor);
    /* Appends what a node does to the build. build->op and build->node are set. */
    enum tyto_err (*convert)(void *converter, uint32_t node);
    /* The value that a tensor became; EMPTY: none did. */
    enum tyto_err (*find_value)(void *converter, uint32_t tensor, uint32_t *ret_value);
};

/* NOT_FOUND, INVALID, UNSUPPORTED, FORMAT, NOMEM, and what the ops give, all with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_import_run(const struct tyto_import_frame *frame,
                              const struct tyto_import_ops *ops, struct tyto_build_outs *ret_outs);

#endif
