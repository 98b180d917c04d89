/* SPDX-License-Identifier: MIT */
/* What the kernels of cosine_attn_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_COSINE_ATTN_BACK_SHAPE_H
#define TYTO_COSINE_ATTN_BACK_SHAPE_H

#ifdef VULKAN
#define uint32_t uint
#else
#include <stdint.h>
#endif

struct tyto_cosine_attn_back_push {
    uint32_t num_places; /* L */
    uint32_t width;      /* D, a multiple of 4 */
    uint32_t num_rows;   /* rows of keys */
};

#endif
