#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// softmax - over the last axis.
//   out[r,i] = exp(in[r,i] - m_r) / sum_j exp(in[r,j] - m_r),  m_r = max_j in[r,j]
// in, out (rows, width) f32; out may be the same buffer as in
// grid     one subgroup of LANES lanes per row; lanes stride over width
// limits   1 <= width <= MAX_WIDTH; rows <= maxComputeWorkGroupCount[0]; one finite value a row
// numerics max subtracted before exp; f32 sums, within 2e-6 absolute of the reference
// source   the usual one, shifted by its maximum
#include "shaders/include/tyto.glsl"
#include "shaders/softmax/softmax_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_softmax_push push; };
layout(binding = 0) uniform textureBuffer scores;
layout(binding = 1) writeonly buffer Out { float weights[]; };

void main()
{
    const uint base = gl_WorkGroupID.x * push.width;
    const uint lane = gl_SubgroupInvocationID;

    float top = -3.402823466e38;
    for (uint i = lane; i < push.width; i += LANES)
        top = max(top, texelFetch(scores, int(base + i)).x);
    top = subgroupMax(top);

    float sum = 0.0;
    for (uint i = lane; i < push.width; i += LANES)
        sum += exp(texelFetch(scores, int(base + i)).x - top);
    sum = subgroupAdd(sum);
    for (uint i = lane; i < push.width; i += LANES)
        weights[base + i] = exp(texelFetch(scores, int(base + i)).x - top) / sum;
}
