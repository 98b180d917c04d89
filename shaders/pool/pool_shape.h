/* SPDX-License-Identifier: MIT */
/* What pool.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_POOL_SHAPE_H
#define TYTO_POOL_SHAPE_H

#include "shaders/include/types.h"

/* Values of a window. */
#define TYTO_POOL_MAX_WINDOW 30000

#define TYTO_POOL_MAX 0
#define TYTO_POOL_AVG 1
#define TYTO_POOL_STD 2

struct tyto_pool_push {
    uint32_t mode;
    uint32_t in_h, in_w, channels;
    uint32_t out_w, num_places; /* num_places = out_h * out_w */
    uint32_t kernel_h, kernel_w, stride_h, stride_w;
    uint32_t pad_top, pad_left;
    uint32_t out_pitch; /* floats between the places' outputs */
    uint32_t out_first; /* floats before the first */
    uint32_t out_item;  /* items before the first */
};

#endif
