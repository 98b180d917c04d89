#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// attn_pool - the mean of a picture's places under given weights.
//   out[b,c] = sum_l weights[b,l] * feats[r,l,c],  r = rows[b]
// weights (B, L) f32, feats (num_rows, L, C) f32, rows (B) u32, out (B, C) f32
// A row that is not there (rows[b] >= num_rows, TYTO_ROW_NONE) gives zeros.
// grid     x: groups of one subgroup, a lane per 4 columns; y: b. The lanes read the weights once
//          and hand them round.
// limits   C a multiple of 4; B <= maxComputeWorkGroupCount[1]
// numerics f32 sums over L, within 2e-6 * max|feats| of the reference (weights that sum to 1)
// source   Tian et al., ECCV 2018
#include "shaders/include/tyto.glsl"
#include "shaders/attn_pool/attn_pool_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_attn_pool_push push; };
layout(binding = 0) uniform textureBuffer weights;
layout(binding = 1) uniform textureBuffer feats;
layout(binding = 2) readonly buffer Rows { uint rows[]; };
layout(binding = 3) writeonly buffer Out { float pooled[]; };

const uint CHUNK = LANES < 8 ? LANES : 8; // weights that lanes hold at a time

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint c = gl_WorkGroupID.x * LANES + lane;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;
    const uint row = rows[b];
    vec4 sum = vec4(0.0);

    if (row < push.num_rows) {
        const uint f0 = row * push.num_places * width + min(c, width - 1);
        for (uint l0 = 0; l0 < push.num_places; l0 += CHUNK) {
            const uint mine = l0 + lane % CHUNK;
            float held =
                texelFetch(weights, int(b * push.num_places + min(mine, push.num_places - 1))).x;
            if (mine >= push.num_places)
                held = 0.0;
            [[unroll]] for (uint i = 0; i < 8; i++) {
                if (i >= CHUNK)
                    continue;
                const uint l = min(l0 + i, push.num_places - 1);
                sum += subgroupShuffle(held, i) * texelFetch(feats, int(f0 + l * width));
            }
        }
    }
    if (c < width)
        for (uint i = 0; i < 4; i++)
            pooled[b * push.width + c * 4 + i] = sum[i];
}
