// SPDX-License-Identifier: MIT
// attn_pool - the mean of a picture's places under given weights.
//   out[b,c] = sum_l weights[b,l] * feats[r,l,c],  r = rows[b]
// weights (B, L) f32, feats (num_rows, L, C) f32, rows (B) u32, out (B, C) f32
// A row that is not there (rows[b] >= num_rows, TYTO_ROW_NONE) gives zeros.
// grid     x: ceil(C / LANES) groups of LANES lanes, one lane per c; y: b
// limits   L, C >= 1; B and the groups in x <= 65535
// numerics f32 sums over L, within 2e-6 * max|feats| of the reference (weights that sum to 1)
// source   Tian et al., ECCV 2018
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/attn_pool/attn_pool_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_attn_pool_push push; };
layout(set = 0, binding = 0) readonly buffer Weights { float weights[]; };
layout(set = 0, binding = 1) readonly buffer Feats { float feats[]; };
layout(set = 0, binding = 2) readonly buffer Rows { uint rows[]; };
layout(set = 0, binding = 3) writeonly buffer Out { float pooled[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x;
    const uint b = gl_WorkGroupID.y;
    const uint row = rows[b];
    if (c >= push.width)
        return;

    float sum = 0.0;
    if (row < push.num_rows) {
        const uint w0 = b * push.num_places;
        uint f = row * push.num_places * push.width + c;
        for (uint l = 0; l < push.num_places; l++, f += push.width)
            sum += weights[w0 + l] * feats[f];
    }
    pooled[b * push.width + c] = sum;
}
