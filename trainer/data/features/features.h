/* SPDX-License-Identifier: MIT */
/* Features of recordings, made once: what is not in the cache yet is decoded (several recordings
 * at a time, a thread each) and encoded (in batches, by the calling thread) into one shard for
 * each. A shard is found again by what the recording holds and by the encoders' files, not by the
 * recording's name. Interrupting loses the recordings in hand, no more. */
#ifndef TYTO_TRAINER_DATA_FEATURES_FEATURES_H
#define TYTO_TRAINER_DATA_FEATURES_FEATURES_H

#include "base/fault.h"
#include "base/log.h"
#include "model/encoder/encoder.h"
#include "trainer/data/features/cache_file.h"
#include "trainer/media/read.h"

struct tyto_features_progress {
    uint32_t num_done, num_files; /* recordings, those in the cache already included */
    uint32_t num_cached;          /* of num_done: were there already */
    uint32_t num_bad;             /* of num_done: could not be read */
    uint32_t num_part;            /* of num_done: were read in part */
    double done_s, total_s;       /* footage that needed encoding: so far, in all (estimated) */
    double took_s;                /* done_s / took_s: times real time */
};

enum { TYTO_FEATURES_DEFAULT_JOBS = 2, TYTO_FEATURES_MAX_JOBS = 64 };

struct tyto_features_params {
    const char *visual_path, *audio_path; /* encoders' files (tyto model import) */
    const char *cache_dir;                /* made when missing */
    const char *device;                   /* of tyto_gpu_params */
    enum tyto_exec exec;
    uint32_t num_jobs;    /* recordings decoded at a time; 0: the default */
    uint32_t num_threads; /* of the encoders on the CPU; 0: 1 */
    uint32_t max_batch;   /* segments; 0: 16 */
    int64_t segment_ns;   /* 0: 1 s */
    enum tyto_source_file_pictures pictures;
    bool taps_visual; /* pictures: what the encoder's last layer reads, not what it gives */
    const struct tyto_log *log;
    void *user; /* of the callbacks, which are called by the thread that runs */
    void (*on_progress)(void *user, const struct tyto_features_progress *progress); /* or NULL */
    /* A recording that is left out, or was read in part. Either is told at every run. */
    void (*on_fault)(void *user, const struct tyto_fault *fault, bool is_left_out);
    bool (*should_stop)(void *user); /* asked often; or NULL */
};

struct tyto_features;

/* Reads the encoders' files; the encoders themselves are made when the first recording needs them.
 * paths: num_paths recordings, copied. */
TYTO_MUST_CHECK
enum tyto_err tyto_features_create(const struct tyto_features_params *params,
                                   const char *const *paths, uint32_t num_paths,
                                   struct tyto_features **ret_features,
                                   struct tyto_fault *ret_fault);
void tyto_features_destroy(struct tyto_features **features);
/* Brings every recording into the cache. A recording that cannot be read is told to on_fault and
 * left out. CLOSED when should_stop said so; IO when the cache cannot be written. */
TYTO_MUST_CHECK
enum tyto_err tyto_features_run(struct tyto_features *features,
                                struct tyto_features_progress *ret_progress,
                                struct tyto_fault *ret_fault);
/* Recording idx's shard, after a run; NULL: it could not be read. Borrowed until destroy. */
const char *tyto_features_shard(const struct tyto_features *features, uint32_t idx);
/* What that shard was made from: for tyto_cache_file_open. Likewise. */
const char *tyto_features_key(const struct tyto_features *features, uint32_t idx);
/* Hex SHA-256 of the encoders' files. Borrowed likewise. */
const char *tyto_features_audio_digest(const struct tyto_features *features);
const char *tyto_features_visual_digest(const struct tyto_features *features);

#endif
