/* SPDX-License-Identifier: MIT */
#include "pipeline/networks.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    uint32_t audio, visual;
    uint32_t stream_idx;
    bool has_audio, has_visual, restart;
};

struct tyto_networks {
    struct tyto_gpu *gpu;
    struct tyto_visual *visual;
    struct tyto_audio *audio;
    struct tyto_cman *cman;
    uint32_t max_batch;
    struct row *rows;          /* (max_batch), of the items encoded last */
    struct tyto_frame *frames; /* (max_batch) */
    const float **pcms;        /* (max_batch) */
    struct tyto_cman_item *items;
    uint32_t num_rows;
    char device_name[300];
};

static enum tyto_err create_encoders(struct tyto_networks *networks,
                                     const struct tyto_networks_params *params,
                                     struct tyto_fault *ret_fault)
{
    const struct tyto_visual_params visual_params = {
        .weights_path = params->visual_path,
        .gpu = networks->gpu,
        .exec = params->exec,
        .max_batch = params->max_batch,
        .num_threads = params->num_threads,
        .log = params->log,
    };
    const struct tyto_audio_params audio_params = {
        .weights_path = params->audio_path,
        .gpu = networks->gpu,
        .exec = params->exec,
        .max_batch = params->max_batch,
        .segment_samples = params->segment_samples,
        .num_threads = params->num_threads,
        .log = params->log,
    };
    const enum tyto_err err = tyto_visual_create(&visual_params, &networks->visual, ret_fault);
    return err == TYTO_OK ? tyto_audio_create(&audio_params, &networks->audio, ret_fault) : err;
}

static enum tyto_err create_head(struct tyto_networks *networks,
                                 const struct tyto_networks_params *params,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_cman_params cman_params = {
        .weights_path = params->head_path,
        .gpu = networks->gpu,
        .num_segments = params->num_segments,
        .look_ahead = params->look_ahead,
        .max_streams = params->max_streams,
        .max_batch =
            params->max_batch < params->max_streams ? params->max_batch : params->max_streams,
        .audio_features = tyto_audio_output(networks->audio),
        .visual_features = tyto_visual_output(networks->visual),
        .log = params->log,
    };
    const enum tyto_err err = tyto_cman_create(&cman_params, &networks->cman, ret_fault);
    if (err != TYTO_OK)
        return err;
    const struct tyto_cman_dims *dims = tyto_cman_get_dims(networks->cman);
    uint32_t rows, cols, channels;
    tyto_visual_shape(networks->visual, &rows, &cols, &channels);
    if (dims->num_places != rows * cols || dims->visual_in != channels ||
        dims->audio_in != tyto_audio_channels(networks->audio))
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, params->head_path, 0, NULL,
                              "was trained for other encoders: it wants %u x %u and %u features, "
                              "the encoders give %u x %u and %u",
                              dims->num_places, dims->visual_in, dims->audio_in, rows * cols,
                              channels, tyto_audio_channels(networks->audio));
    return TYTO_OK;
}

static void name_device(struct tyto_networks *networks)
{
    const struct tyto_gpu_info *info = tyto_gpu_get_info(networks->gpu);
    const bool cpu = tyto_networks_exec(networks) == TYTO_EXEC_CPU;
    snprintf(networks->device_name, sizeof(networks->device_name), "%s%s",
             cpu ? "XNNPACK, head on " : "", info->name);
}

enum tyto_err tyto_networks_create(const struct tyto_networks_params *params,
                                   struct tyto_networks **ret_networks,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_networks *networks = calloc(1, sizeof(*networks));
    if (!networks)
        return TYTO_ERR_NOMEM;
    const struct tyto_gpu_params gpu_params = {
        .device = params->device,
        .cache_dir = params->cache_dir,
        .validate = params->validate,
        .log = params->log,
    };
    networks->max_batch = params->max_batch;
    networks->rows = calloc(params->max_batch, sizeof(*networks->rows));
    networks->frames = calloc(params->max_batch, sizeof(*networks->frames));
    networks->pcms = calloc(params->max_batch, sizeof(*networks->pcms));
    networks->items = calloc(params->max_batch, sizeof(*networks->items));
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (networks->rows && networks->frames && networks->pcms && networks->items) {
        err = tyto_gpu_create(&gpu_params, &networks->gpu);
        if (err != TYTO_OK)
            tyto_fault_set(ret_fault, err, NULL, 0, "device", "%s: %s",
                           params->device ? params->device : "auto", tyto_err_text(err));
    }
    if (err == TYTO_OK)
        err = create_encoders(networks, params, ret_fault);
    if (err == TYTO_OK)
        err = create_head(networks, params, ret_fault);
    if (err != TYTO_OK) {
        tyto_networks_destroy(&networks);
        return err;
    }
    name_device(networks);
    *ret_networks = networks;
    return TYTO_OK;
}

void tyto_networks_destroy(struct tyto_networks **networks)
{
    if (!networks || !*networks)
        return;
    tyto_cman_destroy(&(*networks)->cman);
    tyto_audio_destroy(&(*networks)->audio);
    tyto_visual_destroy(&(*networks)->visual);
    tyto_gpu_destroy(&(*networks)->gpu);
    free((*networks)->rows);
    free((*networks)->frames);
    free((*networks)->pcms);
    free((*networks)->items);
    free(*networks);
    *networks = NULL;
}

enum tyto_err tyto_networks_encode(struct tyto_networks *networks,
                                   const struct tyto_network_item *items, uint32_t num_items)
{
    if (num_items > networks->max_batch)
        return TYTO_ERR_SHAPE;
    uint32_t num_frames = 0, num_pcms = 0;
    for (uint32_t i = 0; i < num_items; i++) {
        struct row *row = &networks->rows[i];
        *row = (struct row){
            .stream_idx = items[i].stream_idx,
            .restart = items[i].restart,
            .has_audio = items[i].pcm != NULL,
            .has_visual = items[i].frame != NULL,
        };
        if (row->has_audio) {
            row->audio = num_pcms;
            networks->pcms[num_pcms++] = items[i].pcm;
        }
        if (row->has_visual) {
            row->visual = num_frames;
            networks->frames[num_frames++] = *items[i].frame;
        }
    }
    networks->num_rows = num_items;
    enum tyto_err err = TYTO_OK;
    if (num_frames > 0)
        err = tyto_visual_run(networks->visual, networks->frames, num_frames);
    if (err == TYTO_OK && num_pcms > 0)
        err = tyto_audio_run(networks->audio, networks->pcms, num_pcms);
    return err;
}

enum tyto_err tyto_networks_attend(struct tyto_networks *networks, const uint32_t *item_idxs,
                                   uint32_t num_idxs, struct tyto_cman_result *ret_results)
{
    if (num_idxs > networks->max_batch)
        return TYTO_ERR_SHAPE;
    for (uint32_t i = 0; i < num_idxs; i++) {
        if (item_idxs[i] >= networks->num_rows)
            return TYTO_ERR_INVALID;
        const struct row *row = &networks->rows[item_idxs[i]];
        networks->items[i] = (struct tyto_cman_item){
            .stream_idx = row->stream_idx,
            .audio_row = row->audio,
            .visual_row = row->visual,
            .has_audio = row->has_audio,
            .has_visual = row->has_visual,
            .restart = row->restart,
        };
    }
    return tyto_cman_step(networks->cman, networks->items, num_idxs, ret_results);
}

const struct tyto_cman_dims *tyto_networks_dims(const struct tyto_networks *networks)
{
    return tyto_cman_get_dims(networks->cman);
}

const struct tyto_cman *tyto_networks_cman(const struct tyto_networks *networks)
{
    return networks->cman;
}

void tyto_networks_places(const struct tyto_networks *networks, uint32_t *ret_rows,
                          uint32_t *ret_cols)
{
    uint32_t channels;
    tyto_visual_shape(networks->visual, ret_rows, ret_cols, &channels);
}

const char *tyto_networks_device_name(const struct tyto_networks *networks)
{
    return networks->device_name;
}

enum tyto_exec tyto_networks_exec(const struct tyto_networks *networks)
{
    return tyto_visual_exec(networks->visual);
}
