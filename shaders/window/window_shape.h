/* SPDX-License-Identifier: MIT */
/* What window.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_WINDOW_SHAPE_H
#define TYTO_WINDOW_SHAPE_H

/* lavapipe ends a lane after 65535 loop turns. */
#define TYTO_WINDOW_MAX_WIDTH 65536

/* A stream that has no ring: the window is the newest row alone, nothing is kept. */
#define TYTO_WINDOW_NO_STREAM 0xffffffffu

#include "shaders/include/types.h"

/* One item of a batch. */
struct tyto_window_item {
    uint32_t stream; /* whose ring */
    uint32_t slot;   /* where the newest row goes, < T */
    uint32_t len;    /* rows in the window with the newest, 1..T */
    uint32_t zero;   /* keeps the size at 16 bytes */
};

struct tyto_window_push {
    uint32_t num_segments; /* T */
    uint32_t width;        /* W */
    uint32_t num_streams;  /* S */
};

#endif
