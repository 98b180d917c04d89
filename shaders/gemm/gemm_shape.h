/* SPDX-License-Identifier: MIT */
/* Shared by gemm.c and gemm.comp. */
#ifndef TYTO_SHADERS_GEMM_SHAPE_H
#define TYTO_SHADERS_GEMM_SHAPE_H

#include "shaders/include/types.h"

#define GEMM_LANES 8
#define GEMM_PANEL 32    /* columns of y that one group makes: 4 a lane */
#define GEMM_MAX_ROWS 16 /* rows of y that one group makes, at most */
/* The variants for real GPUs: 64 lanes make 32 rows and a panel, 4 rows and 4 columns each; or 64
 * rows and 2 panels, 8 rows and twice 4 columns each (BIG), where that still makes enough groups.
 */
#define GEMM_GROUP_LANES 64
#define GEMM_GROUP_K4 4 /* k in shared memory at a time, in fours */
#define GEMM_SMALL_PANELS 1
#define GEMM_SMALL_LANE_ROWS 4
#define GEMM_BIG_PANELS 2
#define GEMM_BIG_LANE_ROWS 8
#define GEMM_GROUP_ROWS(lane_rows) ((lane_rows) * (GEMM_GROUP_LANES / GEMM_LANES))
#define GEMM_MAX_DIM 1048576
/* Lavapipe ends the loops of a lane, silently, after 65535 rounds of all of them together. */
#define GEMM_MAX_ROUNDS 65532
#define GEMM_MAX_K (4 * GEMM_MAX_ROUNDS)

/* Epilogue flags, beside the activation. */
#define GEMM_BIAS 1
#define GEMM_RESIDUAL 2
#define GEMM_CLAMP_MIN 4

#ifdef TYTO_GLSL
#ifdef BIG
#define GROUP_PANELS GEMM_BIG_PANELS
#define GROUP_LANE_ROWS GEMM_BIG_LANE_ROWS
#else
#define GROUP_PANELS GEMM_SMALL_PANELS
#define GROUP_LANE_ROWS GEMM_SMALL_LANE_ROWS
#endif
#define GROUP_ROWS GEMM_GROUP_ROWS(GROUP_LANE_ROWS)
#endif

/* Offsets and row lengths of x are in texels (4 floats; floats in the scalar
 * variant), those of y and residual in floats (multiples of 4 unless scalar). */
struct gemm_push {
    uint32_t m, n, k;
    uint32_t x_offset, x_row, x_batch;
    uint32_t y_offset, y_row, y_batch;
    uint32_t r_offset, r_row, r_batch;
    float slope, clamp_min;
};

#endif
