/* SPDX-License-Identifier: MIT */
/* What the kernels of loss are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_LOSS_SHAPE_H
#define TYTO_LOSS_SHAPE_H

#include "shaders/include/types.h"

struct tyto_loss_push {
    uint32_t width;  /* N */
    uint32_t stride; /* elements from one row to the next, in all matrices */
};

#endif
