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

// Taps of pixels x..x+3 around the centre of output column ox; 0 outside the row.
struct Filter {
    uint whole, num;
    float part, width;
};

Filter filter_of(uint frame, uint channel, uint ox)
{
    const uint num = frames[frame].cols_num, den = frames[frame].cols_den[channel];
    Filter f;

    f.num = frames[frame].channel_num[channel];
    f.width = max(float(num) / float(den), 1.0);
    f.whole = (2 * ox + 1) * num / (2 * den);
    f.part = float((2 * ox + 1) * num % (2 * den)) / float(2 * den);
    return f;
}

uint begin_of(Filter f)
{
    return uint(max(int(f.whole) + int(floor(f.part - f.width)), 0));
}

// Steps of `step_` pixels that cover the filter from wherever in a step it begins.
uint steps_of(Filter f, uint step_)
{
    return (2 * uint(ceil(f.width)) + 2) / step_ + 2;
}

vec4 taps_of(Filter f, uint x)
{
    const vec4 at = vec4(float(int(x) - int(f.whole))) + vec4(0.5, 1.5, 2.5, 3.5) - f.part;
    const vec4 taps = max(vec4(0.0), 1.0 - abs(at) / f.width);
    const bvec4 inside = lessThan(uvec4(x) + uvec4(0, 1, 2, 3), uvec4(f.num));
    return mix(vec4(0.0), taps, inside);
}

vec4 fetch(uint row, uint texel)
{
    return texelFetch(mixed, int(row + min(texel, push.mixed_texels - 1)));
}

float one_channel(uint frame, uint channel, uint ox, uint row)
{
    const Filter f = filter_of(frame, channel, ox);
    const uint first = frames[frame].channel_first[channel] / 4, quad = begin_of(f) / 4;
    const uint num_steps = steps_of(f, 4);
    float sum = 0.0, weight = 0.0;

    for (uint i = 0; i < num_steps; i++) {
        const vec4 taps = taps_of(f, 4 * (quad + i));
        sum += dot(taps, fetch(row, first + quad + i));
        weight += dot(taps, vec4(1.0));
    }
    return sum / weight;
}

vec2 two_channels(uint frame, uint ox, uint row)
{
    const Filter f = filter_of(frame, 1, ox);
    const uint first = frames[frame].channel_first[1] / 4, quad = begin_of(f) / 2;
    const uint num_steps = steps_of(f, 2);
    vec2 sum = vec2(0.0);
    float weight = 0.0;

    for (uint i = 0; i < num_steps; i++) {
        const vec4 taps = taps_of(f, 2 * (quad + i));
        const vec4 v = fetch(row, first + quad + i);
        sum += taps.x * v.xy + taps.y * v.zw;
        weight += taps.x + taps.y;
    }
    return sum / weight;
}

vec3 three_channels(uint frame, uint ox, uint row)
{
    const Filter f = filter_of(frame, 0, ox);
    const uint group = begin_of(f) / 4, num_steps = steps_of(f, 4);
    vec3 sum = vec3(0.0);
    float weight = 0.0;

    for (uint i = 0; i < num_steps; i++) {
        const uint at = 3 * (group + i);
        const vec4 taps = taps_of(f, 4 * (group + i));
        const vec4 a = fetch(row, at), b = fetch(row, at + 1), c = fetch(row, at + 2);
        sum += taps.x * a.xyz + taps.y * vec3(a.w, b.xy) + taps.z * vec3(b.zw, c.x) +
               taps.w * c.yzw;
        weight += dot(taps, vec4(1.0));
    }
    return sum / weight;
}

void main()
{
    // Lanes past the end repeat the last one's work: cheaper than a branch.
    const uint ox = min(gl_GlobalInvocationID.x, push.out_w - 1);
    const uint oy = gl_WorkGroupID.y, frame = gl_WorkGroupID.z;
    const uint row = (frame * push.out_h + oy) * push.mixed_texels;
    vec3 level;

    if (frames[frame].channel_pitch[0] == 3)
        level = three_channels(frame, ox, row);
    else if (frames[frame].channel_pitch[1] == 2)
        level = vec3(one_channel(frame, 0, ox, row), two_channels(frame, ox, row));
    else
        level = vec3(one_channel(frame, 0, ox, row), one_channel(frame, 1, ox, row),
                     one_channel(frame, 2, ox, row));
    const uint out_at = ((frames[frame].out_row * push.out_h + oy) * push.out_w + ox) * 3;
    [[unroll]] for (uint r = 0; r < 3; r++) {
        const float rgb = frames[frame].matrix[4 * r] * level.x +
                          frames[frame].matrix[4 * r + 1] * level.y +
                          frames[frame].matrix[4 * r + 2] * level.z +
                          frames[frame].matrix[4 * r + 3];
        pixels[out_at + r] = (clamp(rgb, 0.0, 255.0) - push.mean[r]) * push.scale[r];
    }
}
