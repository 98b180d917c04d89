// SPDX-License-Identifier: MIT
// lstm_sentinel - one time step of an LSTM that keeps a sentinel beside its state.
//   [i f g o n] = x[b,t] + W h[b,t-1]           x holds the input's part and the biases
//   c' = sig(f) c + sig(i) tanh(g);  h[b,t] = sig(o) tanh(c');  s[b,t] = sig(n) tanh(c')
// x (B, T, in_stride) f32: 5 D columns from in_offset, gate by gate; h, s (B, T, D) f32;
// cell (B, D) f32; w4 (D, D) of (i,f,g,o) and wn (D, D), both [from][to]. h, c before t = 0 are 0.
// grid     x: ceil(D / LANES) groups of one subgroup, a lane per unit; y: ceil(B / TILE).
//          Lanes read TILE rows of h once and hand them round; no shared memory, no barrier;
//          the recursion over t is a row of dispatches.
// limits   1 <= D <= MAX_WIDTH; D * D <= maxTexelBufferElements; 1 <= T, B
// numerics f32, sigmoid and tanh by exp, within 1e-5 of the reference after 10 steps of
//          pre-activations up to 10
// source   Hochreiter & Schmidhuber 1997; sentinel of Lu et al., CVPR 2017
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/lstm_sentinel/lstm_sentinel_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint TILE = TYTO_LSTM_SENTINEL_TILE;
layout(push_constant) uniform Push { tyto_lstm_sentinel_push push; };
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) uniform textureBuffer w4;
layout(set = 0, binding = 2) uniform textureBuffer wn;
layout(set = 0, binding = 3) buffer Cell { float cell[]; };
layout(set = 0, binding = 4) buffer H { float h[]; };
layout(set = 0, binding = 5) writeonly buffer S { float s[]; };

float sigmoid(float v)
{
    return 1.0 / (1.0 + exp(-clamp(v, -80.0, 80.0)));
}

// GLSL leaves the precision of tanh open; this is within a few 1e-7 everywhere.
float tanh_exp(float v)
{
    return 1.0 - 2.0 / (1.0 + exp(2.0 * clamp(v, -20.0, 20.0)));
}

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint unit = gl_WorkGroupID.x * LANES + lane;
    const uint j = min(unit, push.width - 1); // all lanes stay for the shuffle
    const uint b0 = gl_WorkGroupID.y * TILE;

    vec4 acc[TILE];
    float acc_n[TILE];
    for (uint r = 0; r < TILE; r++) {
        const uint b = min(b0 + r, push.batch - 1);
        const uint at = (b * push.num_segments + push.t) * push.in_stride + push.in_offset + j;
        acc[r] = vec4(x[at], x[at + push.width], x[at + 2 * push.width], x[at + 3 * push.width]);
        acc_n[r] = x[at + 4 * push.width];
    }

    for (uint k0 = 0; push.t > 0 && k0 < push.width; k0 += LANES) {
        const uint num_k = min(LANES, push.width - k0);
        float before[TILE];
        for (uint r = 0; r < TILE; r++) {
            const uint b = min(b0 + r, push.batch - 1);
            const uint k = min(k0 + lane, push.width - 1);
            before[r] = h[(b * push.num_segments + push.t - 1) * push.width + k];
        }
        for (uint k = 0; k < num_k; k++) {
            const vec4 w = texelFetch(w4, int((k0 + k) * push.width + j));
            const float w_n = texelFetch(wn, int((k0 + k) * push.width + j)).x;
            for (uint r = 0; r < TILE; r++) {
                const float from = subgroupShuffle(before[r], k);
                acc[r] += w * from;
                acc_n[r] += w_n * from;
            }
        }
    }

    for (uint r = 0; r < TILE; r++) {
        const uint b = b0 + r;
        if (b >= push.batch || unit >= push.width)
            continue;
        const float was = push.t > 0 ? cell[b * push.width + j] : 0.0;
        const float now = sigmoid(acc[r].y) * was + sigmoid(acc[r].x) * tanh_exp(acc[r].z);
        const float seen = tanh_exp(now);
        const uint at = (b * push.num_segments + push.t) * push.width + j;
        cell[b * push.width + j] = now;
        h[at] = sigmoid(acc[r].w) * seen;
        s[at] = sigmoid(acc_n[r]) * seen;
    }
}
