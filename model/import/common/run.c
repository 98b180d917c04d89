/* SPDX-License-Identifier: MIT */
#include "model/import/common/run.h"

#include <stdlib.h>

/* The tensor of that name among those that nodes write, and the model's inputs. */
static enum tyto_err find_tensor(const struct tyto_import_frame *frame,
                                 const struct tyto_import_ops *ops, const char *wanted,
                                 uint32_t *ret_tensor)
{
    uint32_t found = TYTO_WALK_NONE, num_found = 0;
    for (uint32_t i = 0; i < frame->num_tensors; i++) {
        size_t num_bytes = 0;
        const char *name = ops->name(frame->converter, i, &num_bytes);
        const int match = name ? tyto_build_name_match(name, num_bytes, wanted) : 0;
        if (match == 2) {
            *ret_tensor = i;
            return TYTO_OK;
        }
        if (match == 1) {
            found = i;
            num_found++;
        }
    }
    if (num_found != 1)
        return tyto_build_fail(frame->build, TYTO_ERR_NOT_FOUND,
                               num_found ? "%u tensors have \"%.80s\" in their name"
                                         : "%u tensors are called \"%.80s\"",
                               num_found, wanted);
    *ret_tensor = found;
    return TYTO_OK;
}

/* The tensors between which there is something to import; *ret_in is TYTO_WALK_NONE where nobody
 * named one. */
static enum tyto_err find_ends(const struct tyto_import_frame *frame,
                               const struct tyto_import_ops *ops,
                               uint32_t ret_outs[TYTO_GRAPH_MAX_OUTS], uint32_t *ret_in)
{
    const struct tyto_import_params *params = frame->params;
    enum tyto_err err = TYTO_OK;
    ret_outs[0] = frame->first_output;
    *ret_in = TYTO_WALK_NONE;
    if (params->output_name)
        err = find_tensor(frame, ops, params->output_name, &ret_outs[0]);
    for (uint32_t i = 0; !err && i < params->num_more_outputs; i++)
        err = find_tensor(frame, ops, params->more_output_names[i], &ret_outs[i + 1]);
    if (!err && params->pooled_name)
        err = find_tensor(frame, ops, params->pooled_name, &ret_outs[params->num_more_outputs + 1]);
    if (!err && params->input_name)
        err = find_tensor(frame, ops, params->input_name, ret_in);
    return err;
}

static enum tyto_err convert_nodes(const struct tyto_import_frame *frame,
                                   const struct tyto_import_ops *ops,
                                   const struct tyto_walk_node *nodes)
{
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < frame->num_nodes; i++) {
        if (!nodes[i].needed)
            continue;
        frame->build->op = nodes[i].op;
        frame->build->node = nodes[i].name;
        err = ops->convert(frame->converter, i);
    }
    return err;
}

static enum tyto_err fill_outs(const struct tyto_import_frame *frame,
                               const struct tyto_import_ops *ops, const uint32_t *tensors,
                               struct tyto_build_outs *ret_outs)
{
    enum tyto_err err = TYTO_OK;
    ret_outs->num = tyto_import_num_outputs(frame->params);
    for (uint32_t i = 0; !err && i < ret_outs->num; i++) {
        err = ops->find_value(frame->converter, tensors[i], &ret_outs->values[i]);
        if (err == TYTO_ERR_EMPTY)
            err = tyto_build_fail(frame->build, TYTO_ERR_FORMAT, "nothing gives output %u", i);
    }
    return err;
}

enum tyto_err tyto_import_run(const struct tyto_import_frame *frame,
                              const struct tyto_import_ops *ops, struct tyto_build_outs *ret_outs)
{
    uint32_t outs[TYTO_GRAPH_MAX_OUTS], in = TYTO_WALK_NONE;
    enum tyto_err err = find_ends(frame, ops, outs, &in);
    if (err)
        return err;
    struct tyto_walk walk = {.num_tensors = frame->num_tensors,
                             .num_nodes = frame->num_nodes,
                             .producers = frame->producers,
                             .nodes = calloc((size_t)frame->num_nodes + 1, sizeof(*walk.nodes))};
    if (!walk.nodes)
        return tyto_build_fail(frame->build, TYTO_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < frame->num_nodes; i++)
        ops->describe(frame->converter, i, &walk.nodes[i]);
    for (uint32_t i = 0; !err && i < tyto_import_num_outputs(frame->params); i++)
        err = tyto_walk_back(&walk, frame->build, outs[i], in, &in);
    if (!err)
        err = ops->set_input(frame->converter, walk.nodes, in);
    if (!err)
        err = convert_nodes(frame, ops, walk.nodes);
    if (!err)
        err = fill_outs(frame, ops, outs, ret_outs);
    free(walk.nodes);
    return err;
}
