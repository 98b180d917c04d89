#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// cosine_attn_back_apply - the gradients of a cosine from each score's share (x, y, z, w):
//   dk[b,l] = x q + y k;  dq[b] = sum_l x k + (sum_l z) q;  dscale[b] = sum_l w
// q (B, D), k (num_rows, L, D), share (B, L, 4), dq (B, D), dk (B, L, D), dscale (B) f32
// grid     x: groups of one subgroup, a lane per 4 columns; y: b
// limits   D a multiple of 4; B <= maxComputeWorkGroupCount[1]
// numerics f32 sums; within 1e-4 relative
// source   derived: the chain rule on cosine_attn
#include "shaders/include/tyto.glsl"
#include "shaders/cosine_attn_back/cosine_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_cosine_attn_back_push push; };
layout(binding = 0) uniform textureBuffer query;
layout(binding = 1) uniform textureBuffer key;
layout(binding = 2) uniform textureBuffer share;
layout(binding = 3) readonly buffer Rows { uint rows[]; };
layout(binding = 4) writeonly buffer Dquery { vec4 dquery[]; };
layout(binding = 5) writeonly buffer Dkey { vec4 dkey[]; };
layout(binding = 6) writeonly buffer Dscale { float dscale[]; };

void main()
{
    const uint c = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;

    if (c >= width)
        return;
    // the shares of a missing row are 0, so any row may be read for it
    const uint k0 = min(rows[b], push.num_rows - 1) * push.num_places;
    const vec4 q = texelFetch(query, int(b * width + c));
    vec4 dq = vec4(0.0);
    float sum_z = 0.0;
    float sum_w = 0.0;
    for (uint l = 0; l < push.num_places; l++) {
        const uint at = b * push.num_places + l;
        const vec4 s = texelFetch(share, int(at));
        const vec4 k = texelFetch(key, int((k0 + l) * width + c));
        dkey[at * width + c] = s.x * q + s.y * k;
        dq += s.x * k;
        sum_z += s.z;
        sum_w += s.w;
    }
    dquery[b * width + c] = dq + sum_z * q;
    if (c == 0)
        dscale[b] = sum_w;
}
