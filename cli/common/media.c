/* SPDX-License-Identifier: MIT */
#include "cli/common/media.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/paths.h"
#include "options/common.h"
#include "pipeline/engine/options.h"

/* clang-format off */
const struct tyto_option tyto_media_rows[TYTO_MEDIA_NUM_OPTIONS] = {
    TYTO_OPTION_CACHE(struct tyto_media_options, cache_dir),
    TYTO_OPTION_MODELS(struct tyto_media_options, models_dir),
    {.key = "jobs", .type = TYTO_OPTION_U32, TYTO_OPTION_AT(struct tyto_media_options, num_jobs),
     .min = 1, .max = TYTO_FEATURES_MAX_JOBS, .help = "recordings decoded at a time"},
    {.key = "keyframes", .type = TYTO_OPTION_FLAG,
     TYTO_OPTION_AT(struct tyto_media_options, keyframes),
     .help = "take the keyframe of a second where there is one: cheaper decoding"},
    TYTO_OPTION_DEVICE(TYTO_OPTION_TEXT, struct tyto_media_options, device),
    TYTO_ENGINE_OPTION_EXEC(struct tyto_media_options, exec),
};
/* clang-format on */

static enum tyto_err find_cache(struct tyto_media_options *options, struct tyto_fault *ret_fault)
{
    if (!tyto_paths_cache("features", options->default_cache, sizeof(options->default_cache)))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, NULL, 0, "--cache",
                              "there is no HOME: say where features are kept");
    return TYTO_OK;
}

enum tyto_err tyto_media_options_get(struct tyto_media_options *options,
                                     struct tyto_features_params *ret_params,
                                     struct tyto_fault *ret_fault)
{
    /* The head is not wanted here: any name does. */
    snprintf(options->paths.head, sizeof(options->paths.head), "/");
    enum tyto_err err = tyto_model_paths_find(options->models_dir, &options->paths, ret_fault);
    if (!err && !options->cache_dir)
        err = find_cache(options, ret_fault);
    if (err)
        return err;
    *ret_params = (struct tyto_features_params){
        .visual_path = options->paths.visual,
        .audio_path = options->paths.audio,
        .cache_dir = options->cache_dir ? options->cache_dir : options->default_cache,
        .device = options->device,
        .exec = options->exec,
        .num_jobs = options->num_jobs,
        .pictures = options->keyframes ? TYTO_SOURCE_FILE_KEYFRAMES : TYTO_SOURCE_FILE_NEAREST,
    };
    return TYTO_OK;
}
