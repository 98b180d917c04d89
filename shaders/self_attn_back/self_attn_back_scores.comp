#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// self_attn_back_scores - weights of self-attention once more, and the gradient of its scores.
//   w[b,t,:] as in self_attn;  dw[k] = <dout[b,t], v[b,k]>
//   ds[b,t,k] = scale * w[b,t,k] * (dw[k] - sum_j w[b,t,j] dw[j])
// qkv (B, T, qkv_stride): [q (D) | k (D) | v (C)]; dout (B, T, C); scratch (B, T, 2 T): [w | ds]
// grid     one subgroup of LANES lanes per (t, b); a lane has the keys lane, lane + LANES, ...
// limits   as self_attn
// numerics f32 sums; the gradients within 1e-4 relative
// source   derived: the chain rule on self_attn
#include "shaders/include/tyto.glsl"
#include "shaders/self_attn/self_attn_shape.h"
#include "shaders/self_attn_back/self_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_self_attn_back_push push; };
layout(binding = 0) uniform textureBuffer qkv;
layout(binding = 1) uniform textureBuffer dout;
layout(binding = 2) readonly buffer Len { uint lens[]; };
layout(binding = 3) writeonly buffer Scratch { float scratch[]; };

const uint KEYS_PER_LANE = (TYTO_SELF_ATTN_MAX_SEGMENTS + LANES - 1) / LANES;
const float LOWEST = -3.402823466e38;

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint stride = push.qkv_stride / 4;
    const uint key_width = push.key_width / 4;
    const uint width = push.width / 4;
    const uint len = clamp(lens[b], 1, push.num_segments);
    const uint num_keys = t >= len || push.look_ahead >= len - t ? len : t + push.look_ahead + 1;
    const uint row0 = b * push.num_segments;
    const uint row = row0 + t;

    float w[KEYS_PER_LANE], dw[KEYS_PER_LANE];
    float top = LOWEST;
    for (uint i = 0; i * LANES < num_keys; i++) {
        const uint at = (row0 + min(i * LANES + lane, num_keys - 1)) * stride;
        float score = 0.0;
        float back = 0.0;
        for (uint d = 0; d < key_width; d++)
            score += dot(texelFetch(qkv, int(row * stride + d)),
                         texelFetch(qkv, int(at + key_width + d)));
        for (uint c = 0; c < width; c++)
            back += dot(texelFetch(dout, int(row * width + c)),
                        texelFetch(qkv, int(at + 2 * key_width + c)));
        w[i] = score * push.scale;
        dw[i] = back;
        top = max(top, w[i]);
    }
    top = subgroupMax(top);
    float sum = 0.0;
    float mean = 0.0;
    for (uint i = 0; i * LANES < num_keys; i++) {
        w[i] = i * LANES + lane < num_keys ? exp(w[i] - top) : 0.0;
        sum += w[i];
        mean += w[i] * dw[i];
    }
    sum = subgroupAdd(sum);
    mean = subgroupAdd(mean) / sum;
    for (uint i = 0; i * LANES < push.num_segments; i++) {
        const uint k = i * LANES + lane;
        const uint at = row * 2 * push.num_segments + k;
        if (k < push.num_segments) {
            const float share = k < num_keys ? w[i] / sum : 0.0;
            scratch[at] = share;
            scratch[at + push.num_segments] =
                k < num_keys ? push.scale * share * (dw[i] - mean) : 0.0;
        }
    }
}
