/* SPDX-License-Identifier: MIT */
/* Options of every command that needs features of recordings: where the cache is, which encoders,
 * how to decode. */
#ifndef TYTO_CLI_COMMON_MEDIA_H
#define TYTO_CLI_COMMON_MEDIA_H

#include <getopt.h>
#include <stdbool.h>

#include "model/paths/paths.h"
#include "trainer/data/features/features.h"

enum tyto_media_opt {
    TYTO_MEDIA_OPT_CACHE = 0x4000,
    TYTO_MEDIA_OPT_MODELS,
    TYTO_MEDIA_OPT_JOBS,
    TYTO_MEDIA_OPT_KEYFRAMES,
    TYTO_MEDIA_OPT_DEVICE,
    TYTO_MEDIA_OPT_EXEC,
};

/* clang-format off */
#define TYTO_MEDIA_LONG_OPTIONS                                                                    \
    {"cache", required_argument, NULL, TYTO_MEDIA_OPT_CACHE},                                      \
    {"models", required_argument, NULL, TYTO_MEDIA_OPT_MODELS},                                    \
    {"jobs", required_argument, NULL, TYTO_MEDIA_OPT_JOBS},                                        \
    {"keyframes", no_argument, NULL, TYTO_MEDIA_OPT_KEYFRAMES},                                    \
    {"device", required_argument, NULL, TYTO_MEDIA_OPT_DEVICE},                                    \
    {"exec", required_argument, NULL, TYTO_MEDIA_OPT_EXEC}
/* clang-format on */

#define TYTO_MEDIA_HELP                                                                            \
    "  --cache DIR        where features are kept (default: $XDG_CACHE_HOME/tyto/features)\n"      \
    "  --models DIR       where visual.safetensors and audio.safetensors are\n"                    \
    "  --jobs N           recordings decoded at a time (default: 2)\n"                             \
    "  --keyframes        take the keyframe of a second where there is one: cheaper decoding\n"    \
    "  --device NAME      auto, gpu, cpu or an index of `tyto devices`\n"                          \
    "  --exec KIND        encoders by: auto (default), vulkan, cpu\n"

struct tyto_media_options {
    const char *cache_dir, *models_dir, *device;
    uint32_t num_jobs;
    bool keyframes;
    enum tyto_exec exec;
    char default_cache[4096];
    struct tyto_model_paths paths;
};

/* Takes an option's value; false, said on stderr, when it makes no sense. */
bool tyto_media_options_take(struct tyto_media_options *options, const char *command, int option,
                             const char *value);
/* All fields of *ret_params but the callbacks; its texts are borrowed from options. NOT_FOUND when
 * the encoders are not there. */
TYTO_MUST_CHECK
enum tyto_err tyto_media_options_get(struct tyto_media_options *options,
                                     struct tyto_features_params *ret_params,
                                     struct tyto_fault *ret_fault);

#endif
