/* SPDX-License-Identifier: MIT */
/* What the kernels of co_attn_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_CO_ATTN_BACK_SHAPE_H
#define TYTO_CO_ATTN_BACK_SHAPE_H

#include "shaders/include/types.h"

struct tyto_co_attn_back_push {
    uint32_t num_segments; /* T */
    uint32_t width;        /* C: that of o and s */
    uint32_t key_width;    /* D */
    uint32_t other_stride; /* elements from one row of `other` to the next */
    uint32_t other_offset;
    uint32_t key_offset;
    uint32_t dout_stride;
    uint32_t dout_offset;
};

#endif
