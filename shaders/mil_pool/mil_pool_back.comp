#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// mil_pool_back - a clip's gradient to its segments: shared by all, or to the first largest alone.
//   mean: dlogits[b,t,n] = d[b,n] / len[b], t < len[b];  max: d[b,n] at the first largest t
// 0 elsewhere
// grid     x: groups of one subgroup, a lane per n; y: b
// limits   as mil_pool_there
// numerics one product
// source   derived: the chain rule on mil_pool_there
#include "shaders/include/tyto.glsl"
#include "shaders/mil_pool/mil_pool_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_mil_pool_push push; };
layout(binding = 0) uniform textureBuffer logits;
layout(binding = 1) uniform textureBuffer back;
layout(binding = 2) readonly buffer Len { uint lens[]; };
layout(binding = 3) writeonly buffer Dlogits { float dlogits[]; };

void main()
{
    const uint n = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;
    const uint len = clamp(lens[b], 1, push.num_segments);
    const uint row0 = b * push.num_segments;
    float top = -3.402823466e38;
    uint largest = 0;

    if (n >= push.stride)
        return;
    for (uint t = 0; t < len; t++) {
        const float z = texelFetch(logits, int((row0 + t) * push.stride + n)).x;
        if (z > top) {
            top = z;
            largest = t;
        }
    }
    const float d = texelFetch(back, int(b * push.stride + n)).x;
    for (uint t = 0; t < push.num_segments; t++) {
        const bool gets = push.mode == TYTO_MIL_POOL_MAX ? t == largest : t < len;
        const float share = push.mode == TYTO_MIL_POOL_MAX ? d : d / float(len);
        dlogits[(row0 + t) * push.stride + n] = gets ? share : 0.0;
    }
}
