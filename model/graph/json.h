/* SPDX-License-Identifier: MIT */
/* A graph's structure (all but its weights) as JSON: inner part of graph_file. */
#ifndef TYTO_MODEL_GRAPH_JSON_H
#define TYTO_MODEL_GRAPH_JSON_H

#include "base/err.h"
#include "files/json.h"
#include "files/safetensors.h"
#include "model/graph/graph.h"

/* Owned by the caller; NULL when out of memory or a number is not finite. */
struct tyto_json *tyto_graph_to_json(const struct tyto_graph *graph);

/* Fills *ret_graph without weights. Numbers are bounded, sense is not checked:
 * see tyto_graph_check. FORMAT with what is wrong in text. */
TYTO_MUST_CHECK
enum tyto_err tyto_graph_from_json(const struct tyto_json *json, struct tyto_graph *ret_graph,
                                   char *text, uint32_t text_bytes);

/* Shape of a layer's weight tensor; false when the op has none. */
bool tyto_layer_weight_dims(const struct tyto_graph *graph, const struct tyto_layer *layer,
                            uint32_t *ret_num_dims, uint64_t ret_dims[TYTO_WEIGHTS_MAX_DIMS]);

#endif
