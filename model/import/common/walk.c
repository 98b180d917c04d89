/* SPDX-License-Identifier: MIT */
#include "model/import/common/walk.h"

#include <stdlib.h>

static const char what_to_do[] = "cut the model behind or before it with --input-tensor or "
                                 "--output";

/* A tensor where the walk ends. */
static bool is_source(const struct tyto_walk *walk, uint32_t tensor, uint32_t in_tensor)
{
    const uint32_t producer = walk->producers[tensor];
    return tensor == in_tensor || producer == TYTO_WALK_NONE || !walk->nodes[producer].supported;
}

static enum tyto_err two_sources(const struct tyto_walk *walk, struct tyto_build *build,
                                 uint32_t one, uint32_t two)
{
    const uint32_t both[] = {one, two};
    for (int i = 0; i < 2; i++) {
        const uint32_t producer = walk->producers[both[i]];
        if (producer == TYTO_WALK_NONE || walk->nodes[producer].supported)
            continue;
        build->op = walk->nodes[producer].op;
        build->node = walk->nodes[producer].name;
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED, "this op cannot be imported: %s",
                               what_to_do);
    }
    return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                           "the output hangs on more than one input: %s", what_to_do);
}

/* May the model be cut behind this node without being asked? */
static enum tyto_err check_cut(const struct tyto_walk *walk, struct tyto_build *build,
                               uint32_t node_idx)
{
    for (uint32_t i = 0; i < node_idx; i++) {
        if (!walk->nodes[i].is_conv)
            continue;
        build->op = walk->nodes[node_idx].op;
        build->node = walk->nodes[node_idx].name;
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED, "this op cannot be imported: %s",
                               what_to_do);
    }
    return TYTO_OK;
}

static enum tyto_err walk_from(struct tyto_walk *walk, struct tyto_build *build,
                               uint32_t out_tensor, uint32_t in_tensor, uint32_t *stack, bool *seen,
                               uint32_t *ret_source)
{
    uint32_t depth = 0, source = TYTO_WALK_NONE;
    stack[depth++] = out_tensor;
    seen[out_tensor] = true;
    while (depth) {
        const uint32_t tensor = stack[--depth];
        if (is_source(walk, tensor, in_tensor)) {
            if (source != TYTO_WALK_NONE)
                return two_sources(walk, build, source, tensor);
            source = tensor;
            continue;
        }
        struct tyto_walk_node *node = &walk->nodes[walk->producers[tensor]];
        node->needed = true;
        for (uint32_t i = 0; i < node->num_in; i++) {
            if (seen[node->in[i]])
                continue;
            seen[node->in[i]] = true; /* so the stack holds each tensor at most once */
            stack[depth++] = node->in[i];
        }
    }
    *ret_source = source;
    return TYTO_OK;
}

enum tyto_err tyto_walk_back(struct tyto_walk *walk, struct tyto_build *build, uint32_t out_tensor,
                             uint32_t in_tensor, uint32_t *ret_in_tensor)
{
    uint32_t *stack = calloc((size_t)walk->num_tensors + 1, sizeof(*stack));
    bool *seen = calloc((size_t)walk->num_tensors + 1, sizeof(*seen));
    uint32_t source = TYTO_WALK_NONE;
    enum tyto_err err =
        stack && seen ? TYTO_OK : tyto_build_fail(build, TYTO_ERR_NOMEM, "out of memory");
    if (!err)
        err = walk_from(walk, build, out_tensor, in_tensor, stack, seen, &source);
    free(stack);
    free(seen);
    if (err)
        return err;
    if (source == TYTO_WALK_NONE || in_tensor == out_tensor ||
        (in_tensor != TYTO_WALK_NONE && source != in_tensor))
        return tyto_build_fail(build, TYTO_ERR_INVALID,
                               "between input tensor and output there is nothing to import");
    const uint32_t producer = walk->producers[source];
    if (in_tensor == TYTO_WALK_NONE && producer != TYTO_WALK_NONE) {
        if (source == out_tensor) {
            build->op = walk->nodes[producer].op;
            build->node = walk->nodes[producer].name;
            return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                                   "this op gives the output and cannot be imported: %s",
                                   what_to_do);
        }
        err = check_cut(walk, build, producer);
    }
    if (!err)
        *ret_in_tensor = source;
    return err;
}
