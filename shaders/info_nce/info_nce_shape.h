/* SPDX-License-Identifier: MIT */
/* What the kernels of info_nce are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_INFO_NCE_SHAPE_H
#define TYTO_INFO_NCE_SHAPE_H

#define TYTO_INFO_NCE_MAX_ROWS 8192

#include "shaders/include/types.h"

struct tyto_info_nce_push {
    uint32_t rows, row_stride; /* N; its next multiple of 4: the length of a row of scores */
    uint32_t width;            /* D */
    uint32_t segments;         /* rows that follow each other and are no negatives of each other */
    uint32_t weight_stride;    /* from one row's weight to the next one's */
    float scale;               /* 1 / temperature */
};

#endif
