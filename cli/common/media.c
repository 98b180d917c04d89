/* SPDX-License-Identifier: MIT */
#include "cli/common/media.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/paths.h"
#include "cli/common/options.h"

enum { MAX_JOBS = 64 };

static bool take_jobs(struct tyto_media_options *options, const char *command, const char *value)
{
    uint64_t num = 0;
    if (!tyto_option_count(command, "jobs", value, 1, MAX_JOBS, &num))
        return false;
    options->num_jobs = (uint32_t)num;
    return true;
}

static bool take_exec(struct tyto_media_options *options, const char *command, const char *value)
{
    static const char *const names[] = {"auto", "vulkan", "cpu", NULL};
    int idx = 0;
    if (!tyto_option_choice(command, "exec", value, names, &idx))
        return false;
    options->exec = (enum tyto_exec)idx;
    return true;
}

bool tyto_media_options_take(struct tyto_media_options *options, const char *command, int option,
                             const char *value)
{
    if (option == TYTO_MEDIA_OPT_JOBS)
        return take_jobs(options, command, value);
    if (option == TYTO_MEDIA_OPT_EXEC)
        return take_exec(options, command, value);
    if (option == TYTO_MEDIA_OPT_CACHE)
        options->cache_dir = value;
    else if (option == TYTO_MEDIA_OPT_MODELS)
        options->models_dir = value;
    else if (option == TYTO_MEDIA_OPT_DEVICE)
        options->device = value;
    else if (option == TYTO_MEDIA_OPT_KEYFRAMES)
        options->keyframes = true;
    return true;
}

static enum tyto_err find_cache(struct tyto_media_options *options, struct tyto_fault *ret_fault)
{
    if (options->cache_dir)
        return TYTO_OK;
    if (!tyto_paths_cache("features", options->default_cache, sizeof(options->default_cache)))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, NULL, 0, "--cache",
                              "there is no HOME: say where features are kept");
    options->cache_dir = options->default_cache;
    return TYTO_OK;
}

enum tyto_err tyto_media_options_get(struct tyto_media_options *options,
                                     struct tyto_features_params *ret_params,
                                     struct tyto_fault *ret_fault)
{
    /* The head is not wanted here: any name does. */
    snprintf(options->paths.head, sizeof(options->paths.head), "/");
    enum tyto_err err = tyto_model_paths_find(options->models_dir, &options->paths, ret_fault);
    if (err == TYTO_OK)
        err = find_cache(options, ret_fault);
    if (err != TYTO_OK)
        return err;
    *ret_params = (struct tyto_features_params){
        .visual_path = options->paths.visual,
        .audio_path = options->paths.audio,
        .cache_dir = options->cache_dir,
        .device = options->device,
        .exec = options->exec,
        .num_jobs = options->num_jobs,
        .pictures = options->keyframes ? TYTO_SOURCE_FILE_KEYFRAMES : TYTO_SOURCE_FILE_NEAREST,
    };
    return TYTO_OK;
}
