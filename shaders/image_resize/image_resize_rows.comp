// SPDX-License-Identifier: MIT
// image_resize_rows - first of two: down the columns of every plane, four bytes at a time.
//   mixed[f, oy, x] = sum_y tap(y) * plane[y, x] / sum_y tap(y)
//   tap(y) = max(0, 1 - |y + 0.5 - (oy + 0.5) s| / max(s, 1)),  s = input rows per output row
// staging bytes of all planes (rgba8ui texels), frames (F) geometry,
// mixed (F, out_h, mixed_texels) vec4 f32: the planes' rows one after the other
// grid     x: texel columns in blocks of BLOCK, y: row of the picture's rectangle, z: frame
// limits   LANES divides BLOCK; F and out_h <= maxComputeWorkGroupCount
// numerics f32 sums of levels 0..255: 2e-4 absolute
// source   PIL's BILINEAR resize
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/image_resize/image_resize_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_image_resize_rows_push push; };
layout(set = 0, binding = 0) uniform utextureBuffer staging;
layout(set = 0, binding = 1, std430) readonly buffer Frames { tyto_image_resize_frame frames[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Mixed { vec4 mixed[]; };

const uint MAX_COLS = TYTO_IMAGE_RESIZE_BLOCK / 4; // subgroups have 4 lanes or more
const uint COLS = LANES < TYTO_IMAGE_RESIZE_BLOCK ? TYTO_IMAGE_RESIZE_BLOCK / LANES : 1;

void main()
{
    const uint first = gl_WorkGroupID.x * TYTO_IMAGE_RESIZE_BLOCK;
    const uint oy = gl_WorkGroupID.y, frame = gl_WorkGroupID.z;
    if (first >= frames[frame].num_texels || oy >= frames[frame].rect[3])
        return;

    // A block lies in one plane: rows are padded to whole blocks.
    const uint end_0 = frames[frame].plane_texels[0];
    const uint end_1 = end_0 + frames[frame].plane_texels[1];
    const uint plane = first < end_0 ? 0 : first < end_1 ? 1 : 2;
    const uint plane_first = first - (plane == 0 ? 0 : plane == 1 ? end_0 : end_1);
    // The centre is split into whole and fraction: a float alone would lose what taps need.
    const uint num = frames[frame].rows_num, den = frames[frame].rows_den[plane];
    const uint stride = frames[frame].plane_stride[plane];
    const float width = max(float(num) / float(den), 1.0);
    const uint whole = (2 * oy + 1) * num / (2 * den);
    const float part = float((2 * oy + 1) * num % (2 * den)) / float(2 * den);
    const uint begin = uint(max(int(whole) + int(floor(part - width)), 0));
    const uint end = min(whole + uint(ceil(part + width)), frames[frame].plane_rows[plane]);

    vec4 sum[MAX_COLS];
    [[unroll]] for (uint i = 0; i < MAX_COLS; i++)
        sum[i] = vec4(0.0);
    float taps = 0.0;
    uint at = frames[frame].plane_first[plane] + begin * stride + plane_first +
              gl_LocalInvocationID.x;
    for (uint y = begin; y < end; y++) {
        const float tap = max(0.0, 1.0 - abs(float(int(y) - int(whole)) + 0.5 - part) / width);
        [[unroll]] for (uint i = 0; i < MAX_COLS; i++)
            if (i < COLS)
                sum[i] += tap * vec4(texelFetch(staging, int(at + i * LANES)));
        taps += tap;
        at += stride;
    }
    const uint to = (frame * push.out_h + oy) * push.mixed_texels + first + gl_LocalInvocationID.x;
    [[unroll]] for (uint i = 0; i < MAX_COLS; i++)
        if (i < COLS)
            mixed[to + i * LANES] = sum[i] / taps;
}
