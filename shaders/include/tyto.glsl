// SPDX-License-Identifier: MIT
// What every kernel shares: extensions, and activations as an epilogue.
// Included first, after #version.
#ifndef TYTO_GLSL_INCLUDED
#define TYTO_GLSL_INCLUDED

#extension GL_EXT_samplerless_texture_functions : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require

#include "shaders/include/act.h"

// tanh from exp, without overflow at either end; within 3e-7 absolute of tanh.
vec4 tyto_tanh(vec4 x)
{
    vec4 e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

// exp(-x) may become infinite; 1/(1+inf) is the right 0.
vec4 tyto_sigmoid(vec4 x)
{
    return 1.0 / (1.0 + exp(-x));
}

vec4 tyto_act(uint act, vec4 x, float slope)
{
    if (act == TYTO_ACT_RELU)
        return max(x, vec4(0.0));
    if (act == TYTO_ACT_RELU6)
        return clamp(x, vec4(0.0), vec4(6.0));
    if (act == TYTO_ACT_LEAKY_RELU)
        return max(x, vec4(0.0)) + slope * min(x, vec4(0.0));
    if (act == TYTO_ACT_SIGMOID)
        return tyto_sigmoid(x);
    if (act == TYTO_ACT_TANH)
        return tyto_tanh(x);
    if (act == TYTO_ACT_HARD_SWISH)
        return x * (clamp(x + 3.0, vec4(0.0), vec4(6.0)) * (1.0 / 6.0));
    return x;
}

#endif
