#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// info_nce_unit_back - the gradient through info_nce_unit.
//   dx[r,c] = inverse[r] * (dy[r,c] - y[r,c] * sum_k y[r,k] dy[r,k])
// grid     x: rows; one subgroup each, lanes stride over the columns
// limits   D a multiple of 4
// numerics f32 sums
// source   derived: the chain rule on info_nce_unit
#include "shaders/include/tyto.glsl"
#include "shaders/info_nce/info_nce_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_info_nce_push push; };
layout(binding = 0) uniform textureBuffer y;
layout(binding = 1) uniform textureBuffer inverse;
layout(binding = 2) uniform textureBuffer dy;
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };

void main()
{
    const uint base = gl_WorkGroupID.x * (push.width / 4);
    const float by = texelFetch(inverse, int(gl_WorkGroupID.x)).x;
    float sum = 0.0;

    for (uint c = gl_SubgroupInvocationID; c < push.width / 4; c += LANES)
        sum += dot(texelFetch(y, int(base + c)), texelFetch(dy, int(base + c)));
    const float along = subgroupAdd(sum);
    for (uint c = gl_SubgroupInvocationID; c < push.width / 4; c += LANES)
        dx[base + c] = by * (texelFetch(dy, int(base + c)) - along * texelFetch(y, int(base + c)));
}
