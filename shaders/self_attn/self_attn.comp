#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// self_attn - "when": single-head self-attention over a window, with residual.
//   w[b,t,:] = softmax_k(scale * <q[b,t], k[b,k]>) over k < len[b], k <= t + look_ahead
//   out[b,t] = x[b,t] + sum_k w[b,t,k] v[b,k]
// qkv (B, T, qkv_stride) f32: columns [q (D) | k (D) | v (C)]; x, out (B, T, C) f32; len (B) u32
// Rows t >= len[b] see every key: their results are finite but undefined, and must not be read.
// grid     one subgroup of LANES lanes per (t, b); a lane scores the keys lane, lane + LANES, ...
//          while q is handed round; then a lane mixes 4 columns
// limits   1 <= T <= MAX_SEGMENTS; 1 <= len <= T (held to it otherwise); C, D multiples of 4;
//          B <= maxComputeWorkGroupCount[1]
// numerics max subtracted before exp; f32 sums, within 1e-5 * max(1, max|x|, max|v|) of the
//          reference for scores up to 30
// source   Xuan et al., AAAI 2020 ("when"); Vaswani et al., NIPS 2017
#include "shaders/include/tyto.glsl"
#include "shaders/self_attn/self_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_self_attn_push push; };
layout(binding = 0) uniform textureBuffer qkv;
layout(binding = 1) uniform textureBuffer x;
layout(binding = 2) readonly buffer Len { uint lens[]; };
layout(binding = 3) writeonly buffer Out { float mixed[]; };

const uint KEYS_PER_LANE = (TYTO_SELF_ATTN_MAX_SEGMENTS + LANES - 1) / LANES;
const uint CHUNK = LANES < 8 ? LANES : 8; // texels of q that lanes hold at a time
const float LOWEST = -3.402823466e38;

float score(uint q0, uint k0, uint width)
{
    const uint lane = gl_SubgroupInvocationID;
    float sum = 0.0;

    for (uint d0 = 0; d0 < width; d0 += CHUNK) {
        const uint mine = d0 + lane % CHUNK;
        vec4 held = texelFetch(qkv, int(q0 + min(mine, width - 1)));
        if (mine >= width)
            held = vec4(0.0);
        [[unroll]] for (uint i = 0; i < 8; i++)
            if (i < CHUNK)
                sum += dot(subgroupShuffle(held, i),
                           texelFetch(qkv, int(k0 + min(d0 + i, width - 1))));
    }
    return sum;
}

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint stride = push.qkv_stride / 4;
    const uint key_width = push.key_width / 4;
    const uint width = push.width / 4;
    const uint len = clamp(lens[b], 1, push.num_segments);
    // keys that row t may see; t + look_ahead must not wrap around
    const uint num_keys = t >= len || push.look_ahead >= len - t ? len : t + push.look_ahead + 1;
    const uint row0 = b * push.num_segments;
    const uint row = row0 + t;

    float w[KEYS_PER_LANE];
    float top = LOWEST;
    for (uint i = 0; i * LANES < num_keys; i++) {
        const uint k = i * LANES + lane;
        const uint k0 = (row0 + min(k, num_keys - 1)) * stride + key_width;
        w[i] = score(row * stride, k0, key_width) * push.scale;
        top = max(top, w[i]);
    }
    top = subgroupMax(top);
    float sum = 0.0;
    for (uint i = 0; i * LANES < num_keys; i++) {
        w[i] = i * LANES + lane < num_keys ? exp(w[i] - top) : 0.0;
        sum += w[i];
    }
    sum = subgroupAdd(sum);

    const uint v0 = row0 * stride + 2 * key_width;
    for (uint c0 = 0; c0 < width; c0 += LANES) {
        const uint c = min(c0 + lane, width - 1); // all lanes stay for the shuffle
        vec4 acc = vec4(0.0);
        for (uint k = 0; k < num_keys; k++)
            acc += subgroupShuffle(w[k / LANES], k % LANES) *
                   texelFetch(qkv, int(v0 + k * stride + c));
        acc = texelFetch(x, int(row * width + c)) + acc / sum;
        if (c0 + lane < width)
            for (uint i = 0; i < 4; i++)
                mixed[row * push.width + c * 4 + i] = acc[i];
    }
}
