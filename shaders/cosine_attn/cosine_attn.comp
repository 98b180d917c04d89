#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// cosine_attn - how well each place of a picture goes with a sound: the scores of "where".
//   scores[b,l] = scale * <q[b], k[r,l]> / (max(|q[b]|, eps) max(|k[r,l]|, eps)),  r = rows[b]
// q (B, D) f32, k (num_rows, L, D) f32, rows (B) u32, scale (1) f32, scores (B, L) f32
// A row that is not there (rows[b] >= num_rows, TYTO_ROW_NONE) scores 0 at every place.
// grid     x: ceil(L / LANES) groups of one subgroup, a lane per place; y: b. The lanes read q
//          once and hand it round.
// limits   D a multiple of 4; B <= maxComputeWorkGroupCount[1]; |values| < 1e15, so that squares
//          stay finite
// numerics f32 sums, within 4e-6 * max(1, |scale|) of the reference; eps = 1e-12
// source   Xuan et al., AAAI 2020 ("where")
#include "shaders/include/tyto.glsl"
#include "shaders/cosine_attn/cosine_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_cosine_attn_push push; };
layout(binding = 0) uniform textureBuffer query;
layout(binding = 1) uniform textureBuffer key;
layout(binding = 2) readonly buffer Rows { uint rows[]; };
layout(binding = 3) readonly buffer Scale { float scale[]; };
layout(binding = 4) writeonly buffer Scores { float scores[]; };

const float EPS = 1e-12;
const uint CHUNK = LANES < 8 ? LANES : 8; // texels of q that lanes hold at a time

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint l = gl_WorkGroupID.x * LANES + lane;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;
    const uint row = rows[b];
    float score = 0.0;

    if (row < push.num_rows) {
        const uint k0 = (row * push.num_places + min(l, push.num_places - 1)) * width;
        float dot_qk = 0.0;
        float qq = 0.0;
        float kk = 0.0;
        for (uint d0 = 0; d0 < width; d0 += CHUNK) {
            const uint mine = d0 + lane % CHUNK;
            vec4 held = texelFetch(query, int(b * width + min(mine, width - 1)));
            if (mine >= width)
                held = vec4(0.0);
            [[unroll]] for (uint i = 0; i < 8; i++) {
                if (i >= CHUNK)
                    continue;
                const vec4 q = subgroupShuffle(held, i);
                const vec4 k = texelFetch(key, int(k0 + min(d0 + i, width - 1)));
                dot_qk += dot(q, k);
                qq += dot(q, q);
                kk += d0 + i < width ? dot(k, k) : 0.0;
            }
        }
        score = scale[0] * (dot_qk / max(sqrt(qq), EPS)) / max(sqrt(kk), EPS);
    }
    if (l < push.num_places)
        scores[b * push.num_places + l] = score;
}
