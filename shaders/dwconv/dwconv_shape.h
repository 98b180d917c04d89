/* SPDX-License-Identifier: MIT */
/* Shared by dwconv.c and dwconv.comp. */
#ifndef TYTO_SHADERS_DWCONV_SHAPE_H
#define TYTO_SHADERS_DWCONV_SHAPE_H

#include "shaders/conv/conv_shape.h"

/* GROUP is for real GPUs, whose subgroups a group of 8 lanes would leave three quarters idle. */
#define DWCONV_LANES 8
#define DWCONV_GROUP_LANES 64

/* x_offset in texels (in floats in the scalar variant), y_offset in floats. */
struct dwconv_push {
    uint32_t num_batches, channels;
    uint32_t in_h, in_w, out_h, out_w;
    uint32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    uint32_t x_offset, y_offset;
    uint32_t rows; /* output rows that one group slides down */
    float slope, clamp_min;
};

#endif
