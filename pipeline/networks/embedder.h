/* SPDX-License-Identifier: MIT */
/* Features of a second to where it lies among others: a linear map for its sound, one for its
 * picture, into one space. Small enough for the processor. Internal to the pipeline room; one
 * thread. */
#ifndef TYTO_PIPELINE_NETWORKS_EMBEDDER_H
#define TYTO_PIPELINE_NETWORKS_EMBEDDER_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "pipeline/networks/candidate.h"
#include "proto/event.h"

struct tyto_embedder;

/* Reads the file, which must be for the encoders of fit. NOT_FOUND: there is none; FORMAT, SHAPE,
 * IO, NOMEM: all with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_embedder_open(const char *path, const struct tyto_head_fit *fit,
                                 struct tyto_embedder **ret_embedder, struct tyto_fault *ret_fault);
void tyto_embedder_close(struct tyto_embedder **embedder);

/* Of a second: audio (A), visual (L, V); NULL: it has none. Allocates nothing. */
void tyto_embedder_run(struct tyto_embedder *embedder, const float *audio, const float *visual,
                       struct tyto_embeddings *ret_embeddings);

#endif
