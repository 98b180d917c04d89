/* SPDX-License-Identifier: MIT */
/* What the kernels of weights_pack are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_WEIGHTS_PACK_SHAPE_H
#define TYTO_WEIGHTS_PACK_SHAPE_H

#include "shaders/include/types.h"

struct tyto_weights_pack_push {
    uint32_t from;      /* float of the first weight, a multiple of 4 */
    uint32_t from_bias; /* of the first bias; 0xffffffff: none */
    uint32_t rows;      /* n */
    uint32_t cols;      /* k */
};

#endif
