#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// attn_pool_back_feats - the gradient of a picture's places.
//   dfeats[b,l,c] = weights[b,l] * dout[b,c]; 0 where row rows[b] is missing
// weights (B, L), dout (B, C), dfeats (B, L, C) f32
// grid     x: groups of one subgroup, a lane per 4 columns; y: b
// limits   C a multiple of 4; B <= maxComputeWorkGroupCount[1]
// numerics one product
// source   derived: the chain rule on attn_pool
#include "shaders/include/tyto.glsl"
#include "shaders/attn_pool_back/attn_pool_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_attn_pool_back_push push; };
layout(binding = 0) uniform textureBuffer weights;
layout(binding = 1) uniform textureBuffer dout;
layout(binding = 2) readonly buffer Rows { uint rows[]; };
layout(binding = 3) writeonly buffer Dfeats { vec4 dfeats[]; };

void main()
{
    const uint c = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;

    if (c >= width)
        return;
    const vec4 d = rows[b] < push.num_rows ? texelFetch(dout, int(b * width + c)) : vec4(0.0);
    for (uint l = 0; l < push.num_places; l++) {
        const uint at = b * push.num_places + l;
        dfeats[at * width + c] = texelFetch(weights, int(at)).x * d;
    }
}
