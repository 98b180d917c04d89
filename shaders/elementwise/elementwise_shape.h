/* SPDX-License-Identifier: MIT */
/* What elementwise.comp is told at each dispatch; C and GLSL read this file. */
#ifndef TYTO_ELEMENTWISE_SHAPE_H
#define TYTO_ELEMENTWISE_SHAPE_H

#include "shaders/include/types.h"

/* Each lane makes so many times four values. */
#define TYTO_ELEMENTWISE_QUADS 4

#define TYTO_ELEMENTWISE_COPY 0
#define TYTO_ELEMENTWISE_ADD 1
#define TYTO_ELEMENTWISE_SCALE 2
#define TYTO_ELEMENTWISE_MUL 3

struct tyto_elementwise_push {
    uint32_t op;
    uint32_t num;      /* values */
    uint32_t channels; /* SCALE: weight and bias repeat after so many; MUL: factors of an item */
    uint32_t item;     /* MUL: values that go by the same factors */
    uint32_t act;      /* enum tyto_act */
    float act_slope;
    float clamp_min; /* -FLT_MAX: none */
};

#endif
