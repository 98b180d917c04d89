// SPDX-License-Identifier: MIT
// row_gather - picks rows by number and pads them with zeros.
//   out[b,c] = in[rows[b],c] for c < W and rows[b] < num_rows, else 0
// in (num_rows, W) f32, rows (B) u32, out (B, C) f32
// grid     x: ceil(C / LANES) groups of LANES lanes, one lane per c; y: b
// limits   1 <= W <= C; B and the groups in x <= 65535
// numerics exact
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/row_gather/row_gather_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_row_gather_push push; };
layout(set = 0, binding = 0) readonly buffer In { float src[]; };
layout(set = 0, binding = 1) readonly buffer Rows { uint rows[]; };
layout(set = 0, binding = 2) writeonly buffer Out { float dst[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x;
    const uint b = gl_WorkGroupID.y;
    const uint row = rows[b];
    if (c >= push.out_width)
        return;
    const bool there = c < push.in_width && row < push.num_rows;
    dst[b * push.out_width + c] = there ? src[row * push.in_width + c] : 0.0;
}
