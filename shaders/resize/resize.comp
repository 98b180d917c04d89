// SPDX-License-Identifier: MIT
// resize - values of another height and width, channel by channel.
//   out[b,y,x,c] = between the four in[b,.,.,c] around (v(y), u(x)); v from in_h and out_h, u alike:
//   nearest   v = floor(y in/out)
//   bilinear  v = (y + 0.5) in/out - 0.5, clamped to the picture
//   corners   v = y (in - 1) / (out - 1)
// in (B, in_h, in_w, C), out (B, out_h, out_w, C) f32
// grid     x: floats of an item's output in groups of LANES, y: b
// limits   groups and B <= maxComputeWorkGroupCount[0, 1]; sides below 2^16
// numerics nearest exact; else weights within 2e-4 of a place for sides up to 1024
// source   TFLite RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/resize/resize_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_resize_push push; };
layout(set = 0, binding = 0) uniform textureBuffer values;
layout(set = 0, binding = 1) writeonly buffer Out { float resized[]; };

float under(uint i, uint n_in, uint n_out)
{
    if (push.mode == TYTO_RESIZE_PLACE_BILINEAR)
        return clamp((float(i) + 0.5) * float(n_in) / float(n_out) - 0.5, 0.0, float(n_in - 1));
    if (push.mode == TYTO_RESIZE_PLACE_CORNERS)
        return n_out > 1 ? float(i * (n_in - 1)) / float(n_out - 1) : 0.0;
    return float(i * n_in / n_out);
}

float value_at(uint y, uint x, uint c)
{
    const uint item = gl_WorkGroupID.y * push.in_h;
    return texelFetch(values, int(((item + y) * push.in_w + x) * push.channels + c)).x;
}

void main()
{
    const uint index = gl_GlobalInvocationID.x;
    if (index >= push.num)
        return;
    const uint c = index % push.channels, place = index / push.channels;
    const float v = under(place / push.out_w, push.in_h, push.out_h);
    const float u = under(place % push.out_w, push.in_w, push.out_w);
    const uint y0 = uint(v), x0 = uint(u);
    const uint y1 = min(y0 + 1, push.in_h - 1), x1 = min(x0 + 1, push.in_w - 1);
    const float top = mix(value_at(y0, x0, c), value_at(y0, x1, c), u - float(x0));
    const float bottom = mix(value_at(y1, x0, c), value_at(y1, x1, c), u - float(x0));
    resized[gl_WorkGroupID.y * push.num + index] = mix(top, bottom, v - float(y0));
}
