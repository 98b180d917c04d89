#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// clamp_back - the gradient through y = min(max(x, low), high):
//   dx[i] = low < y[i] && y[i] < high ? dy[i] : 0
// grid     x, y: groups of one subgroup, a lane per 4 values
// numerics exact; at the corners, where there is no gradient, 0 as PyTorch's ReLU6
// source   derived; the corners as PyTorch's ReLU6
#include "shaders/include/tyto.glsl"
#include "shaders/clamp_back/clamp_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_clamp_back_push push; };
layout(binding = 0) uniform textureBuffer y;
layout(binding = 1) uniform textureBuffer dy;
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };

void main()
{
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint i = group * LANES + gl_SubgroupInvocationID;

    if (i >= push.num4)
        return;
    const vec4 at = texelFetch(y, int(i)), d = texelFetch(dy, int(i));
    vec4 passed;
    for (uint c = 0; c < 4; c++)
        passed[c] = at[c] > push.low && at[c] < push.high ? d[c] : 0.0;
    dx[i] = passed;
}
