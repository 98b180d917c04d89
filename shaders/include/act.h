/* SPDX-License-Identifier: MIT */
/* Activations that kernels can fuse: one list of numbers for C and GLSL. */
#ifndef TYTO_SHADERS_INCLUDE_ACT_H
#define TYTO_SHADERS_INCLUDE_ACT_H

#ifdef TYTO_GLSL
const uint TYTO_ACT_NONE = 0;
const uint TYTO_ACT_RELU = 1;
const uint TYTO_ACT_RELU6 = 2;
const uint TYTO_ACT_LEAKY_RELU = 3;
const uint TYTO_ACT_SIGMOID = 4;
const uint TYTO_ACT_TANH = 5;
const uint TYTO_ACT_HARD_SWISH = 6;
#else
enum tyto_act {
    TYTO_ACT_NONE = 0,
    TYTO_ACT_RELU = 1,
    TYTO_ACT_RELU6 = 2,
    TYTO_ACT_LEAKY_RELU = 3, /* with a slope */
    TYTO_ACT_SIGMOID = 4,
    TYTO_ACT_TANH = 5,
    TYTO_ACT_HARD_SWISH = 6, /* x min(max(x + 3, 0), 6) / 6 */
    TYTO_ACT_NUM
};
#endif

#endif
