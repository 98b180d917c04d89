#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// attn_pool_back_weights - the gradient of the weights of a picture's places.
//   dweights[b,l] = sum_c dout[b,c] * feats[r,l,c],  r = rows[b]; 0 where that is missing
// dout (B, C), feats (num_rows, L, C), dweights (B, L) f32
// grid     x: ceil(L / LANES) groups of one subgroup, a lane per place; y: b. The lanes read dout
//          once and hand it round.
// limits   C a multiple of 4; B <= maxComputeWorkGroupCount[1]
// numerics f32 sums; within 1e-5 relative of the true gradient
// source   derived: the chain rule on attn_pool
#include "shaders/include/tyto.glsl"
#include "shaders/attn_pool_back/attn_pool_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_attn_pool_back_push push; };
layout(binding = 0) uniform textureBuffer dout;
layout(binding = 1) uniform textureBuffer feats;
layout(binding = 2) readonly buffer Rows { uint rows[]; };
layout(binding = 3) writeonly buffer Dweights { float dweights[]; };

const uint CHUNK = LANES < 8 ? LANES : 8; // texels of dout that lanes hold at a time

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint l = gl_WorkGroupID.x * LANES + lane;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;
    const uint row = rows[b];
    float sum = 0.0;

    if (row < push.num_rows) {
        const uint f0 = (row * push.num_places + min(l, push.num_places - 1)) * width;
        for (uint c0 = 0; c0 < width; c0 += CHUNK) {
            const uint mine = c0 + lane % CHUNK;
            vec4 held = texelFetch(dout, int(b * width + min(mine, width - 1)));
            if (mine >= width)
                held = vec4(0.0);
            [[unroll]] for (uint i = 0; i < 8; i++)
                if (i < CHUNK)
                    sum += dot(subgroupShuffle(held, i),
                               texelFetch(feats, int(f0 + min(c0 + i, width - 1))));
        }
    }
    if (l < push.num_places)
        dweights[b * push.num_places + l] = sum;
}
