/* SPDX-License-Identifier: MIT */
/* What the kernels of self_attn_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SELF_ATTN_BACK_SHAPE_H
#define TYTO_SELF_ATTN_BACK_SHAPE_H

#ifdef VULKAN
#define uint32_t uint
#else
#include <stdint.h>
#endif

struct tyto_self_attn_back_push {
    uint32_t num_segments; /* T */
    uint32_t key_width;    /* D */
    uint32_t width;        /* C */
    uint32_t qkv_stride;   /* elements from one row of qkv to the next */
    uint32_t look_ahead;   /* 0xffffffff: no mask */
    float scale;           /* of the scores */
};

#endif
