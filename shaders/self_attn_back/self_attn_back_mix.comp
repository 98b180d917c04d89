#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// self_attn_back_mix - the gradients of q, k and v from those of the scores.
//   dq[t] = sum_k ds[t,k] k[k];  dk[t] = sum_j ds[j,t] q[j];  dv[t] = sum_j w[j,t] dout[j]
// qkv, dqkv (B, T, qkv_stride): [q (D) | k (D) | v (C)]; dout (B, T, C); scratch (B, T, 2 T)
// grid     one subgroup of LANES lanes per (t, b); a lane mixes 4 columns
// limits   as self_attn
// numerics f32 sums; within 1e-4 relative
// source   derived: the chain rule on self_attn
#include "shaders/include/tyto.glsl"
#include "shaders/self_attn_back/self_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_self_attn_back_push push; };
layout(binding = 0) uniform textureBuffer qkv;
layout(binding = 1) uniform textureBuffer dout;
layout(binding = 2) uniform textureBuffer scratch;
layout(binding = 3) writeonly buffer Dqkv { vec4 dqkv[]; };

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint num = push.num_segments;
    const uint stride = push.qkv_stride / 4;
    const uint key_width = push.key_width / 4;
    const uint width = push.width / 4;
    const uint row0 = b * num;
    const uint row = row0 + t;

    for (uint d = lane; d < key_width; d += LANES) {
        vec4 dq = vec4(0.0);
        vec4 dk = vec4(0.0);
        for (uint j = 0; j < num; j++) {
            const uint at = (row0 + j) * stride + d;
            const float ds = texelFetch(scratch, int((row * 2 + 1) * num + j)).x;
            const float back = texelFetch(scratch, int(((row0 + j) * 2 + 1) * num + t)).x;
            dq += ds * texelFetch(qkv, int(at + key_width));
            dk += back * texelFetch(qkv, int(at));
        }
        dqkv[row * stride + d] = dq;
        dqkv[row * stride + key_width + d] = dk;
    }
    for (uint c = lane; c < width; c += LANES) {
        vec4 dv = vec4(0.0);
        for (uint j = 0; j < num; j++)
            dv += texelFetch(scratch, int((row0 + j) * 2 * num + t)).x *
                  texelFetch(dout, int((row0 + j) * width + c));
        dqkv[row * stride + 2 * key_width + c] = dv;
    }
}
