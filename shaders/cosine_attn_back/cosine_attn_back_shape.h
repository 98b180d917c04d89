/* SPDX-License-Identifier: MIT */
/* What the kernels of cosine_attn_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_COSINE_ATTN_BACK_SHAPE_H
#define TYTO_COSINE_ATTN_BACK_SHAPE_H

#include "shaders/cosine_attn/cosine_attn_shape.h"

/* The same as the way there. */
#define tyto_cosine_attn_back_push tyto_cosine_attn_push

#endif
