#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// weights_pack_lstm - (5 D, D) row-major weights, gates i f g o and the sentinel's, into the form
// of lstm_sentinel: [from][to] of (i,f,g,o), then [from/4][to][from%4] of the sentinel's.
// grid     x: groups of one subgroup, a lane per unit of `to`; y: `from`
// limits   D <= maxComputeWorkGroupCount[1]
// numerics a copy
// source   a copy; the order is what lstm_sentinel reads
#include "shaders/include/tyto.glsl"
#include "shaders/weights_pack/weights_pack_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_weights_pack_push push; };
layout(binding = 0) uniform textureBuffer values;
layout(binding = 1) writeonly buffer Packed { float packed[]; };

void main()
{
    const uint to = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint from = gl_WorkGroupID.y;
    const uint n = push.cols;

    if (to >= n)
        return;
    for (uint q = 0; q < 4; q++)
        packed[(from * n + to) * 4 + q] =
            texelFetch(values, int(push.from + (q * n + to) * n + from)).x;
    packed[push.from_bias + (from / 4 * n + to) * 4 + from % 4] =
        texelFetch(values, int(push.from + (4 * n + to) * n + from)).x;
}
