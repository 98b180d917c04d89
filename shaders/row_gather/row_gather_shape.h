/* SPDX-License-Identifier: MIT */
/* What row_gather.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ROW_GATHER_SHAPE_H
#define TYTO_ROW_GATHER_SHAPE_H

#include "shaders/include/types.h"

struct tyto_row_gather_push {
    uint32_t num_rows;  /* rows of in */
    uint32_t in_width;  /* W */
    uint32_t out_width; /* C >= W; the columns above W are zero */
};

#endif
