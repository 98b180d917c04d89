/* SPDX-License-Identifier: MIT */
/* What the kernels of dropout are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_DROPOUT_SHAPE_H
#define TYTO_DROPOUT_SHAPE_H

#include "shaders/include/types.h"

struct tyto_dropout_push {
    uint32_t num4;      /* values / 4 */
    uint32_t first4;    /* number of the first value / 4, where x is a part of something larger */
    uint32_t site;      /* which dropout of the network this is */
    uint32_t threshold; /* a draw below it drops the value */
    float scale;        /* of what is kept */
};

#endif
