/* SPDX-License-Identifier: MIT */
/* What cosine_attn.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_COSINE_ATTN_SHAPE_H
#define TYTO_COSINE_ATTN_SHAPE_H

/* A row number that stands for "this modality is missing". */
#define TYTO_ROW_NONE 0xffffffffu

#include "shaders/include/types.h"

struct tyto_cosine_attn_push {
    uint32_t num_places; /* L */
    uint32_t width;      /* D, a multiple of 4 */
    uint32_t num_rows;   /* rows of keys */
};

#endif
