/* SPDX-License-Identifier: MIT */
/* The default places of the networks' files. */
#ifndef TYTO_MODEL_PATHS_PATHS_H
#define TYTO_MODEL_PATHS_PATHS_H

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_MODEL_PATH_MAX = 4096 };

struct tyto_model_paths {
    char visual[TYTO_MODEL_PATH_MAX];
    char audio[TYTO_MODEL_PATH_MAX];
    char head[TYTO_MODEL_PATH_MAX];
};

/* visual.safetensors and audio.safetensors in dir, head.safetensors in dir or in
 * dir/../weights. dir NULL or "": ../share/tyto/models beside the running program.
 * What *ret_paths names already (not "") is left as it is. NOT_FOUND with the
 * first file that is missing and what to do about it. */
TYTO_MUST_CHECK
enum tyto_err tyto_model_paths_find(const char *dir, struct tyto_model_paths *ret_paths,
                                    struct tyto_fault *ret_fault);

#endif
