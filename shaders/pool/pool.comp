// SPDX-License-Identifier: MIT
// pool - largest, mean or standard deviation of each window, channel by channel.
//   max  out[b,p,c] = max over the window of in[b,y,x,c]
//   avg  out[b,p,c] = sum / number of values inside the picture
//   std  out[b,p,c] = sqrt(avg of (in - avg)^2), population
// in (B, H, W, C) f32, out rows of C floats, out_pitch apart, from out_first of
//                  item out_item on; p = (oy, ox)
// grid     x: channels (four a lane if all counts allow) of all places in groups of LANES, y: b
// limits   every window touches the picture; groups and B <= maxComputeWorkGroupCount[0, 1]; windows of at most
//          MAX_WINDOW values, because lavapipe ends a kernel's loops after 65535 rounds in all
// numerics max exact; f32 sums: avg within 1e-6 of the largest magnitude, std (two passes)
//          within 2e-6 of it
// source   layers of TFLite and ONNX; std: statistics pooling
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/pool/pool_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint STEP = 1; // channels a lane: 4 where every count is a multiple
layout(push_constant) uniform Push { tyto_pool_push push; };
layout(set = 0, binding = 0) uniform textureBuffer values;
layout(set = 0, binding = 1) uniform textureBuffer quads; // the same as vec4
layout(set = 0, binding = 2) writeonly buffer Out { float pooled[]; };

vec4 load(int at)
{
    return STEP == 4 ? texelFetch(quads, at / 4) : vec4(texelFetch(values, at).x);
}

void main()
{
    const uint per_place = push.channels / STEP;
    const uint index = gl_GlobalInvocationID.x;
    const uint place = index / per_place, b = gl_WorkGroupID.y;
    const uint c = index % per_place * STEP;
    if (place >= push.num_places)
        return;

    const int top = int(place / push.out_w * push.stride_h) - int(push.pad_top);
    const int left = int(place % push.out_w * push.stride_w) - int(push.pad_left);
    const int y0 = max(top, 0), y1 = min(top + int(push.kernel_h), int(push.in_h));
    const int x0 = max(left, 0), x1 = min(left + int(push.kernel_w), int(push.in_w));
    const int row = int(push.in_w * push.channels);
    const int base = int(b * push.in_h) * row + int(c);

    vec4 result = push.mode == TYTO_POOL_MAX ? vec4(-3.402823466e38) : vec4(0.0);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            const vec4 v = load(base + y * row + x * int(push.channels));
            result = push.mode == TYTO_POOL_MAX ? max(result, v) : result + v;
        }
    const float num = float((y1 - y0) * (x1 - x0));
    if (push.mode != TYTO_POOL_MAX)
        result /= num;
    if (push.mode == TYTO_POOL_STD) {
        const vec4 mean = result;
        vec4 squares = vec4(0.0);
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++) {
                const vec4 d = load(base + y * row + x * int(push.channels)) - mean;
                squares += d * d;
            }
        result = sqrt(squares / num);
    }
    const uint at = push.out_first +
                    ((push.out_item + b) * push.num_places + place) * push.out_pitch + c;
    [[unroll]] for (uint i = 0; i < STEP; i++)
        pooled[at + i] = result[i];
}
