/* SPDX-License-Identifier: MIT */
/* What the kernels of attn_pool_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ATTN_POOL_BACK_SHAPE_H
#define TYTO_ATTN_POOL_BACK_SHAPE_H

#ifdef VULKAN
#define uint32_t uint
#else
#include <stdint.h>
#endif

struct tyto_attn_pool_back_push {
    uint32_t num_places; /* L */
    uint32_t width;      /* C, a multiple of 4 */
    uint32_t num_rows;   /* rows of feats */
};

#endif
