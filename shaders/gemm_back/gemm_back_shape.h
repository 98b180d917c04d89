/* SPDX-License-Identifier: MIT */
/* Shared by gemm_back.c and its kernels. */
#ifndef TYTO_SHADERS_GEMM_BACK_SHAPE_H
#define TYTO_SHADERS_GEMM_BACK_SHAPE_H

#include "shaders/gemm/gemm_shape.h"

#define GEMM_BACK_W_ROWS 32 /* rows of dw that one group makes: a lane holds 4 columns of dy */

/* What happens to the residual: added, or dx is 0 where it is not above 0. */
#define GEMM_BACK_ADD 1
#define GEMM_BACK_GATE 2

/* Offsets and row lengths of what is read are in texels of 4 floats, of what is written (and of
 * the residual) in floats, all multiples of 4. n: columns written. */
struct gemm_back_x_push {
    uint32_t m, n, k; /* k: the outputs of the layer, summed over */
    uint32_t x_offset, x_row;
    uint32_t w_offset, w_row;
    uint32_t y_offset, y_row;
    uint32_t r_offset, r_row;
};

struct gemm_back_w_push {
    uint32_t m, rows, n; /* rows summed over; the layer's outputs and inputs */
    uint32_t chunk;      /* rows summed over by one z, a multiple of 4 */
    uint32_t d_offset, d_row;
    uint32_t x_offset, x_row;
    uint32_t y_offset, y_part; /* y_part: from one z's sums to the next's */
    uint32_t b_offset, b_part;
};

struct gemm_back_sum_push {
    uint32_t num4, num_parts, part4; /* texels */
    uint32_t x_offset4, y_offset4;
};

#endif
