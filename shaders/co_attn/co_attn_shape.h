/* SPDX-License-Identifier: MIT */
/* What co_attn.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_CO_ATTN_SHAPE_H
#define TYTO_CO_ATTN_SHAPE_H

#define TYTO_CO_ATTN_MAX_SEGMENTS 64

#include "shaders/include/types.h"

struct tyto_co_attn_push {
    uint32_t num_segments; /* T */
    uint32_t width;        /* C: that of h, s and o */
    uint32_t key_width;    /* D */
    uint32_t other_stride; /* elements from one row of `other` to the next */
    uint32_t other_offset; /* column of o; the D columns of its key follow at key_offset */
    uint32_t key_offset;
    uint32_t out_stride;
    uint32_t out_offset;
    uint32_t look_ahead; /* 0xffffffff: no mask */
};

#endif
