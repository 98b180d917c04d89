/* SPDX-License-Identifier: MIT */
/* Options of every command that needs features of recordings: where the cache is, which encoders,
 * how to decode. */
#ifndef TYTO_CLI_COMMON_MEDIA_H
#define TYTO_CLI_COMMON_MEDIA_H

#include <stdbool.h>

#include "model/paths/paths.h"
#include "options/options.h"
#include "trainer/data/features/features.h"

enum { TYTO_MEDIA_NUM_OPTIONS = 6 };

struct tyto_media_options {
    char *cache_dir, *models_dir, *device; /* owned; NULL: not given */
    uint32_t num_jobs;
    bool keyframes;
    enum tyto_exec exec;
    char default_cache[4096];
    struct tyto_model_paths paths;
};

/* Rows over struct tyto_media_options; num_jobs is TYTO_FEATURES_DEFAULT_JOBS at first. */
extern const struct tyto_option tyto_media_rows[TYTO_MEDIA_NUM_OPTIONS];

/* All fields of *ret_params but the callbacks; its texts are borrowed from options. NOT_FOUND when
 * the encoders are not there. */
TYTO_MUST_CHECK
enum tyto_err tyto_media_options_get(struct tyto_media_options *options,
                                     struct tyto_features_params *ret_params,
                                     struct tyto_fault *ret_fault);

#endif
