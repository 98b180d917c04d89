// SPDX-License-Identifier: MIT
// log_mel_level - last of four, for decibels: the dynamic range of a segment, and the affine.
//   out[i] = max(x[i], max_j x[j] - top_db) * post_scale + post_shift
// bands (B, num) f32, in place
// grid     one subgroup of LANES lanes per segment
// limits   B <= maxComputeWorkGroupCount[0]
// numerics one rounding of each step
// source   librosa power_to_db with ref 1
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/log_mel/log_mel_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_log_mel_level_push push; };
layout(set = 0, binding = 0) buffer Bands { float bands[]; };

void main()
{
    const uint base = gl_WorkGroupID.x * push.num;
    const uint lane = gl_SubgroupInvocationID;

    float peak = -3.402823466e38;
    if (push.top_db > 0.0)
        for (uint i = lane; i < push.num; i += LANES)
            peak = max(peak, bands[base + i]);
    peak = subgroupMax(peak);
    const float lowest = push.top_db > 0.0 ? peak - push.top_db : -3.402823466e38;
    for (uint i = lane; i < push.num; i += LANES)
        bands[base + i] = max(bands[base + i], lowest) * push.post_scale + push.post_shift;
}
