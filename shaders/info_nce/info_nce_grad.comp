#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// info_nce_grad - the gradient of the sum of info_nce_stats' losses by the scores.
//   ds[i,j] = scale / 2 * (weight[i] exp(z[i,j] - sums[i].x) + weight[j] exp(z[i,j] - sums[j].y)
//             - (i = j ? 2 weight[i] : 0)) where j = i or of another clip, and both weigh; else 0
// ds (N, row_stride), columns past N are 0
// grid     x: rows; one subgroup each, a lane per 4 columns
// limits, numerics, source: info_nce_stats
#include "shaders/include/tyto.glsl"
#include "shaders/info_nce/info_nce_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_info_nce_push push; };
layout(binding = 0) uniform textureBuffer scores;
layout(binding = 1) uniform textureBuffer weights;
layout(binding = 2) uniform textureBuffer sums;
layout(binding = 3) writeonly buffer Grads { vec4 grads[]; };

float weight_of(uint i)
{
    return texelFetch(weights, int(i * push.weight_stride)).x;
}

float grad_of(uint i, uint j, float own_weight, float own_sum)
{
    const float weight = weight_of(j);
    const float z = push.scale * texelFetch(scores, int(i * push.row_stride + j)).x;
    const bool counts = own_weight > 0.0 && weight > 0.0 &&
                        (i == j || i / push.segments != j / push.segments);
    // Clamped, as what does not count may be above its row's sum.
    const float by_row = own_weight * exp(min(z - own_sum, 0.0));
    const float by_col = weight * exp(min(z - texelFetch(sums, int(2 * j + 1)).x, 0.0));

    return counts ? 0.5 * push.scale * (by_row + by_col - (i == j ? 2.0 * own_weight : 0.0)) : 0.0;
}

void main()
{
    const uint i = gl_WorkGroupID.x;
    const float own_weight = weight_of(i);
    const float own_sum = texelFetch(sums, int(2 * i)).x;

    for (uint j4 = gl_SubgroupInvocationID; j4 < push.row_stride / 4; j4 += LANES) {
        vec4 v;

        [[unroll]] for (uint c = 0; c < 4; c++) {
            const uint j = 4 * j4 + c;
            v[c] = j < push.rows ? grad_of(i, min(j, push.rows - 1), own_weight, own_sum) : 0.0;
        }
        grads[i * (push.row_stride / 4) + j4] = v;
    }
}
