/* SPDX-License-Identifier: MIT */
/* What the kernels of mil_pool are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_MIL_POOL_SHAPE_H
#define TYTO_MIL_POOL_SHAPE_H

#define TYTO_MIL_POOL_MEAN 0
#define TYTO_MIL_POOL_MAX 1

#include "shaders/include/types.h"

struct tyto_mil_pool_push {
    uint32_t num_segments; /* T */
    uint32_t stride;       /* N */
    uint32_t mode;
};

#endif
