/* SPDX-License-Identifier: MIT */
/* What the kernels of softmax_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SOFTMAX_BACK_SHAPE_H
#define TYTO_SOFTMAX_BACK_SHAPE_H

#include "shaders/include/types.h"

struct tyto_softmax_back_push {
    uint32_t width; /* N */
};

#endif
