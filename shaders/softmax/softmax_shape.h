/* SPDX-License-Identifier: MIT */
/* What softmax.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SOFTMAX_SHAPE_H
#define TYTO_SOFTMAX_SHAPE_H

#define TYTO_SOFTMAX_MAX_WIDTH 1048576

#ifdef VULKAN
#define uint32_t uint
#else
#include <stdint.h>
#endif

struct tyto_softmax_push {
    uint32_t width;
};

#endif
