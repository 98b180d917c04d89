#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// softmax_back - the gradient of a softmax over rows.
//   dx[r,n] = y[r,n] * (dy[r,n] - sum_m y[r,m] dy[r,m])
// y, dy, dx (R, N) f32
// grid     one subgroup of LANES lanes per row
// limits   R <= maxComputeWorkGroupCount[0]
// numerics f32 sums; within 1e-5 relative of the true gradient
// source   derived: the chain rule on softmax
#include "shaders/include/tyto.glsl"
#include "shaders/softmax_back/softmax_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_softmax_back_push push; };
layout(binding = 0) uniform textureBuffer y;
layout(binding = 1) uniform textureBuffer dy;
layout(binding = 2) writeonly buffer Dx { float dx[]; };

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint row = gl_WorkGroupID.x * push.width;
    float sum = 0.0;

    for (uint n = lane; n < push.width; n += LANES)
        sum += texelFetch(y, int(row + n)).x * texelFetch(dy, int(row + n)).x;
    sum = subgroupAdd(sum);
    for (uint n = lane; n < push.width; n += LANES)
        dx[row + n] = texelFetch(y, int(row + n)).x * (texelFetch(dy, int(row + n)).x - sum);
}
