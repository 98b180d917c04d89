/* SPDX-License-Identifier: MIT */
/* Shared by conv.c and conv.comp. */
#ifndef TYTO_SHADERS_CONV_SHAPE_H
#define TYTO_SHADERS_CONV_SHAPE_H

#include "shaders/gemm/gemm_shape.h"

#define CONV_MAX_KERNEL 64
#define CONV_MAX_DIM 65535

/* n output channels. x_offset is in texels (in floats in the scalar variant), those of y and
 * residual in floats (multiples of 4 unless scalar). */
struct conv_push {
    uint32_t num_pixels; /* B * OH * OW */
    uint32_t in_h, in_w, in_c;
    uint32_t out_h, out_w, n;
    uint32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    uint32_t x_offset, y_offset, r_offset;
    float slope, clamp_min;
};

#endif
