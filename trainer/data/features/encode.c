/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "trainer/data/features/internal.h"

static enum tyto_err create_networks(const struct tyto_features_params *params,
                                     struct tyto_features_encoders *encoders,
                                     struct tyto_fault *ret_fault)
{
    const struct tyto_gpu_params gpu_params = {.device = params->device, .log = params->log};
    enum tyto_err err = tyto_gpu_create(&gpu_params, &encoders->gpu);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, "device", "%s: %s",
                              params->device ? params->device : "auto", tyto_err_text(err));
    const struct tyto_visual_params visual_params = {.weights_path = params->visual_path,
                                                     .cuts_last = params->taps_visual,
                                                     .gpu = encoders->gpu,
                                                     .exec = params->exec,
                                                     .max_batch = encoders->max_batch,
                                                     .num_threads = params->num_threads,
                                                     .log = params->log};
    const struct tyto_audio_params audio_params = {
        .weights_path = params->audio_path,
        .gpu = encoders->gpu,
        .exec = params->exec,
        .max_batch = encoders->max_batch,
        .num_threads = params->num_threads,
        .segment_samples =
            (uint32_t)((params->segment_ns * TYTO_SOURCE_FILE_RATE_HZ + 500000000) / 1000000000),
        .log = params->log};
    err = tyto_visual_create(&visual_params, &encoders->visual, ret_fault);
    return !err ? tyto_audio_create(&audio_params, &encoders->audio, ret_fault) : err;
}

enum tyto_err tyto_features_encoders_create(const struct tyto_features_params *params,
                                            struct tyto_features_encoders *ret_encoders,
                                            struct tyto_fault *ret_fault)
{
    struct tyto_features_encoders encoders = {.max_batch = params->max_batch};
    enum tyto_err err = create_networks(params, &encoders, ret_fault);
    if (!err) {
        uint32_t rows, cols, channels;
        tyto_visual_shape(encoders.visual, &rows, &cols, &channels);
        encoders.shape = (struct tyto_cache_shape){.audio_in = tyto_audio_channels(encoders.audio),
                                                   .num_places = rows * cols,
                                                   .visual_in = channels};
        const size_t num_visual = (size_t)encoders.shape.num_places * channels;
        encoders.audio_rows =
            malloc(encoders.max_batch * encoders.shape.audio_in * sizeof(*encoders.audio_rows));
        encoders.visual_rows =
            malloc(encoders.max_batch * num_visual * sizeof(*encoders.visual_rows));
        encoders.frames = calloc(encoders.max_batch, sizeof(*encoders.frames));
        encoders.pcms = calloc(encoders.max_batch, sizeof(*encoders.pcms));
        if (!encoders.audio_rows || !encoders.visual_rows || !encoders.frames || !encoders.pcms)
            err = TYTO_ERR_NOMEM;
    }
    if (err)
        tyto_features_encoders_finish(&encoders);
    else
        *ret_encoders = encoders;
    return err;
}

void tyto_features_encoders_finish(struct tyto_features_encoders *encoders)
{
    tyto_audio_destroy(&encoders->audio);
    tyto_visual_destroy(&encoders->visual);
    tyto_gpu_destroy(&encoders->gpu);
    free(encoders->audio_rows);
    free(encoders->visual_rows);
    free(encoders->frames);
    free(encoders->pcms);
    *encoders = (struct tyto_features_encoders){0};
}

/* Rows come out packed, without those of segments that lack the part: spreads them, from the last
 * on, so that none is overwritten before it has moved. */
static void spread(float *rows, size_t row_len, const bool *has, uint32_t num, uint32_t num_packed)
{
    for (uint32_t i = num; i-- > 0;) {
        if (has[i] && --num_packed != i)
            memmove(rows + i * row_len, rows + num_packed * row_len, row_len * sizeof(*rows));
    }
}

enum tyto_err tyto_features_encode(struct tyto_features_encoders *encoders,
                                   const struct tyto_source_segment *const *segments, uint32_t num)
{
    const size_t num_audio = encoders->shape.audio_in;
    const size_t num_visual = (size_t)encoders->shape.num_places * encoders->shape.visual_in;
    bool *has = calloc(2 * (size_t)num + 1, sizeof(*has));
    if (!has)
        return TYTO_ERR_NOMEM;
    uint32_t num_pcms = 0, num_frames = 0;
    for (uint32_t i = 0; i < num; i++) {
        has[i] = segments[i]->pcm != NULL;
        has[num + i] = segments[i]->has_picture;
        if (has[i])
            encoders->pcms[num_pcms++] = segments[i]->pcm;
        if (has[num + i])
            encoders->frames[num_frames++] = segments[i]->frame;
    }
    enum tyto_err err = TYTO_OK;
    if (num_frames > 0)
        err = tyto_visual_run(encoders->visual, encoders->frames, num_frames);
    if (!err && num_frames > 0)
        err = tyto_buf_read(tyto_visual_output(encoders->visual), 0, encoders->visual_rows,
                            num_frames * num_visual * sizeof(float));
    if (!err && num_pcms > 0)
        err = tyto_audio_run(encoders->audio, encoders->pcms, num_pcms);
    if (!err && num_pcms > 0)
        err = tyto_buf_read(tyto_audio_output(encoders->audio), 0, encoders->audio_rows,
                            num_pcms * num_audio * sizeof(float));
    if (!err) {
        spread(encoders->audio_rows, num_audio, has, num, num_pcms);
        spread(encoders->visual_rows, num_visual, has + num, num, num_frames);
    }
    free(has);
    return err;
}
