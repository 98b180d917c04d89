/* SPDX-License-Identifier: MIT */
/* What the kernels of col_sum are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_COL_SUM_SHAPE_H
#define TYTO_COL_SUM_SHAPE_H

#define TYTO_COL_SUM_MAX_ROWS 65000 /* lavapipe ends a lane after 65535 loop turns */

#include "shaders/include/types.h"

struct tyto_col_sum_push {
    uint32_t rows;
    uint32_t cols;
    uint32_t stride; /* elements from one row to the next */
    uint32_t out_at; /* element of the first sum */
};

#endif
