/* SPDX-License-Identifier: MIT */
/* What the log_mel kernels are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_LOG_MEL_SHAPE_H
#define TYTO_LOG_MEL_SHAPE_H

#include "shaders/include/types.h"

/* Frames that one subgroup of power and bands works on. */
#define TYTO_LOG_MEL_ROWS 8

struct tyto_log_mel_fold_push {
    uint32_t num_samples, num_frames, hop, fft;
    uint32_t folded_vec4; /* of a folded row: fft/2+1 rounded up to 4 */
};

struct tyto_log_mel_power_push {
    uint32_t num_rows;    /* frames of all segments */
    uint32_t folded_vec4; /* of a folded row */
    uint32_t bins_vec4;   /* of a spectrum row and a table row */
    uint32_t root;        /* 1: magnitude, 0: power */
};

struct tyto_log_mel_bands_push {
    uint32_t num_rows, bins_vec4, mel_vec4, num_mel;
    uint32_t db; /* 1: 10 log10(max(x, floor)), 0: ln(x + floor) */
    float level_floor, post_scale, post_shift;
};

struct tyto_log_mel_level_push {
    uint32_t num; /* values of a segment */
    float top_db; /* 0: none */
    float post_scale, post_shift;
};

#endif
