// SPDX-License-Identifier: MIT
// elementwise - what no other kernel could take into its epilogue.
//   copy   out[i] = f(a[i])
//   add    out[i] = f(a[i] + b[i])
//   mul    out[i] = f(a[i] * b[floor(i / item) C + i mod C])
//   scale  out[i] = f(a[i] * b[i mod C] + bias[i mod C])
//   f(x) = max(act(x), clamp_min)
// a, out (num) f32, b (num), (num / item, C) or (C), bias (C); out may be a
// grid     x: values in groups of 4 QUADS LANES, a second row of groups past the device's limit (y)
// limits   num < 2^31
// numerics one rounding a step; sigmoid and tanh within 2e-6 absolute; NaN stays NaN or becomes
//          a bound of act; hard swish of -inf is NaN
// source   layers of TFLite and ONNX
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

const uint QUADS = TYTO_ELEMENTWISE_QUADS;

vec4 value_of(uint quad)
{
    vec4 x = texelFetch(a, int(quad));

    if (push.op == TYTO_ELEMENTWISE_ADD) {
        x += texelFetch(b, int(quad));
    } else if (push.op == TYTO_ELEMENTWISE_SCALE) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            const uint c = (4 * quad + i) % push.channels;
            x[i] = x[i] * texelFetch(b, int(c / 4))[c % 4] + texelFetch(bias, int(c / 4))[c % 4];
        }
    } else if (push.op == TYTO_ELEMENTWISE_MUL) {
        const uint c = 4 * quad % push.channels, first = 4 * quad / push.item * push.channels;
        if (push.channels % 4 == 0) { // then a quad never leaves its item
            x *= texelFetch(b, int((first + c) / 4));
        } else {
            [[unroll]] for (uint i = 0; i < 4; i++) {
                const uint at = (4 * quad + i) / push.item * push.channels + (4 * quad + i) % push.channels;
                x[i] *= texelFetch(b, int(at / 4))[at % 4];
            }
        }
    }
    x = tyto_act(push.act, x, push.act_slope);
    return max(x, vec4(push.clamp_min));
}

void main()
{
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint first = group * gl_WorkGroupSize.x * QUADS + gl_LocalInvocationID.x;

    [[unroll]] for (uint q = 0; q < QUADS; q++) {
        const uint quad = first + q * gl_WorkGroupSize.x;
        if (4 * quad < push.num) {
            const vec4 x = value_of(quad);
            [[unroll]] for (uint i = 0; i < 4; i++)
                if (4 * quad + i < push.num)
                    result[4 * quad + i] = x[i];
        }
    }
}
