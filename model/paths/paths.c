/* SPDX-License-Identifier: MIT */
#include "model/paths/paths.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

static const char advice[] = "is not there: run scripts/setup, or name another folder of models";

static bool join(char *ret_path, const char *dir, const char *name)
{
    const int num = snprintf(ret_path, TYTO_MODEL_PATH_MAX, "%s/%s", dir, name);
    return num > 0 && num < TYTO_MODEL_PATH_MAX;
}

static enum tyto_err check(const char *path, struct tyto_fault *ret_fault)
{
    if (access(path, R_OK) == 0)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, path, 0, NULL, "%s", advice);
}

enum tyto_err tyto_model_paths_find(const char *dir, struct tyto_model_paths *ret_paths,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_model_paths paths = *ret_paths;
    char models_dir[TYTO_MODEL_PATH_MAX];
    bool ok;
    if (dir && dir[0]) {
        ok = snprintf(models_dir, sizeof(models_dir), "%s", dir) < (int)sizeof(models_dir) - 64;
    } else {
        ok = tyto_paths_program("../share/tyto/models", models_dir, sizeof(models_dir) - 64);
    }
    if (ok && !paths.visual[0])
        ok = join(paths.visual, models_dir, "visual.safetensors");
    if (ok && !paths.audio[0])
        ok = join(paths.audio, models_dir, "audio.safetensors");
    if (ok && !paths.head[0]) {
        ok = join(paths.head, models_dir, "head.safetensors");
        if (ok && access(paths.head, F_OK) != 0)
            ok = join(paths.head, models_dir, "../weights/head.safetensors");
    }
    if (!ok)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "the path of the models is too long");
    enum tyto_err err = check(paths.visual, ret_fault);
    if (!err)
        err = check(paths.audio, ret_fault);
    if (!err)
        err = check(paths.head, ret_fault);
    if (!err)
        *ret_paths = paths;
    return err;
}
