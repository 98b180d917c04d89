/* SPDX-License-Identifier: MIT */
/* Overlapping windows of a network that slides over its input's rows are one run
 * over a taller input: what two windows share is computed once. */
#ifndef TYTO_MODEL_GRAPH_STRETCH_H
#define TYTO_MODEL_GRAPH_STRETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "model/graph/graph.h"

/* Row i of the result's output is the output of window i, which starts i * hop rows
 * further down. True, and *ret_graph (weights borrowed from graph), when that is so:
 * no layer pads above or below or looks at all rows, the strides multiply to hop, and the
 * output of one window is one row. Else false. */
bool tyto_graph_stretch(const struct tyto_graph *graph, uint32_t num_windows, uint32_t hop,
                        struct tyto_graph *ret_graph);

#endif
