/* SPDX-License-Identifier: MIT */
/* What self_attn.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SELF_ATTN_SHAPE_H
#define TYTO_SELF_ATTN_SHAPE_H

#define TYTO_SELF_ATTN_MAX_SEGMENTS 64

#include "shaders/include/types.h"

struct tyto_self_attn_push {
    uint32_t num_segments; /* T */
    uint32_t key_width;    /* D */
    uint32_t width;        /* C */
    uint32_t qkv_stride;   /* elements from one row of qkv to the next */
    uint32_t look_ahead;   /* 0xffffffff: no mask */
    float scale;           /* 1 / sqrt(key width before padding) */
};

#endif
