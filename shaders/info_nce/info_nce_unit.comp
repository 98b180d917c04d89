#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// info_nce_unit - rows of length 1.
//   inverse[r] = 1 / max(|x[r]|, 1e-6);  y[r,c] = x[r,c] * inverse[r]
// grid     x: rows; one subgroup each, lanes stride over the columns
// limits   D a multiple of 4
// numerics f32 sums
// source   L2 normalization
#include "shaders/include/tyto.glsl"
#include "shaders/info_nce/info_nce_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_info_nce_push push; };
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) writeonly buffer Y { vec4 y[]; };
layout(binding = 2) writeonly buffer Inverse { float inverse[]; };

void main()
{
    const uint base = gl_WorkGroupID.x * (push.width / 4);
    float sum = 0.0;

    for (uint c = gl_SubgroupInvocationID; c < push.width / 4; c += LANES) {
        const vec4 v = texelFetch(x, int(base + c));
        sum += dot(v, v);
    }
    const float by = 1.0 / max(sqrt(subgroupAdd(sum)), 1e-6);
    for (uint c = gl_SubgroupInvocationID; c < push.width / 4; c += LANES)
        y[base + c] = texelFetch(x, int(base + c)) * by;
    if (subgroupElect())
        inverse[gl_WorkGroupID.x] = by;
}
