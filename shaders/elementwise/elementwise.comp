// SPDX-License-Identifier: MIT
// elementwise - what no other kernel could take into its epilogue.
//   copy   out[i] = f(a[i])
//   add    out[i] = f(a[i] + b[i])
//   scale  out[i] = f(a[i] * b[i mod C] + bias[i mod C])
//   f(x) = max(act(x), clamp_min)
// a, out (num) f32, b (num) or (C), bias (C); out may be a
// grid     x: values in groups of LANES, a second row of groups past the device's limit (y)
// limits   num < 2^31
// numerics one rounding a step; sigmoid and tanh within 2e-6 absolute; NaN stays NaN or becomes
//          a bound of act
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/elementwise/elementwise_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_elementwise_push push; };
layout(set = 0, binding = 0) uniform textureBuffer a;
layout(set = 0, binding = 1) uniform textureBuffer b;
layout(set = 0, binding = 2) uniform textureBuffer bias;
layout(set = 0, binding = 3) writeonly buffer Out { float result[]; };

void main()
{
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint i = group * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= push.num)
        return;

    float x = texelFetch(a, int(i)).x;
    if (push.op == TYTO_ELEMENTWISE_ADD) {
        x += texelFetch(b, int(i)).x;
    } else if (push.op == TYTO_ELEMENTWISE_SCALE) {
        const int c = int(i % push.channels);
        x = x * texelFetch(b, c).x + texelFetch(bias, c).x;
    }
    x = tyto_act(push.act, vec4(x), push.act_slope).x;
    result[i] = max(x, push.clamp_min);
}
