// SPDX-License-Identifier: MIT
// image_resize_cols - second of two: along the rows, colour, clamp, normalise.
//   level[c] = sum_x tap(x) * mixed[first[c] + pitch[c] x] / sum_x tap(x)
//   out[r] = (clamp(matrix[r] . (level, 1), 0, 255) - mean) * scale
// mixed (F, out_h, 4 mixed_texels) f32, frames (F), out (rows, out_h, out_w, 3) f32
// grid     x: output columns in groups of LANES, y: output row, z: frame
// limits   F and out_h <= maxComputeWorkGroupCount
// numerics f32 sums of levels 0..255: with the first pass 1e-3 of a level, times scale
// source   ITU-R BT.601-7, BT.709-6 for the matrices (made in C)
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/image_resize/image_resize_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_image_resize_cols_push push; };
layout(set = 0, binding = 0) uniform textureBuffer mixed;
layout(set = 0, binding = 1, std430) readonly buffer Frames { tyto_image_resize_frame frames[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Out { float pixels[]; };

void main()
{
    const uint ox = gl_GlobalInvocationID.x;
    const uint oy = gl_WorkGroupID.y, frame = gl_WorkGroupID.z;
    if (ox >= push.out_w)
        return;

    const uint row = (frame * push.out_h + oy) * push.mixed_texels * 4;
    float level[3];
    for (uint c = 0; c < 3; c++) {
        const uint num = frames[frame].cols_num, den = frames[frame].cols_den[c];
        const float width = max(float(num) / float(den), 1.0);
        const uint whole = (2 * ox + 1) * num / (2 * den);
        const float part = float((2 * ox + 1) * num % (2 * den)) / float(2 * den);
        const uint begin = uint(max(int(whole) + int(floor(part - width)), 0));
        const uint end = min(whole + uint(ceil(part + width)), frames[frame].channel_num[c]);
        const uint pitch = frames[frame].channel_pitch[c];
        uint at = row + frames[frame].channel_first[c] + begin * pitch;
        float sum = 0.0, taps = 0.0;
        for (uint x = begin; x < end; x++) {
            const float tap = max(0.0, 1.0 - abs(float(int(x) - int(whole)) + 0.5 - part) / width);
            sum += tap * texelFetch(mixed, int(at)).x;
            taps += tap;
            at += pitch;
        }
        level[c] = sum / taps;
    }
    const uint out_at =
        ((frames[frame].out_row * push.out_h + oy) * push.out_w + ox) * 3;
    for (uint r = 0; r < 3; r++) {
        const float rgb = frames[frame].matrix[4 * r] * level[0] +
                          frames[frame].matrix[4 * r + 1] * level[1] +
                          frames[frame].matrix[4 * r + 2] * level[2] +
                          frames[frame].matrix[4 * r + 3];
        pixels[out_at + r] = (clamp(rgb, 0.0, 255.0) - push.mean[r]) * push.scale[r];
    }
}
