#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// mil_pool_there - what a clip says as a whole: the mean or the largest of its segments' logits.
//   pooled[b,n] = mean_t or max_t of logits[b,t,n], t < len[b]
// grid     x: groups of one subgroup, a lane per n; y: b
// limits   1 <= len <= T (held to it otherwise); B <= maxComputeWorkGroupCount[1]
// numerics f32 sums
// source   Tian et al., ECCV 2018 (max); Zhou et al., CVPR 2021 (mean)
#include "shaders/include/tyto.glsl"
#include "shaders/mil_pool/mil_pool_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_mil_pool_push push; };
layout(binding = 0) uniform textureBuffer logits;
layout(binding = 1) readonly buffer Len { uint lens[]; };
layout(binding = 2) writeonly buffer Pooled { float pooled[]; };

void main()
{
    const uint n = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;
    const uint len = clamp(lens[b], 1, push.num_segments);
    float sum = 0.0;
    float top = -3.402823466e38;

    if (n >= push.stride)
        return;
    for (uint t = 0; t < len; t++) {
        const float z = texelFetch(logits, int((b * push.num_segments + t) * push.stride + n)).x;
        sum += z;
        top = max(top, z);
    }
    pooled[b * push.stride + n] = push.mode == TYTO_MIL_POOL_MAX ? top : sum / float(len);
}
