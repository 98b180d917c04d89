#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// co_attn_back_scores - the gradient of the scores of "which", which is a softmax over the other
// stream's segments and the sentinel: p[k] = (1 - beta) align[k], and beta.
//   dp[k] = <dout[t], o[k]>, dps = <dout[t], s[t]>, mean = sum_k p[k] dp[k] + beta dps
//   dz[t,k] = p[k] (dp[k] - mean);  dzs[t] = beta (dps - mean)
// other (B, T, other_stride), s (B, T, C), dout (B, T, dout_stride), align (B, T, T), beta (B, T),
// scratch (B, T, 2 T + 2): [p | dz | dzs | beta], all f32
// grid     one subgroup of LANES lanes per (t, b); a lane has the keys lane, lane + LANES, ...
// limits   as co_attn; dout's stride and offset multiples of 4 too
// numerics f32 sums; the gradients within 1e-4 relative
// source   derived: the chain rule on co_attn
#include "shaders/include/tyto.glsl"
#include "shaders/co_attn/co_attn_shape.h"
#include "shaders/co_attn_back/co_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_co_attn_back_push push; };
layout(binding = 0) uniform textureBuffer other;
layout(binding = 1) uniform textureBuffer s;
layout(binding = 2) uniform textureBuffer dout;
layout(binding = 3) uniform textureBuffer align;
layout(binding = 4) uniform textureBuffer beta;
layout(binding = 5) writeonly buffer Scratch { float scratch[]; };

const uint KEYS_PER_LANE = (TYTO_CO_ATTN_MAX_SEGMENTS + LANES - 1) / LANES;

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint num = push.num_segments;
    const uint width = push.width / 4;
    const uint row0 = b * num;
    const uint row = row0 + t;
    const uint d0 = (row * push.dout_stride + push.dout_offset) / 4;
    const float own = texelFetch(beta, int(row)).x;

    float p[KEYS_PER_LANE], dp[KEYS_PER_LANE];
    float mean = 0.0;
    float dps = 0.0;
    for (uint i = 0; i * LANES < num; i++) {
        const uint k = i * LANES + lane;
        const uint o0 = ((row0 + min(k, num - 1)) * push.other_stride + push.other_offset) / 4;
        float sum = 0.0;
        for (uint c = 0; c < width; c++)
            sum += dot(texelFetch(dout, int(d0 + c)), texelFetch(other, int(o0 + c)));
        dp[i] = sum;
        p[i] = k < num ? (1.0 - own) * texelFetch(align, int(row * num + min(k, num - 1))).x : 0.0;
        mean += p[i] * dp[i];
    }
    for (uint c = lane; c < width; c += LANES)
        dps += dot(texelFetch(dout, int(d0 + c)), texelFetch(s, int(row * width + c)));
    dps = subgroupAdd(dps);
    mean = subgroupAdd(mean) + own * dps;
    const uint at = row * (2 * num + 2);
    for (uint i = 0; i * LANES < num; i++) {
        const uint k = i * LANES + lane;
        if (k < num) {
            scratch[at + k] = p[i];
            scratch[at + num + k] = p[i] * (dp[i] - mean);
        }
    }
    if (subgroupElect()) {
        scratch[at + 2 * num] = own * (dps - mean);
        scratch[at + 2 * num + 1] = own;
    }
}
