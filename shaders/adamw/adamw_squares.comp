#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// adamw_squares - parts[i] = the sum of every PARTS-th block of squared gradients.
// grid     x: PARTS groups of one subgroup
// limits   num4 / (PARTS * LANES) < 65535
// numerics f32 sums
// source   Loshchilov & Hutter, ICLR 2019; one step of three, see adamw_update
#include "shaders/include/tyto.glsl"
#include "shaders/adamw/adamw_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_adamw_push push; };
layout(binding = 0) uniform textureBuffer grads;
layout(binding = 1) writeonly buffer Parts { float parts[]; };

void main()
{
    vec4 sum = vec4(0.0);

    for (uint i = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID; i < push.num4;
         i += push.num_parts * LANES) {
        const vec4 g = texelFetch(grads, int(i));
        sum += g * g;
    }
    const float all = subgroupAdd(dot(sum, vec4(1.0)));
    if (subgroupElect())
        parts[gl_WorkGroupID.x] = all;
}
