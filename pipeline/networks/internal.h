/* SPDX-License-Identifier: MIT */
/* What networks.c (those that run) and head.c (another head beside them) share. Internal. */
#ifndef TYTO_PIPELINE_NETWORKS_INTERNAL_H
#define TYTO_PIPELINE_NETWORKS_INTERNAL_H

#include "pipeline/networks/embedder.h"
#include "pipeline/networks/history.h"
#include "pipeline/networks/networks.h"

struct tyto_networks_row {
    uint32_t audio, visual;
    uint32_t stream_idx;
    bool has_audio, has_visual, restart;
    struct tyto_sight sight;
    struct tyto_embeddings embeddings;
};

struct tyto_networks {
    struct tyto_networks_params params; /* strings are `paths` */
    struct tyto_gpu *gpu;
    struct tyto_visual *visual;
    struct tyto_audio *audio;
    struct tyto_cman *cman;
    uint32_t max_batch;
    struct tyto_networks_row *rows; /* (max_batch), of the items encoded last */
    struct tyto_frame *frames;      /* (max_batch) */
    const float **pcms;             /* (max_batch) */
    struct tyto_cman_item *items;
    struct tyto_cman_result *results; /* (max_batch), of a new head */
    uint32_t num_rows;
    struct tyto_head_fit fit;
    struct tyto_history *history;
    struct tyto_embedder *embedder; /* NULL: nothing is embedded */
    float *features[2]; /* (max_batch) rows of audio, visual where the encoders' are not mapped */
    char *paths[3];     /* visual, audio, head: of the fit and for messages */
    char device_name[300];
};

/* networks.c: what a head is made with here, but for its weights. */
struct tyto_cman_params tyto_networks_head_params(const struct tyto_networks *networks);

#endif
