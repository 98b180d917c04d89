/* SPDX-License-Identifier: MIT */
/* What the kernels of adamw are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ADAMW_SHAPE_H
#define TYTO_ADAMW_SHAPE_H

#define TYTO_ADAMW_PARTS 64   /* groups that sum squares */
#define TYTO_ADAMW_GROUPS 512 /* groups that update */

#include "shaders/include/types.h"

struct tyto_adamw_push {
    uint32_t num4;      /* parameters / 4 */
    uint32_t num_parts; /* sums of squares */
};

#endif
