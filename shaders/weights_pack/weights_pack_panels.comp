#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// weights_pack_panels - (n, k) row-major weights into the panels of gemm: [n/32][k][32].
// A lane turns 4 rows of 4 columns round. Panels beyond n stay what they were (zeros).
// grid     x: groups of one subgroup, a lane per 4 rows; y: 4 columns
// limits   n, k, offsets multiples of 4; k / 4 <= maxComputeWorkGroupCount[1]
// numerics a copy
// source   a copy; gemm's panels
#include "shaders/include/tyto.glsl"
#include "shaders/weights_pack/weights_pack_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_weights_pack_push push; };
layout(binding = 0) uniform textureBuffer values;
layout(binding = 1) uniform textureBuffer bias_values;
layout(binding = 2) writeonly buffer Panels { vec4 panels[]; };
layout(binding = 3) writeonly buffer Bias { float bias[]; };

void main()
{
    const uint n4 = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint k4 = gl_WorkGroupID.y;
    const uint row = push.cols / 4;
    const uint from = push.from / 4 + n4 * 4 * row + k4;

    if (n4 * 4 >= push.rows)
        return;
    const mat4 turned = transpose(mat4(texelFetch(values, int(from)),
                                       texelFetch(values, int(from + row)),
                                       texelFetch(values, int(from + 2 * row)),
                                       texelFetch(values, int(from + 3 * row))));
    // 8 texels of 4 columns are a panel's row
    const uint to = (n4 / 8 * push.cols + k4 * 4) * 8 + n4 % 8;
    [[unroll]] for (uint i = 0; i < 4; i++)
        panels[to + i * 8] = turned[i];
    if (k4 == 0 && push.from_bias != 0xffffffffu)
        for (uint i = 0; i < 4; i++)
            bias[n4 * 4 + i] = texelFetch(bias_values, int(push.from_bias + n4 * 4 + i)).x;
}
