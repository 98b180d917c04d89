/* SPDX-License-Identifier: MIT */
/* Convolutions for CPUs with AVX2 and FMA but without AVX-512. XNNPACK as Debian 12 builds it
 * spills a register in the innermost loop that it has for them and runs at a third of the peak;
 * elsewhere, and for shapes with few channels, XNNPACK is as good or better. Inner part of
 * executor_xnn. */
#ifndef TYTO_MODEL_EXECUTOR_CONV_AVX2_H
#define TYTO_MODEL_EXECUTOR_CONV_AVX2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/graph/graph.h"

struct tyto_conv_avx2;

/* Is this CPU one of them, and does the shape of this CONV layer suit? */
bool tyto_conv_avx2_suits(const struct tyto_graph *graph, const struct tyto_layer *layer);

/* Packs the layer's weights; results are clamped to [lo, hi]. The graph may go away. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_conv_avx2_create(const struct tyto_graph *graph, const struct tyto_layer *layer,
                                    float lo, float hi, struct tyto_conv_avx2 **ret_conv);
void tyto_conv_avx2_destroy(struct tyto_conv_avx2 **conv);

/* The work on a batch falls into this many parts, */
uint32_t tyto_conv_avx2_num_parts(const struct tyto_conv_avx2 *conv, uint32_t batch);
/* each of which any thread may do: in (batch,H,W,C) to its share of out (batch,H,W,O). */
void tyto_conv_avx2_run_part(const struct tyto_conv_avx2 *conv, const float *in, float *out,
                             uint32_t batch, uint32_t part_idx);

#endif
