#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// col_sum - out[out + c] = sum_r x[r * stride + c]
// grid     x: groups of one subgroup, a lane per column
// limits   rows <= MAX_ROWS
// numerics f32 sums in order of r
// source   plain sums
#include "shaders/include/tyto.glsl"
#include "shaders/col_sum/col_sum_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_col_sum_push push; };
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) writeonly buffer Out { float sums[]; };

void main()
{
    const uint c = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    float sum = 0.0;

    if (c >= push.cols)
        return;
    for (uint r = 0; r < push.rows; r++)
        sum += texelFetch(x, int(r * push.stride + c)).x;
    sums[push.out_at + c] = sum;
}
