#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// lstm_sentinel_back_step - one time step of an LSTM with sentinel, backwards.
//   e = tanh(c[t]);  dc = (dh[t] o + ds[t] n) (1 - e^2) + dc[t+1] f[t+1]
//   dx[t] = [dc g i(1-i) | dc c[t-1] f(1-f) | dc i (1-g^2) | dh[t] e o(1-o) | ds[t] e n(1-n)]
// gates (B, T, 5 D), cell, dh, ds (B, T, D), dx (B, T, dx_stride) f32 with 5 D columns from
// dx_offset; carry (B, D) holds dc f from one step to the next
// grid     x: ceil(D / LANES) groups of one subgroup, a lane per unit; y: b
// limits   B <= maxComputeWorkGroupCount[1]
// numerics f32; the gradients within 1e-4 relative
// source   derived: the chain rule on lstm_sentinel, through time
#include "shaders/include/tyto.glsl"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_lstm_sentinel_back_push push; };
layout(binding = 0) uniform textureBuffer gates;
layout(binding = 1) uniform textureBuffer cell;
layout(binding = 2) uniform textureBuffer dh;
layout(binding = 3) uniform textureBuffer ds;
layout(binding = 4) buffer Carry { float carry[]; };
layout(binding = 5) writeonly buffer Dx { float dx[]; };

void main()
{
    const uint j = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;

    if (j >= push.width)
        return;
    const uint row = b * push.num_segments + push.t;
    const uint at = row * push.width + j;
    float v[5];
    [[unroll]] for (uint q = 0; q < 5; q++)
        v[q] = texelFetch(gates, int((row * 5 + q) * push.width + j)).x;
    const float before = push.t > 0 ? texelFetch(cell, int(at - push.width)).x : 0.0;
    const float e = tyto_tanh(texelFetch(cell, int(at)).xxxx).x;
    const float back_h = texelFetch(dh, int(at)).x;
    const float back_s = texelFetch(ds, int(at)).x;
    const float later = push.t + 1 < push.num_segments ? carry[b * push.width + j] : 0.0;
    const float dc = (back_h * v[3] + back_s * v[4]) * (1.0 - e * e) + later;
    const uint to = row * push.dx_stride + push.dx_offset + j;

    carry[b * push.width + j] = dc * v[1];
    dx[to] = dc * v[2] * v[0] * (1.0 - v[0]);
    dx[to + push.width] = dc * before * v[1] * (1.0 - v[1]);
    dx[to + 2 * push.width] = dc * v[0] * (1.0 - v[2] * v[2]);
    dx[to + 3 * push.width] = back_h * e * v[3] * (1.0 - v[3]);
    dx[to + 4 * push.width] = back_s * e * v[4] * (1.0 - v[4]);
}
