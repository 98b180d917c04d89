/* SPDX-License-Identifier: MIT */
/* Internal to features: recordings (features.c) and what decodes (features_decode.c) and encodes
 * them (features_encode.c). */
#ifndef TYTO_TRAINER_DATA_FEATURES_INTERNAL_H
#define TYTO_TRAINER_DATA_FEATURES_INTERNAL_H

#include <stdatomic.h>

#include "trainer/data/features/features.h"
#include "trainer/data/features/queue.h"

struct tyto_features_recording {
    char *path;
    char *shard;                     /* owned; NULL until the content is known */
    char key[TYTO_DIGEST_HEX_BYTES]; /* likewise */
    uint64_t num_bytes;
    bool is_bad;
    struct tyto_cache_writer *writer; /* while it is encoded */
};

/* Both encoders, and the features of one batch in host memory. */
struct tyto_features_encoders {
    struct tyto_gpu *gpu;
    struct tyto_visual *visual;
    struct tyto_audio *audio;
    struct tyto_cache_shape shape;
    uint32_t max_batch;
    float *audio_rows;  /* (max_batch, A) */
    float *visual_rows; /* (max_batch, L, V) */
    struct tyto_frame *frames;
    const float **pcms;
};

struct tyto_features {
    struct tyto_features_params params; /* its texts are owned */
    char *visual_path, *audio_path, *cache_dir, *device;
    char visual_digest[TYTO_DIGEST_HEX_BYTES], audio_digest[TYTO_DIGEST_HEX_BYTES];
    struct tyto_features_recording *recordings;
    uint32_t num_recordings;
    struct tyto_features_encoders encoders; /* made when the first recording needs them */
    struct tyto_features_queue *queue;
    atomic_uint next_recording; /* which no thread has taken yet */
};

/* One thread of those that decode: takes recordings until there are no more. */
void *tyto_features_decode(void *features);

TYTO_MUST_CHECK
enum tyto_err tyto_features_encoders_create(const struct tyto_features_params *params,
                                            struct tyto_features_encoders *ret_encoders,
                                            struct tyto_fault *ret_fault);
void tyto_features_encoders_finish(struct tyto_features_encoders *encoders);
/* Row i of the host rows becomes the features of segments[i]. num <= max_batch. */
TYTO_MUST_CHECK
enum tyto_err tyto_features_encode(struct tyto_features_encoders *encoders,
                                   const struct tyto_source_segment *const *segments, uint32_t num);

#endif
