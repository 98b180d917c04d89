/* SPDX-License-Identifier: MIT */
/* Sound to features with every step on the device. Inner part of model/encoder/audio.c. */
#ifndef TYTO_MODEL_ENCODER_AUDIO_DEVICE_H
#define TYTO_MODEL_ENCODER_AUDIO_DEVICE_H

#include <stdint.h>

#include "base/err.h"
#include "model/encoder/encoder.h"
#include "shaders/log_mel/log_mel.h"

/* How the frames of a segment are cut for the network. */
struct tyto_audio_layout {
    uint32_t num_frames, num_mel;       /* of a segment */
    uint32_t window_frames, frames_hop; /* of the network */
    uint32_t num_windows;               /* of a segment */
    uint32_t rows_per_segment;          /* of the executor's batch: 1 or num_windows */
    uint32_t row_frames;                /* of such a row */
    uint32_t num_places;                /* embeddings of a segment */
    uint32_t embedding;                 /* their width */
};

struct tyto_audio_device;

/* gpu and exec (a VULKAN one for max_batch * rows_per_segment) are borrowed until destroy. */
TYTO_MUST_CHECK
enum tyto_err tyto_audio_device_create(struct tyto_gpu *gpu, const struct tyto_log_mel_shape *shape,
                                       const struct tyto_audio_layout *layout, uint32_t max_batch,
                                       struct tyto_executor *exec,
                                       struct tyto_audio_device **ret_device);
void tyto_audio_device_destroy(struct tyto_audio_device **device);
/* 1 <= num_segments <= max_batch. */
TYTO_MUST_CHECK
enum tyto_err tyto_audio_device_run(struct tyto_audio_device *device, const float *const *pcm,
                                    uint32_t num_segments);
const struct tyto_buf *tyto_audio_device_output(const struct tyto_audio_device *device);

#endif
