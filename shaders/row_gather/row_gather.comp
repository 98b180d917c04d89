#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// row_gather - picks rows by number and pads them with zeros.
//   out[b,c] = in[rows[b],c] for c < W and rows[b] < num_rows, else 0
// in (num_rows, W) f32, rows (B) u32, out (B, C) f32
// grid     x: groups of LANES lanes, a lane per column c; y: b
// limits   1 <= W <= C; B <= maxComputeWorkGroupCount[1]
// numerics exact
// source   a copy
#include "shaders/include/tyto.glsl"
#include "shaders/row_gather/row_gather_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_row_gather_push push; };
layout(binding = 0) uniform textureBuffer src;
layout(binding = 1) readonly buffer Rows { uint rows[]; };
layout(binding = 2) writeonly buffer Out { float dst[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x;
    const uint b = gl_WorkGroupID.y;
    const uint row = rows[b];
    float value = 0.0;

    if (row < push.num_rows)
        value = texelFetch(src, int(row * push.in_width + min(c, push.in_width - 1))).x;
    if (c < push.out_width)
        dst[b * push.out_width + c] = c < push.in_width ? value : 0.0;
}
