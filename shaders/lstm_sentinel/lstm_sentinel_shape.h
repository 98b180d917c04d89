/* SPDX-License-Identifier: MIT */
/* What lstm_sentinel.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_LSTM_SENTINEL_SHAPE_H
#define TYTO_LSTM_SENTINEL_SHAPE_H

#define TYTO_LSTM_SENTINEL_MAX_WIDTH 4096

/* Batch rows that one group handles, sharing each weight it has read. */
#define TYTO_LSTM_SENTINEL_TILE 8

#include "shaders/include/types.h"

struct tyto_lstm_sentinel_push {
    uint32_t batch;        /* B */
    uint32_t num_segments; /* T */
    uint32_t width;        /* D */
    uint32_t in_stride;    /* elements from one row of x to the next */
    uint32_t in_offset;    /* column of the first gate in x */
    uint32_t t;            /* the step this dispatch does */
};

#endif
