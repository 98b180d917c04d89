#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// lstm_sentinel - one time step of an LSTM that keeps a sentinel beside its state.
//   [i f g o n] = x[b,t] + W h[b,t-1]           x holds the input's part and the biases
//   c' = sig(f) c + sig(i) tanh(g);  h[b,t] = sig(o) tanh(c');  s[b,t] = sig(n) tanh(c')
// x (B, T, in_stride) f32: 5 D columns from in_offset, gate by gate; h, s (B, T, D) f32;
// cell (B, D) f32; w4 [from][to] of (i,f,g,o); wn [from/4][to][from%4]. h, c before t = 0 are 0.
// h and cell are bound twice, to read them by texels.
// grid     x: ceil(D / LANES) groups of one subgroup, a lane per unit; y: ceil(B / TILE). Lane r
//          reads row r of h and hands it round: TILE rows share each weight, and there is neither
//          shared memory nor a barrier; the recursion over t is a row of dispatches.
// limits   D <= MAX_WIDTH, a multiple of 4; TILE <= min(LANES, 8)
// numerics f32, sigmoid and tanh by exp, within 1e-5 of the reference after 10 steps of
//          pre-activations up to 10
// source   Hochreiter & Schmidhuber 1997; sentinel of Lu et al., CVPR 2017
#include "shaders/include/tyto.glsl"
#include "shaders/lstm_sentinel/lstm_sentinel_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint TILE = TYTO_LSTM_SENTINEL_TILE;
layout(push_constant) uniform Push { tyto_lstm_sentinel_push push; };
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) uniform textureBuffer w4;
layout(binding = 2) uniform textureBuffer wn;
layout(binding = 3) uniform textureBuffer cell_before;
layout(binding = 4) uniform textureBuffer h_before;
layout(binding = 5) writeonly buffer Cell { float cell[]; };
layout(binding = 6) writeonly buffer H { float h[]; };
layout(binding = 7) writeonly buffer S { float s[]; };

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint unit = gl_WorkGroupID.x * LANES + lane;
    const uint j = min(unit, push.width - 1); // all lanes stay for the shuffles
    const uint b0 = gl_WorkGroupID.y * TILE;
    const uint rows = push.num_segments;
    const uint mine = min(b0 + lane % TILE, push.batch - 1) * rows;
    vec4 acc[TYTO_LSTM_SENTINEL_TILE];
    float acc_n[TYTO_LSTM_SENTINEL_TILE];

    [[unroll]] for (uint r = 0; r < TYTO_LSTM_SENTINEL_TILE; r++) {
        if (r >= TILE)
            continue;
        const uint row = min(b0 + r, push.batch - 1) * rows + push.t;
        const uint at = row * push.in_stride + push.in_offset + j;
        for (uint q = 0; q < 4; q++)
            acc[r][q] = texelFetch(x, int(at + q * push.width)).x;
        acc_n[r] = texelFetch(x, int(at + 4 * push.width)).x;
    }

    for (uint k4 = 0; push.t > 0 && k4 < push.width / 4; k4++) {
        const vec4 held = texelFetch(h_before, int((mine + push.t - 1) * (push.width / 4) + k4));
        const vec4 w_n = texelFetch(wn, int(k4 * push.width + j));
        [[unroll]] for (uint i = 0; i < 4; i++) {
            const vec4 w = texelFetch(w4, int((k4 * 4 + i) * push.width + j));
            [[unroll]] for (uint r = 0; r < TYTO_LSTM_SENTINEL_TILE; r++) {
                if (r >= TILE)
                    continue;
                const float from = subgroupShuffle(held[i], r);
                acc[r] = fma(w, vec4(from), acc[r]);
                acc_n[r] = fma(w_n[i], from, acc_n[r]);
            }
        }
    }

    [[unroll]] for (uint r = 0; r < TYTO_LSTM_SENTINEL_TILE; r++) {
        const uint b = b0 + r;
        if (r >= TILE || b >= push.batch)
            continue;
        const float was =
            push.t > 0 ? texelFetch(cell_before, int(b * push.width + j)).x : 0.0;
        const vec4 gates = tyto_sigmoid(vec4(acc[r].xy, acc_n[r], acc[r].w));
        const float now = gates.y * was + gates.x * tyto_tanh(acc[r].zzzz).x;
        const float seen = tyto_tanh(vec4(now)).x;
        const uint at = (b * rows + push.t) * push.width + j;
        if (unit < push.width) {
            cell[b * push.width + j] = now;
            h[at] = gates.w * seen;
            s[at] = gates.z * seen;
        }
    }
}
