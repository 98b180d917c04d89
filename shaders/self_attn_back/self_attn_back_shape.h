/* SPDX-License-Identifier: MIT */
/* What the kernels of self_attn_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_SELF_ATTN_BACK_SHAPE_H
#define TYTO_SELF_ATTN_BACK_SHAPE_H

#include "shaders/self_attn/self_attn_shape.h"

/* The same as the way there. */
#define tyto_self_attn_back_push tyto_self_attn_push

#endif
