// SPDX-License-Identifier: MIT
// co_attn - "which": a stream's state looks at the other stream's segments, or at its sentinel.
//   z[t,k] = <u, tanh(key[k] + g[t])>,  zs[t] = <u, tanh(ks[t] + g[t])>
//   align[t,:] = softmax_k z[t,k] over k < len[b], k <= t + look_ahead;  0 elsewhere
//   beta[t] = exp(zs[t]) / (exp(zs[t]) + sum_k exp(z[t,k]))
//   out[t] = beta s[t] + (1 - beta) sum_k align[t,k] o[k] + h[t]
// other (B, T, other_stride) f32 holds o (C columns) and key (D columns); g, ks (B, T, D) f32;
// u (D) f32; h, s (B, T, C) f32; len (B) u32; out (B, T, out_stride) f32 gets C columns;
// beta (B, T) f32; align (B, T, T) f32
// Rows t >= len[b] see every key: finite, and nobody's business.
// grid     one subgroup of LANES lanes per (t, b); a lane scores the keys lane, lane + LANES, ...,
//          the sentinel is key number num_keys; then lanes stride over C
// limits   1 <= T <= MAX_SEGMENTS; 1 <= len <= T (held to it otherwise); B <= 65535
// numerics tanh by exp, maxima subtracted, f32 sums: z within 1e-6 * sum|u|, the rest within
//          1e-5 * max(1, max|o|, max|s|, max|h|) of the reference for sum|u| <= 30
// source   Xuan et al., AAAI 2020 ("which"); Lu et al., CVPR 2017
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/co_attn/co_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_co_attn_push push; };
layout(set = 0, binding = 0) readonly buffer Other { float other[]; };
layout(set = 0, binding = 1) readonly buffer G { float g[]; };
layout(set = 0, binding = 2) readonly buffer Ks { float ks[]; };
layout(set = 0, binding = 3) readonly buffer U { float u[]; };
layout(set = 0, binding = 4) readonly buffer H { float h[]; };
layout(set = 0, binding = 5) readonly buffer S { float s[]; };
layout(set = 0, binding = 6) readonly buffer Len { uint lens[]; };
layout(set = 0, binding = 7) writeonly buffer Out { float mixed[]; };
layout(set = 0, binding = 8) writeonly buffer Beta { float betas[]; };
layout(set = 0, binding = 9) writeonly buffer Align { float align_[]; };

const uint KEYS_PER_LANE = (TYTO_CO_ATTN_MAX_SEGMENTS + 1 + LANES - 1) / LANES;
const float LOWEST = -3.402823466e38;

// GLSL leaves the precision of tanh open; this is within a few 1e-7 everywhere.
float tanh_exp(float v)
{
    return 1.0 - 2.0 / (1.0 + exp(2.0 * clamp(v, -20.0, 20.0)));
}

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint len = clamp(lens[b], 1, push.num_segments);
    const uint num_keys = t >= len || push.look_ahead >= len - t ? len : t + push.look_ahead + 1;
    const uint row0 = b * push.num_segments;
    const uint row = row0 + t;
    const uint g0 = row * push.key_width;

    float w[KEYS_PER_LANE];
    float top = LOWEST; // over the keys, without the sentinel
    float sentinel = LOWEST;
    for (uint i = 0, k = lane; i < KEYS_PER_LANE; i++, k += LANES) {
        w[i] = LOWEST;
        if (k > num_keys)
            continue;
        const bool is_key = k < num_keys;
        const uint k0 = is_key ? (row0 + k) * push.other_stride + push.key_offset : g0;
        float z = 0.0;
        for (uint d = 0; d < push.key_width; d++) {
            const float key = is_key ? other[k0 + d] : ks[k0 + d];
            z += u[d] * tanh_exp(key + g[g0 + d]);
        }
        if (is_key) {
            w[i] = z;
            top = max(top, z);
        } else {
            sentinel = z;
        }
    }
    top = subgroupMax(top);
    sentinel = subgroupMax(sentinel);
    float sum = 0.0;
    for (uint i = 0, k = lane; i < KEYS_PER_LANE; i++, k += LANES) {
        w[i] = k < num_keys ? exp(w[i] - top) : 0.0;
        sum += w[i];
    }
    sum = subgroupAdd(sum);
    // the larger of the two maxima is subtracted, so that neither side overflows
    const float both = max(top, sentinel);
    const float es = exp(sentinel - both);
    const float beta = es / (es + sum * exp(top - both));

    for (uint i = 0, k = lane; i < KEYS_PER_LANE && k < push.num_segments; i++, k += LANES)
        align_[row * push.num_segments + k] = w[i] / sum;
    if (subgroupElect())
        betas[row] = beta;

    const uint o0 = row0 * push.other_stride + push.other_offset;
    for (uint c0 = 0; c0 < push.width; c0 += LANES) {
        const uint c = min(c0 + lane, push.width - 1); // all lanes stay for the shuffle
        float acc = 0.0;
        for (uint k = 0; k < num_keys; k++)
            acc += subgroupShuffle(w[k / LANES], k % LANES) * other[o0 + k * push.other_stride + c];
        const uint at = row * push.width + c;
        if (c0 + lane < push.width)
            mixed[row * push.out_stride + push.out_offset + c] =
                beta * s[at] + (1.0 - beta) * (acc / sum) + h[at];
    }
}
