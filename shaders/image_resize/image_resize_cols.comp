// SPDX-License-Identifier: MIT
// image_resize_cols - second of two: along the rows, colour, clamp, normalise.
//   level[c] = sum_x tap(x) * mixed[first[c] + pitch[c] x] / sum_x tap(x)
//   out[r] = (clamp(matrix[r] . (level, 1), 0, 255) - mean) * scale in the picture's rectangle,
//   0 beside it; out_c = 4: out[3] = 1 in it, 0 beside it
// mixed (F, out_h, 4 mixed_texels) f32, frames (F), out (rows, out_h, out_w, out_c) f32
// grid     x: output columns in groups of LANES, y: output rows, ROWS a group, z: frame
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

// Taps of pixels x..x+3 around the centre of the rectangle's column ox; 0 outside the row.
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

const uint ROWS = TYTO_IMAGE_RESIZE_ROWS;

vec3 level[ROWS];
uint row_texel[ROWS]; // where row_of() begins: read for every tap, so it is worked out once

// Output row r of the group's; rows past the end repeat the last one.
uint out_row_of(uint r)
{
    return min(gl_WorkGroupID.y * ROWS + r, push.out_h - 1);
}

// Texel of the rectangle's row under output row r of picture `frame`; beside it, of the next one.
uint row_of(uint frame, uint r)
{
    const int top = int(frames[frame].rect[1]), height = int(frames[frame].rect[3]);
    const int row = clamp(int(out_row_of(r)) - top, 0, height - 1);
    return (frame * push.out_h + uint(row)) * push.mixed_texels;
}

vec4 fetch(uint r, uint texel)
{
    return texelFetch(mixed, int(row_texel[r] + min(texel, push.mixed_texels - 1)));
}

void one_channel(uint frame, uint channel, uint ox)
{
    const Filter f = filter_of(frame, channel, ox);
    const uint first = frames[frame].channel_first[channel] / 4, quad = begin_of(f) / 4;
    const uint num_steps = steps_of(f, 4);
    float weight = 0.0, sum[ROWS];

    [[unroll]] for (uint r = 0; r < ROWS; r++)
        sum[r] = 0.0;
    for (uint i = 0; i < num_steps; i++) {
        const vec4 taps = taps_of(f, 4 * (quad + i));
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            sum[r] += dot(taps, fetch(r, first + quad + i));
        weight += dot(taps, vec4(1.0));
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        level[r][channel] = sum[r] / weight;
}

void two_channels(uint frame, uint ox)
{
    const Filter f = filter_of(frame, 1, ox);
    const uint first = frames[frame].channel_first[1] / 4, quad = begin_of(f) / 2;
    const uint num_steps = steps_of(f, 2);
    vec2 sum[ROWS];
    float weight = 0.0;

    [[unroll]] for (uint r = 0; r < ROWS; r++)
        sum[r] = vec2(0.0);
    for (uint i = 0; i < num_steps; i++) {
        const vec4 taps = taps_of(f, 2 * (quad + i));
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const vec4 v = fetch(r, first + quad + i);
            sum[r] += taps.x * v.xy + taps.y * v.zw;
        }
        weight += taps.x + taps.y;
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        level[r].yz = sum[r] / weight;
}

void three_channels(uint frame, uint ox)
{
    const Filter f = filter_of(frame, 0, ox);
    const uint group = begin_of(f) / 4, num_steps = steps_of(f, 4);
    vec3 sum[ROWS];
    float weight = 0.0;

    [[unroll]] for (uint r = 0; r < ROWS; r++)
        sum[r] = vec3(0.0);
    for (uint i = 0; i < num_steps; i++) {
        const uint at = 3 * (group + i);
        const vec4 taps = taps_of(f, 4 * (group + i));
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const vec4 a = fetch(r, at), b = fetch(r, at + 1);
            const vec4 c = fetch(r, at + 2);
            sum[r] += taps.x * a.xyz + taps.y * vec3(a.w, b.xy) + taps.z * vec3(b.zw, c.x) +
                      taps.w * c.yzw;
        }
        weight += dot(taps, vec4(1.0));
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        level[r] = sum[r] / weight;
}

void main()
{
    // Lanes past the end repeat the last one's work: cheaper than a branch.
    const uint out_x = min(gl_GlobalInvocationID.x, push.out_w - 1);
    const uint frame = gl_WorkGroupID.z;
    const uint left = frames[frame].rect[0], width = frames[frame].rect[2];
    const uint ox = uint(clamp(int(out_x) - int(left), 0, int(width) - 1));
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        row_texel[r] = row_of(frame, r);

    if (frames[frame].channel_pitch[0] == 3) {
        three_channels(frame, ox);
    } else {
        one_channel(frame, 0, ox);
        if (frames[frame].channel_pitch[1] == 2) {
            two_channels(frame, ox);
        } else {
            one_channel(frame, 1, ox);
            one_channel(frame, 2, ox);
        }
    }
    mat4x3 matrix;
    [[unroll]] for (uint i = 0; i < 3; i++)
        [[unroll]] for (uint k = 0; k < 4; k++)
            matrix[k][i] = frames[frame].matrix[4 * i + k];
    const vec3 mean = vec3(push.mean[0], push.mean[1], push.mean[2]);
    const vec3 scale = vec3(push.scale[0], push.scale[1], push.scale[2]);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint oy = out_row_of(r), y = oy - frames[frame].rect[1];
        const bool inside = out_x - left < width && y < frames[frame].rect[3]; // no sign: one test
        const vec3 rgb = matrix * vec4(level[r], 1.0);
        const vec3 pixel = (clamp(rgb, vec3(0.0), vec3(255.0)) - mean) * scale;
        const uint at = ((frames[frame].out_row * push.out_h + oy) * push.out_w + out_x) *
                        push.out_c;
        [[unroll]] for (uint i = 0; i < 3; i++)
            pixels[at + i] = inside ? pixel[i] : 0.0;
        if (push.out_c == 4)
            pixels[at + 3] = inside ? 1.0 : 0.0;
    }
}
