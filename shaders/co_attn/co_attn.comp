#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// co_attn - "which": a stream's state looks at the other stream's segments, or at its sentinel.
//   z[t,k] = <u, tanh(key[k] + g[t])>,  zs[t] = <u, tanh(ks[t] + g[t])>
//   align[t,:] = softmax_k z[t,k] over k < len[b], k <= t + look_ahead;  0 elsewhere
//   beta[t] = exp(zs[t]) / (exp(zs[t]) + sum_k exp(z[t,k]))
//   out[t] = beta s[t] + (1 - beta) sum_k align[t,k] o[k] + h[t]
// other (B, T, other_stride) f32 holds o (C columns) and key (D columns); g, ks (B, T, D) f32;
// u (D) f32; h, s (B, T, C) f32; len (B) u32; out (B, T, out_stride) f32 gets C columns;
// beta (B, T) f32; align (B, T, T) f32
// Rows t >= len[b] see every key: their results are finite but undefined, and must not be read.
// grid     one subgroup of LANES lanes per (t, b); a lane scores the keys lane, lane + LANES, ...
//          while g and u are handed round; then a lane mixes 4 columns
// limits   1 <= T <= MAX_SEGMENTS; 1 <= len <= T (held to it otherwise); C, D, strides and offsets
//          multiples of 4; B <= maxComputeWorkGroupCount[1]
// numerics tanh by exp, maxima subtracted, f32 sums: z within 1e-6 * sum|u|, the rest within
//          1e-5 * max(1, max|o|, max|s|, max|h|) of the reference for sum|u| <= 30
// source   Xuan et al., AAAI 2020 ("which"); Lu et al., CVPR 2017
#include "shaders/include/tyto.glsl"
#include "shaders/co_attn/co_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_co_attn_push push; };
layout(binding = 0) uniform textureBuffer other;
layout(binding = 1) uniform textureBuffer g;
layout(binding = 2) uniform textureBuffer ks;
layout(binding = 3) uniform textureBuffer u;
layout(binding = 4) uniform textureBuffer h;
layout(binding = 5) uniform textureBuffer s;
layout(binding = 6) readonly buffer Len { uint lens[]; };
layout(binding = 7) writeonly buffer Out { float mixed[]; };
layout(binding = 8) writeonly buffer Beta { float betas[]; };
layout(binding = 9) writeonly buffer Align { float aligned[]; };

const uint KEYS_PER_LANE = (TYTO_CO_ATTN_MAX_SEGMENTS + LANES - 1) / LANES;
const uint CHUNK = LANES < 8 ? LANES : 8; // texels of g and u that lanes hold at a time
const float LOWEST = -3.402823466e38;

// The score of one key a lane.
float score(uint g0, uint k0, uint width)
{
    const uint lane = gl_SubgroupInvocationID;
    float z = 0.0;

    for (uint d0 = 0; d0 < width; d0 += CHUNK) {
        const uint mine = d0 + lane % CHUNK;
        const vec4 held_g = texelFetch(g, int(g0 + min(mine, width - 1)));
        vec4 held_u = texelFetch(u, int(min(mine, width - 1)));
        if (mine >= width)
            held_u = vec4(0.0);
        [[unroll]] for (uint i = 0; i < 8; i++) {
            if (i >= CHUNK)
                continue;
            const vec4 key = texelFetch(other, int(k0 + min(d0 + i, width - 1)));
            z += dot(subgroupShuffle(held_u, i), tyto_tanh(key + subgroupShuffle(held_g, i)));
        }
    }
    return z;
}

// That of the sentinel; the lanes share its columns.
float sentinel_score(uint g0, uint width)
{
    float z = 0.0;

    for (uint d = gl_SubgroupInvocationID; d < width; d += LANES)
        z += dot(texelFetch(u, int(d)),
                 tyto_tanh(texelFetch(ks, int(g0 + d)) + texelFetch(g, int(g0 + d))));
    return subgroupAdd(z);
}

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint stride = push.other_stride / 4;
    const uint key_width = push.key_width / 4;
    const uint width = push.width / 4;
    const uint len = clamp(lens[b], 1, push.num_segments);
    // keys that row t may see; t + look_ahead must not wrap around
    const uint num_keys = t >= len || push.look_ahead >= len - t ? len : t + push.look_ahead + 1;
    const uint row0 = b * push.num_segments;
    const uint row = row0 + t;
    const uint g0 = row * key_width;

    float w[KEYS_PER_LANE];
    float top = LOWEST;
    for (uint i = 0; i * LANES < num_keys; i++) {
        const uint k = i * LANES + lane;
        w[i] = score(g0, (row0 + min(k, num_keys - 1)) * stride + push.key_offset / 4, key_width);
        top = max(top, w[i]);
    }
    top = subgroupMax(top);
    float sum = 0.0;
    for (uint i = 0; i * LANES < num_keys; i++) {
        w[i] = i * LANES + lane < num_keys ? exp(w[i] - top) : 0.0;
        sum += w[i];
    }
    sum = subgroupAdd(sum);
    // the larger of the two maxima is subtracted, so that neither side overflows
    const float own = sentinel_score(g0, key_width);
    const float both = max(top, own);
    const float e = exp(own - both);
    const float beta = e / (e + sum * exp(top - both));

    for (uint i = 0; i * LANES < push.num_segments; i++) {
        const uint k = i * LANES + lane;
        if (k < push.num_segments)
            aligned[row * push.num_segments + k] = k < num_keys ? w[i] / sum : 0.0;
    }
    if (subgroupElect())
        betas[row] = beta;

    const uint o0 = row0 * stride + push.other_offset / 4;
    for (uint c0 = 0; c0 < width; c0 += LANES) {
        const uint c = min(c0 + lane, width - 1); // all lanes stay for the shuffle
        vec4 acc = vec4(0.0);
        for (uint k = 0; k < num_keys; k++)
            acc += subgroupShuffle(w[k / LANES], k % LANES) *
                   texelFetch(other, int(o0 + k * stride + c));
        acc = beta * texelFetch(s, int(row * width + c)) + (1.0 - beta) * (acc / sum) +
              texelFetch(h, int(row * width + c));
        if (c0 + lane < width)
            for (uint i = 0; i < 4; i++)
                mixed[row * push.out_stride + push.out_offset + c * 4 + i] = acc[i];
    }
}
