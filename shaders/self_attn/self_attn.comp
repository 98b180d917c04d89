// SPDX-License-Identifier: MIT
// self_attn - "when": single-head self-attention over a window, with residual.
//   w[b,t,:] = softmax_k(scale * <q[b,t], k[b,k]>) over k < len[b], k <= t + look_ahead
//   out[b,t] = x[b,t] + sum_k w[b,t,k] v[b,k]
// qkv (B, T, qkv_stride) f32: columns [q (D) | k (D) | v (C)]; x, out (B, T, C) f32; len (B) u32
// Rows t >= len[b] see every key: finite, and nobody's business.
// grid     one subgroup of LANES lanes per (t, b); a lane scores the keys lane, lane + LANES, ...
//          (no reduction in the inner loop), then lanes stride over C
// limits   1 <= T <= MAX_SEGMENTS; 1 <= len <= T (held to it otherwise); B <= 65535
// numerics max subtracted before exp; f32 sums, within 1e-5 * max(1, max|x|, max|v|) of the
//          reference for scores up to 30
// source   Xuan et al., AAAI 2020 ("when"); Vaswani et al., NIPS 2017
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/self_attn/self_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_self_attn_push push; };
layout(set = 0, binding = 0) readonly buffer Qkv { float qkv[]; };
layout(set = 0, binding = 1) readonly buffer X { float x[]; };
layout(set = 0, binding = 2) readonly buffer Len { uint lens[]; };
layout(set = 0, binding = 3) writeonly buffer Out { float mixed[]; };

const uint KEYS_PER_LANE = (TYTO_SELF_ATTN_MAX_SEGMENTS + LANES - 1) / LANES;
const float LOWEST = -3.402823466e38;

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint len = clamp(lens[b], 1, push.num_segments);
    // keys that row t may see; t + look_ahead must not wrap around
    const uint num_keys = t >= len || push.look_ahead >= len - t ? len : t + push.look_ahead + 1;
    const uint row0 = b * push.num_segments;
    const uint q0 = (row0 + t) * push.qkv_stride;

    float w[KEYS_PER_LANE];
    float top = LOWEST;
    for (uint i = 0, k = lane; i < KEYS_PER_LANE; i++, k += LANES) {
        w[i] = LOWEST;
        if (k >= num_keys)
            continue;
        const uint k0 = (row0 + k) * push.qkv_stride + push.key_width;
        float dot = 0.0;
        for (uint d = 0; d < push.key_width; d++)
            dot += qkv[q0 + d] * qkv[k0 + d];
        w[i] = dot * push.scale;
        top = max(top, w[i]);
    }
    top = subgroupMax(top);
    float sum = 0.0;
    for (uint i = 0, k = lane; i < KEYS_PER_LANE; i++, k += LANES) {
        w[i] = k < num_keys ? exp(w[i] - top) : 0.0;
        sum += w[i];
    }
    sum = subgroupAdd(sum);

    const uint v0 = row0 * push.qkv_stride + 2 * push.key_width;
    for (uint c0 = 0; c0 < push.width; c0 += LANES) {
        const uint c = min(c0 + lane, push.width - 1); // all lanes stay for the shuffle
        float acc = 0.0;
        for (uint k = 0; k < num_keys; k++)
            acc += subgroupShuffle(w[k / LANES], k % LANES) * qkv[v0 + k * push.qkv_stride + c];
        if (c0 + lane < push.width)
            mixed[(row0 + t) * push.width + c] = x[(row0 + t) * push.width + c] + acc / sum;
    }
}
