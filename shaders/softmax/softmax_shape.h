/* SPDX-License-Identifier: MIT */
/* What softmax.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SOFTMAX_SHAPE_H
#define TYTO_SOFTMAX_SHAPE_H

/* lavapipe ends a lane after 65535 loop turns, all its loops together: 3 * width / lanes here. */
#define TYTO_SOFTMAX_MAX_WIDTH 65536

#include "shaders/include/types.h"

struct tyto_softmax_push {
    uint32_t width;
};

#endif
