/* SPDX-License-Identifier: MIT */
/* What the kernels of lstm_sentinel_back are told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_LSTM_SENTINEL_BACK_SHAPE_H
#define TYTO_LSTM_SENTINEL_BACK_SHAPE_H

#include "shaders/include/types.h"

struct tyto_lstm_sentinel_back_push {
    uint32_t num_segments; /* T */
    uint32_t width;        /* D */
    uint32_t dx_stride;    /* elements from one row of dx to the next */
    uint32_t dx_offset;
    uint32_t t; /* the step that a dispatch does */
};

#endif
