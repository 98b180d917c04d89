/* SPDX-License-Identifier: MIT */
/* What resize.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_RESIZE_SHAPE_H
#define TYTO_RESIZE_SHAPE_H

#include "shaders/include/types.h"

#define TYTO_RESIZE_PLACE_NEAREST 0
#define TYTO_RESIZE_PLACE_BILINEAR 1
#define TYTO_RESIZE_PLACE_CORNERS 2

struct tyto_resize_push {
    uint32_t mode;
    uint32_t in_h, in_w, out_h, out_w, channels;
    uint32_t num; /* floats of one item's output */
};

#endif
