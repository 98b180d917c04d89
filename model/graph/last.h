/* SPDX-License-Identifier: MIT */
/* An encoder's last layer where it is a linear map of each place: what can be trained on its own,
 * from what it reads. */
#ifndef TYTO_MODEL_GRAPH_LAST_H
#define TYTO_MODEL_GRAPH_LAST_H

#include "model/graph/graph.h"

/* The last layer, when it is a 1x1 convolution of stride 1 with no activation, ReLU or ReLU6; else
 * NULL. Borrowed from graph. */
struct tyto_layer *tyto_graph_last(struct tyto_graph *graph);
/* Takes it away: the graph then gives what it read. UNSUPPORTED when there is none. */
TYTO_MUST_CHECK
enum tyto_err tyto_graph_cut_last(struct tyto_graph *graph);

#endif
