// SPDX-License-Identifier: MIT
// pool - largest, mean or standard deviation of each window, channel by channel.
//   max  out[b,p,c] = max over the window of in[b,y,x,c]
//   avg  out[b,p,c] = sum / number of values inside the picture
//   std  out[b,p,c] = sqrt(avg of (in - avg)^2), population
// in (B, H, W, C) f32, out rows of C floats, out_pitch apart, from out_first on; p = (oy, ox)
// grid     x: channels in groups of LANES, y: place, z: b
// limits   every window touches the picture; places, B <= maxComputeWorkGroupCount[1, 2]
// numerics max exact; f32 sums: avg within 1e-6 of the largest magnitude, std (two passes)
//          within 2e-6 of it
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/pool/pool_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_pool_push push; };
layout(set = 0, binding = 0) uniform textureBuffer values;
layout(set = 0, binding = 1) writeonly buffer Out { float pooled[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x;
    const uint place = gl_WorkGroupID.y, b = gl_WorkGroupID.z;
    if (c >= push.channels)
        return;

    const int top = int(place / push.out_w * push.stride_h) - int(push.pad_top);
    const int left = int(place % push.out_w * push.stride_w) - int(push.pad_left);
    const int y0 = max(top, 0), y1 = min(top + int(push.kernel_h), int(push.in_h));
    const int x0 = max(left, 0), x1 = min(left + int(push.kernel_w), int(push.in_w));
    const int row = int(push.in_w * push.channels);
    const int base = int(b * push.in_h) * row + int(c);

    float top_value = -3.402823466e38, sum = 0.0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            const float v = texelFetch(values, base + y * row + x * int(push.channels)).x;
            top_value = max(top_value, v);
            sum += v;
        }
    const float num = float((y1 - y0) * (x1 - x0));
    float result = push.mode == TYTO_POOL_MAX ? top_value : sum / num;
    if (push.mode == TYTO_POOL_STD) {
        float squares = 0.0;
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++) {
                const float d =
                    texelFetch(values, base + y * row + x * int(push.channels)).x - result;
                squares += d * d;
            }
        result = sqrt(squares / num);
    }
    pooled[push.out_first + (b * push.num_places + place) * push.out_pitch + c] = result;
}
