/* SPDX-License-Identifier: MIT */
/* What the kernel of clamp_back is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_CLAMP_BACK_SHAPE_H
#define TYTO_CLAMP_BACK_SHAPE_H

#include "shaders/include/types.h"

struct tyto_clamp_back_push {
    uint32_t num4; /* values / 4 */
    float low, high;
};

#endif
