// SPDX-License-Identifier: MIT
// cosine_attn - how well each place of a picture goes with a sound: the scores of "where".
//   scores[b,l] = scale * <q[b], k[r,l]> / (max(|q[b]|, eps) max(|k[r,l]|, eps)),  r = rows[b]
// q (B, D) f32, k (num_rows, L, D) f32, rows (B) u32, scale (1) f32, scores (B, L) f32
// A row that is not there (rows[b] >= num_rows, TYTO_ROW_NONE) scores 0 at every place.
// grid     one subgroup of LANES lanes per (l, b); lanes stride over D
// limits   1 <= L, B <= 65535; D >= 1; |values| < 1e15, so that squares stay finite
// numerics f32 sums, within 4e-6 * max(1, |scale|) of the reference; eps = 1e-12
// source   Xuan et al., AAAI 2020 ("where")
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "shaders/cosine_attn/cosine_attn_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_cosine_attn_push push; };
layout(set = 0, binding = 0) readonly buffer Query { float query[]; };
layout(set = 0, binding = 1) readonly buffer Key { float key[]; };
layout(set = 0, binding = 2) readonly buffer Rows { uint rows[]; };
layout(set = 0, binding = 3) readonly buffer Scale { float scale[]; };
layout(set = 0, binding = 4) writeonly buffer Scores { float scores[]; };

const float EPS = 1e-12;

void main()
{
    const uint l = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint row = rows[b];
    float score = 0.0;

    if (row < push.num_rows) {
        const uint q0 = b * push.width;
        const uint k0 = (row * push.num_places + l) * push.width;
        float dot = 0.0;
        float qq = 0.0;
        float kk = 0.0;
        for (uint d = gl_SubgroupInvocationID; d < push.width; d += LANES) {
            const float q = query[q0 + d];
            const float k = key[k0 + d];
            dot += q * k;
            qq += q * q;
            kk += k * k;
        }
        dot = subgroupAdd(dot);
        qq = sqrt(subgroupAdd(qq));
        kk = sqrt(subgroupAdd(kk));
        score = scale[0] * (dot / max(qq, EPS)) / max(kk, EPS);
    }
    if (subgroupElect())
        scores[b * push.num_places + l] = score;
}
