/* SPDX-License-Identifier: MIT */
/* The truth for tests: runs a graph in plain C with double accumulators. Slow. */
#ifndef TYTO_MODEL_GRAPH_REF_H
#define TYTO_MODEL_GRAPH_REF_H

#include "base/err.h"
#include "model/graph/graph.h"

/* output (H,W,C) of the graph's output from input (H,W,C) of value 0, for one
 * item. The graph passes tyto_graph_check. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_graph_ref_run(const struct tyto_graph *graph, const float *input,
                                 double *output);
/* The same with all outputs: outputs[i] has the shape of tyto_graph_out(graph, i). */
TYTO_MUST_CHECK
enum tyto_err tyto_graph_ref_run_all(const struct tyto_graph *graph, const float *input,
                                     double *const *outputs);

#endif
