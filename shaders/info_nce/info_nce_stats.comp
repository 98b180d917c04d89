#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// info_nce_stats - what each row's two softmaxes sum to, and its loss.
//   z[i,j] = scale * s[i,j] where j = i or j is of another clip, and weighs more than 0; else -inf
//   sums[i] = (log sum_j exp z[i,j], log sum_j exp z[j,i])
//   losses[i] = weight[i] / 2 * (sums[i].x + sums[i].y - 2 z[i,i])
// s (N, row_stride) f32, weight[i] at i * weight_stride, sums (N, 2), losses (N)
// grid     x: rows; one subgroup each, lanes stride over the others
// limits   N <= 8192: two loops of N / LANES rounds
// numerics f32; the largest is subtracted before exp
// source   van den Oord et al., 2018 (InfoNCE); both directions as in Radford et al., ICML 2021
#include "shaders/include/tyto.glsl"
#include "shaders/info_nce/info_nce_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_info_nce_push push; };
layout(binding = 0) uniform textureBuffer scores;
layout(binding = 1) uniform textureBuffer weights;
layout(binding = 2) writeonly buffer Sums { float sums[]; };
layout(binding = 3) writeonly buffer Losses { float losses[]; };

const float NONE = -3.402823466e38;

float weight_of(uint i)
{
    return texelFetch(weights, int(i * push.weight_stride)).x;
}

// z[i,j] and z[j,i]
vec2 both(uint i, uint j)
{
    const bool counts = i == j || (i / push.segments != j / push.segments && weight_of(j) > 0.0);
    const vec2 z = push.scale * vec2(texelFetch(scores, int(i * push.row_stride + j)).x,
                                     texelFetch(scores, int(j * push.row_stride + i)).x);

    return counts ? z : vec2(NONE);
}

void main()
{
    const uint i = gl_WorkGroupID.x;
    const float own = push.scale * texelFetch(scores, int(i * push.row_stride + i)).x;
    vec2 top = vec2(own), sum = vec2(0.0);

    for (uint j = gl_SubgroupInvocationID; j < push.rows; j += LANES)
        top = max(top, both(i, j));
    top = vec2(subgroupMax(top.x), subgroupMax(top.y));
    for (uint j = gl_SubgroupInvocationID; j < push.rows; j += LANES)
        sum += exp(both(i, j) - top);
    const vec2 all = top + log(vec2(subgroupAdd(sum.x), subgroupAdd(sum.y)));

    if (subgroupElect()) {
        sums[2 * i] = all.x;
        sums[2 * i + 1] = all.y;
        losses[i] = 0.5 * weight_of(i) * (all.x + all.y - 2.0 * own);
    }
}
