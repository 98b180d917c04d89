/* SPDX-License-Identifier: MIT */
/* The head on the device: weights, rings, recorded plans. It knows rows and
 * windows; cameras, results and errors of people are cman.c's. */
#ifndef TYTO_MODEL_CMAN_NET_H
#define TYTO_MODEL_CMAN_NET_H

#include "model/cman/weights.h"
#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "shaders/runtime/gpu.h"
#include "shaders/window/window_shape.h"

struct tyto_cman_net;

struct tyto_cman_net_params {
    struct tyto_gpu *gpu;
    const struct tyto_cman_weights *weights; /* borrowed until create returns */
    struct tyto_cman_dims dims;              /* of the weights; T and look_ahead may differ */
    uint32_t max_streams, max_batch;
    const struct tyto_buf *audio_features;  /* (num_audio_rows, A), borrowed until destroy */
    const struct tyto_buf *visual_features; /* (num_visual_rows, L, V) */
    uint32_t num_audio_rows, num_visual_rows;
    const struct tyto_cman_net *like; /* NULL, or one whose kernels are shared */
};

TYTO_MUST_CHECK
enum tyto_err tyto_cman_net_create(const struct tyto_cman_net_params *params,
                                   struct tyto_cman_net **ret_net);
void tyto_cman_net_destroy(struct tyto_cman_net **net);

/* What the host fills in before a run; each holds max_batch values. */
struct tyto_cman_net_in {
    uint32_t *audio_rows;           /* TYTO_ROW_NONE: missing */
    uint32_t *visual_rows;          /* TYTO_ROW_NONE: missing */
    uint32_t *lens;                 /* the len of items, once more */
    struct tyto_window_item *items; /* TYTO_WINDOW_NO_STREAM: no ring */
};

/* Where results are after a run, batch first. */
struct tyto_cman_net_out {
    const float *logits;             /* (B, T, num_logits) */
    const float *place;              /* (B, T, L) */
    const float *beta[2], *align[2]; /* (B, T), (B, T, T); audio, visual */
};

struct tyto_cman_net_in tyto_cman_net_in(struct tyto_cman_net *net);
struct tyto_cman_net_out tyto_cman_net_out(const struct tyto_cman_net *net);

/* Runs the adapters for the feature rows that the first num_items items name (cheapest when
 * these are the first rows, in any order), then their windows. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_net_run(struct tyto_cman_net *net, uint32_t num_items);
/* The same as far as the rings; there are no results. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_net_feed(struct tyto_cman_net *net, uint32_t num_items);

#endif
