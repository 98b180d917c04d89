/* SPDX-License-Identifier: MIT */
/* What the kernels of attn_pool_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ATTN_POOL_BACK_SHAPE_H
#define TYTO_ATTN_POOL_BACK_SHAPE_H

#include "shaders/attn_pool/attn_pool_shape.h"

/* The same as the way there. */
#define tyto_attn_pool_back_push tyto_attn_pool_push

#endif
