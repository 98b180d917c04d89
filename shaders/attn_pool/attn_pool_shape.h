/* SPDX-License-Identifier: MIT */
/* What attn_pool.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ATTN_POOL_SHAPE_H
#define TYTO_ATTN_POOL_SHAPE_H

#include "shaders/include/types.h"

struct tyto_attn_pool_push {
    uint32_t num_places; /* L */
    uint32_t width;      /* C */
    uint32_t num_rows;   /* rows of feats */
};

#endif
