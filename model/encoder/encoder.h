/* SPDX-License-Identifier: MIT */
/* The encoders behind one interface: frames and sound in, features out, by one
 * of two executors that agree: Vulkan (any device), or XNNPACK (machines without
 * a GPU). Features land in a buffer of the gpu that the head's plan binds, so
 * that on a GPU they never leave it. */
#ifndef TYTO_MODEL_ENCODER_ENCODER_H
#define TYTO_MODEL_ENCODER_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/frame.h"
#include "base/log.h"
#include "model/executor/executor.h"
#include "model/graph/detector.h"
#include "shaders/runtime/gpu.h"

/* --- visual encoder -------------------------------------------------------------- */

struct tyto_visual_params {
    const char *weights_path; /* safetensors written by tyto model import */
    bool cuts_last;           /* gives what its last layer reads (model/graph/last.h) */
    struct tyto_gpu *gpu;
    enum tyto_exec exec;
    uint32_t max_batch;
    uint32_t num_threads;
    const struct tyto_log *log;
};

struct tyto_visual;

/* FORMAT/SHAPE/NOT_FOUND with *ret_fault filled when the weights do not fit. */
TYTO_MUST_CHECK
enum tyto_err tyto_visual_create(const struct tyto_visual_params *params,
                                 struct tyto_visual **ret_visual, struct tyto_fault *ret_fault);
void tyto_visual_destroy(struct tyto_visual **visual);
/* Output shape is (max_batch, places_y*places_x, channels); of tall pictures see fit. */
void tyto_visual_shape(const struct tyto_visual *visual, uint32_t *ret_places_y,
                       uint32_t *ret_places_x, uint32_t *ret_channels);
enum tyto_exec tyto_visual_exec(const struct tyto_visual *visual);
/* Where a picture of that size, 1 or more each, lies among the places, and how those lie: as
 * tyto_visual_shape says, or for a tall picture, if the file has a graph for them, the other way
 * round. */
struct tyto_picture_fit tyto_visual_fit(const struct tyto_visual *visual, uint32_t width,
                                        uint32_t height, uint32_t *ret_places_y,
                                        uint32_t *ret_places_x);
/* Row i of the output becomes the features of frames[i]: the whole picture,
 * resized to the network's input by a triangle filter (antialiased bilinear), squashed
 * or letterboxed and normalised as the weights file says. num_frames <= max_batch. */
TYTO_MUST_CHECK
enum tyto_err tyto_visual_run(struct tyto_visual *visual, const struct tyto_frame *frames,
                              uint32_t num_frames);
const struct tyto_buf *tyto_visual_output(const struct tyto_visual *visual);
/* The detector beside the features: its classes. NULL when the file has none. Borrowed. */
const struct tyto_detector *tyto_visual_detector(const struct tyto_visual *visual);
/* What the detector sees in frames[row] of the last run: see tyto_detector_find. INVALID without a
 * detector, for a row that did not run and for a min_score outside (0, 1). */
TYTO_MUST_CHECK
enum tyto_err tyto_visual_find(struct tyto_visual *visual, uint32_t row, float min_score,
                               struct tyto_detection *ret_found, uint32_t max_found,
                               uint32_t *ret_num);

/* --- audio encoder ---------------------------------------------------------------- */

struct tyto_audio_params {
    const char *weights_path;
    struct tyto_gpu *gpu;
    enum tyto_exec exec;
    uint32_t max_batch;
    uint32_t segment_samples; /* 16 kHz mono samples of one segment: 16000 by default */
    uint32_t num_threads;
    const struct tyto_log *log;
};

struct tyto_audio;

TYTO_MUST_CHECK
enum tyto_err tyto_audio_create(const struct tyto_audio_params *params,
                                struct tyto_audio **ret_audio, struct tyto_fault *ret_fault);
void tyto_audio_destroy(struct tyto_audio **audio);
uint32_t tyto_audio_channels(const struct tyto_audio *audio); /* A */
enum tyto_exec tyto_audio_exec(const struct tyto_audio *audio);
/* pcm[i]: segment_samples samples in [-1, 1], borrowed. Row i of the output is
 *   [ mean over windows of the embedding (E) | log-mel mean over time (M) |
 *     log-mel standard deviation over time (M) ],  A = E + 2 M. */
TYTO_MUST_CHECK
enum tyto_err tyto_audio_run(struct tyto_audio *audio, const float *const *pcm,
                             uint32_t num_segments);
const struct tyto_buf *tyto_audio_output(const struct tyto_audio *audio); /* (max_batch, A) */

#endif
