/* SPDX-License-Identifier: MIT */
/* What a person may say about a foreign model file. */
#ifndef TYTO_MODEL_IMPORT_COMMON_PARAMS_H
#define TYTO_MODEL_IMPORT_COMMON_PARAMS_H

#include <stdint.h>

struct tyto_import_params {
    const char *path;          /* for messages, and opened by tyto_import */
    const char *input_name;    /* tensor to cut at; NULL: the model's input, or the first tensor
                                * after the last op that cannot be imported */
    const char *output_name;   /* name, or a part that only one tensor has; NULL: the model's own */
    uint32_t input_h, input_w; /* new input size; 0: the file's */
};

#endif
