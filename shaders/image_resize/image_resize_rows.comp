// SPDX-License-Identifier: MIT
// image_resize_rows - first of two: down the columns of every plane, four bytes at a time.
//   mixed[f, oy, x] = sum_y tap(y) * plane[y, x] / sum_y tap(y)
//   tap(y) = max(0, 1 - |y + 0.5 - (oy + 0.5) s| / max(s, 1)),  s = input rows per output row
// staging bytes of all planes (rgba8ui texels), frames (F) geometry,
// mixed (F, out_h, mixed_texels) vec4 f32: the planes' rows one after the other
// grid     x: texel columns in groups of LANES, y: output row, z: frame
// limits   F and out_h <= maxComputeWorkGroupCount
// numerics f32 sums of levels 0..255: 2e-4 absolute
// source   PIL's BILINEAR resize
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/image_resize/image_resize_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_image_resize_rows_push push; };
layout(set = 0, binding = 0) uniform utextureBuffer staging;
layout(set = 0, binding = 1, std430) readonly buffer Frames { tyto_image_resize_frame frames[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Mixed { vec4 mixed[]; };

void main()
{
    const uint col = gl_GlobalInvocationID.x;
    const uint oy = gl_WorkGroupID.y, frame = gl_WorkGroupID.z;
    if (col >= frames[frame].num_texels)
        return;

    uint plane = 0, plane_col = col;
    while (plane < 2 && plane_col >= frames[frame].plane_texels[plane]) {
        plane_col -= frames[frame].plane_texels[plane];
        plane++;
    }
    /* The centre is split into whole and fraction: a float alone would lose what taps need. */
    const uint num = frames[frame].rows_num, den = frames[frame].rows_den[plane];
    const uint stride = frames[frame].plane_stride[plane];
    const float width = max(float(num) / float(den), 1.0);
    const uint whole = (2 * oy + 1) * num / (2 * den);
    const float part = float((2 * oy + 1) * num % (2 * den)) / float(2 * den);
    const uint begin = uint(max(int(whole) + int(floor(part - width)), 0));
    const uint end = min(whole + uint(ceil(part + width)), frames[frame].plane_rows[plane]);

    vec4 sum = vec4(0.0);
    float taps = 0.0;
    uint at = frames[frame].plane_first[plane] + begin * stride + plane_col;
    for (uint y = begin; y < end; y++) {
        const float tap = max(0.0, 1.0 - abs(float(int(y) - int(whole)) + 0.5 - part) / width);
        sum += tap * vec4(texelFetch(staging, int(at)));
        taps += tap;
        at += stride;
    }
    mixed[(frame * push.out_h + oy) * push.mixed_texels + col] = sum / taps;
}
