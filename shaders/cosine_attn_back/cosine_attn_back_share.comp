#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// cosine_attn_back_share - each score's share in the gradients of a cosine. With g = dscores[b,l],
// q = q[b], k = k[r,l], r = rows[b], cos = <q, k> / (|q| |k|):
//   share[b,l] = (g scale / (|q| |k|), -g scale cos / |k|^2, -g scale cos / |q|^2, g cos)
// norms held up to eps; all 0 where the row is missing
// q (B, D), k (num_rows, L, D), dscores (B, L), share (B, L, 4) f32; rows (B) u32; scale (1) f32
// grid     x: ceil(L / LANES) groups of one subgroup, a lane per place; y: b. The lanes read q
//          once and hand it round.
// limits   D a multiple of 4; B <= maxComputeWorkGroupCount[1]; |values| < 1e15
// numerics f32 sums; the gradients within 1e-4 relative; eps = 1e-12
// source   derived: the chain rule on cosine_attn
#include "shaders/include/tyto.glsl"
#include "shaders/cosine_attn_back/cosine_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_cosine_attn_back_push push; };
layout(binding = 0) uniform textureBuffer query;
layout(binding = 1) uniform textureBuffer key;
layout(binding = 2) readonly buffer Rows { uint rows[]; };
layout(binding = 3) readonly buffer Scale { float scale[]; };
layout(binding = 4) uniform textureBuffer dscores;
layout(binding = 5) writeonly buffer Share { vec4 share[]; };

const float EPS = 1e-12;
const uint CHUNK = LANES < 8 ? LANES : 8; // texels of q that lanes hold at a time

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint l = gl_WorkGroupID.x * LANES + lane;
    const uint b = gl_WorkGroupID.y;
    const uint width = push.width / 4;
    const uint row = rows[b];
    vec4 shares = vec4(0.0);

    if (row < push.num_rows) {
        const uint place = min(l, push.num_places - 1);
        const uint k0 = (row * push.num_places + place) * width;
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
        const float norm_q = max(sqrt(qq), EPS);
        const float norm_k = max(sqrt(kk), EPS);
        const float cosine = dot_qk / norm_q / norm_k;
        const float g = texelFetch(dscores, int(b * push.num_places + place)).x;
        const float gs = g * scale[0];
        // a norm below eps was held there: it does not move
        shares = vec4(gs / norm_q / norm_k, norm_k > EPS ? -gs * cosine / norm_k / norm_k : 0.0,
                      norm_q > EPS ? -gs * cosine / norm_q / norm_q : 0.0, g * cosine);
    }
    if (l < push.num_places)
        share[b * push.num_places + l] = shares;
}
