#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm_back_sum - out[i] = sum_z parts[z,i], in order of z: chunks of gemm_back_w put together.
// grid     x: groups of one subgroup, a lane per 4 values
// limits   counts and offsets multiples of 4 floats
// numerics f32 sums
// source   plain sums
#include "shaders/include/tyto.glsl"
#include "shaders/gemm_back/gemm_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { gemm_back_sum_push p; };
layout(binding = 0) uniform textureBuffer parts;
layout(binding = 1) writeonly buffer Out { vec4 total[]; };

void main()
{
    const uint i = gl_WorkGroupID.x * LANES + gl_LocalInvocationID.x;
    vec4 sum = vec4(0.0);

    if (i >= p.num4)
        return;
    for (uint z = 0; z < p.num_parts; z++)
        sum += texelFetch(parts, int(p.x_offset4 + z * p.part4 + i));
    total[p.y_offset4 + i] = sum;
}
