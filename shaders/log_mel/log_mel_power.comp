// SPDX-License-Identifier: MIT
// log_mel_power - second of four: the DFT of the folded frames as two matrix products.
//   re[k] = sum_n even[n] C[n,k],  im[k] = sum_n odd[n] S[n,k]
//   out[k] = re^2 + im^2, or its root
// folded (rows, 2, folded) f32; tables C, S (folded, bins) f32; out (rows, bins) f32; bins is
// the number of bins that any mel band hears, rounded up to 4
// grid     x: rows in tiles of ROWS, y: bins in groups of 4 LANES; a group is one subgroup
// shared   none: lane r holds row r's next four values, shuffles hand them round
// limits   LANES >= ROWS; rows/ROWS <= maxComputeWorkGroupCount[0]
// numerics f32 sums of folded values: each of re, im within 1e-5 of the frame's largest
//          magnitude
// source   texel loads + shuffles: what lavapipe compiles into plain vector code
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/log_mel/log_mel_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_log_mel_power_push push; };
layout(set = 0, binding = 0) uniform textureBuffer folded;
layout(set = 0, binding = 1) uniform textureBuffer cosines;
layout(set = 0, binding = 2) uniform textureBuffer sines;
layout(set = 0, binding = 3) writeonly buffer Out { vec4 spectrum[]; };

const uint ROWS = TYTO_LOG_MEL_ROWS;

#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint first = gl_WorkGroupID.x * ROWS;
    // Lanes and rows past the end repeat the last one's work: cheaper than a branch.
    const uint bin = min(gl_WorkGroupID.y * LANES + lane, push.bins_vec4 - 1);
    const uint row = min(first + lane % ROWS, push.num_rows - 1);
    const uint row_at = row * 2 * push.folded_vec4;

#define DECLARE(r) vec4 re##r = vec4(0.0), im##r = vec4(0.0);
    EACH_ROW(DECLARE)
    for (uint q = 0; q < push.folded_vec4; q++) {
        const vec4 even = texelFetch(folded, int(row_at + q));
        const vec4 odd = texelFetch(folded, int(row_at + push.folded_vec4 + q));
        const int at = int(q * 4 * push.bins_vec4 + bin);
        const int step_ = int(push.bins_vec4);
        const vec4 c0 = texelFetch(cosines, at), c1 = texelFetch(cosines, at + step_),
                   c2 = texelFetch(cosines, at + 2 * step_),
                   c3 = texelFetch(cosines, at + 3 * step_);
        const vec4 s0 = texelFetch(sines, at), s1 = texelFetch(sines, at + step_),
                   s2 = texelFetch(sines, at + 2 * step_), s3 = texelFetch(sines, at + 3 * step_);
#define ACCUMULATE(r)                                                                              \
    {                                                                                              \
        const vec4 e = subgroupShuffle(even, r), o = subgroupShuffle(odd, r);                  \
        re##r += e.x * c0 + e.y * c1 + e.z * c2 + e.w * c3;                                        \
        im##r += o.x * s0 + o.y * s1 + o.z * s2 + o.w * s3;                                        \
    }
        EACH_ROW(ACCUMULATE)
    }
#define STORE(r)                                                                                   \
    {                                                                                              \
        const vec4 power = re##r * re##r + im##r * im##r;                                          \
        const uint at = min(first + r, push.num_rows - 1) * push.bins_vec4 + bin;                  \
        spectrum[at] = push.root == 1 ? sqrt(power) : power;                                       \
    }
    EACH_ROW(STORE)
}
