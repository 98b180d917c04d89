#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// dwconv3 - depthwise 3x3 convolution with stride 1 or 2 in both directions: dwconv's formula, made
// by sliding down the picture. Each input row is read once; what it adds to the output rows still
// open is carried along instead of the row itself.
// x (B, IH, IW, C), y (B, OH, OW, C), w (9, C), bias (C) f32; what lies outside x counts as 0
// grid     x: 8 lanes (GROUP: 64) over (WIDTH neighbouring ox, c / (4 TEXELS)), y: bands of p.rows output rows, z: B
// limits   C a multiple of 4 TEXELS; KH = KW = 3; stride STRIDE
// TEXELS 2 with STORE64 halves the rounds of lavapipe's store loop once more
// numerics f32 sums in order of (i, j); within 3e-6 of the sum of magnitudes
// source   direct convolution, rows carried along
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/dwconv/dwconv_shape.h"

#define WIDTH 4
#ifndef TEXELS
#define TEXELS 1 // of 4 channels that a lane owns
#endif
#define COLUMNS (2 * (WIDTH - 1) + 3)

#ifdef GROUP
layout(local_size_x = DWCONV_GROUP_LANES) in;
#else
layout(local_size_x = DWCONV_LANES) in;
#endif
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const uint FLAGS = 0;
layout(constant_id = 2) const uint STRIDE = 1;

layout(binding = 0) uniform textureBuffer x_tex;
layout(binding = 1) uniform textureBuffer w_tex;
layout(binding = 2) uniform textureBuffer bias_tex;
#if defined(STORE64) && TEXELS == 2
layout(binding = 3) writeonly buffer Y { u64vec4 y[]; };
#elif defined(STORE64)
layout(binding = 3) writeonly buffer Y { u64vec2 y[]; };
#else
layout(binding = 3) writeonly buffer Y { vec4 y[]; };
#endif
layout(push_constant) uniform Push { dwconv_push p; };

uint num_c4, c4;
int ix0;          // the leftmost input column of this lane
uint picture;     // texel of its picture
vec4 row[TEXELS * COLUMNS];
vec4 w[TEXELS * 9];

void load_row(int iy)
{
    bool inside = iy >= 0 && iy < int(p.in_h);
    uint at = picture + uint(inside ? iy : 0) * p.in_w * num_c4;

    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        if (j < STRIDE * (WIDTH - 1) + 3) {
            int ix = ix0 + int(j);
            bool good = inside && ix >= 0 && ix < int(p.in_w);

            [[unroll]] for (uint t = 0; t < TEXELS; t++) {
                vec4 v = texelFetch(x_tex, int(at + uint(good ? ix : 0) * num_c4 + t));

                row[t * COLUMNS + j] = good ? v : vec4(0.0);
            }
        }
    }
}

struct Sum {
    vec4 texels[TEXELS];
};

// sum + the row times line i of the weights, for output column o of this lane
Sum add_row(Sum sum, uint i, uint o)
{
    [[unroll]] for (uint t = 0; t < TEXELS; t++)
        [[unroll]] for (uint c = 0; c < 4; c++)
            [[unroll]] for (uint j = 0; j < 3; j++)
                sum.texels[t][c] += row[t * COLUMNS + o * STRIDE + j][c] * w[t * 9 + 3 * i + j][c];
    return sum;
}

#ifdef STORE64
u64vec2 pairs_of(vec4 v)
{
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#endif

void put(uint oy, uint ox, Sum sum)
{
    uint at = p.y_offset / 4 + ((gl_WorkGroupID.z * p.out_h + oy) * p.out_w + ox) * num_c4 + c4;

    [[unroll]] for (uint t = 0; t < TEXELS; t++) {
        sum.texels[t] = tyto_act(ACT, sum.texels[t], p.slope);
        if ((FLAGS & GEMM_CLAMP_MIN) != 0)
            sum.texels[t] = max(sum.texels[t], vec4(p.clamp_min));
    }
    if (ox < p.out_w) {
#if defined(STORE64) && TEXELS == 2
        y[at / 2] = u64vec4(pairs_of(sum.texels[0]), pairs_of(sum.texels[TEXELS - 1]));
#elif defined(STORE64)
        y[at] = pairs_of(sum.texels[0]);
#else
        y[at] = sum.texels[0];
#endif
    }
}

void main()
{
    num_c4 = p.channels / 4;
    uint item = gl_GlobalInvocationID.x;
    uint oy0 = gl_WorkGroupID.y * p.rows;
    uint oy1 = min(oy0 + p.rows, p.out_h);
    uint num_items = num_c4 / TEXELS;
    uint ox0 = item / num_items * WIDTH; // a lane past the end has ox0 >= out_w and stores nothing
    c4 = item % num_items * TEXELS;
    ix0 = int(ox0 * STRIDE) - int(p.pad_left);
    picture = p.x_offset + gl_WorkGroupID.z * p.in_h * p.in_w * num_c4 + c4;
    int iy = int(oy0 * STRIDE) - int(p.pad_top);
    Sum bias;
    Sum open0[WIDTH]; // has line 0 of the weights (stride 1: lines 0 and 1)
    Sum open1[WIDTH]; // stride 1 only: has line 0

    [[unroll]] for (uint t = 0; t < TEXELS; t++) {
        bias.texels[t] =
            (FLAGS & GEMM_BIAS) != 0 ? texelFetch(bias_tex, int(c4 + t)) : vec4(0.0);
        [[unroll]] for (uint i = 0; i < 9; i++)
            w[t * 9 + i] = texelFetch(w_tex, int(i * num_c4 + c4 + t));
    }

    load_row(iy);
    [[unroll]] for (uint o = 0; o < WIDTH; o++)
        open0[o] = add_row(bias, 0, o);
    if (STRIDE == 1) {
        load_row(iy + 1);
        [[unroll]] for (uint o = 0; o < WIDTH; o++) {
            open0[o] = add_row(open0[o], 1, o);
            open1[o] = add_row(bias, 0, o);
        }
        iy += 2;
    } else {
        iy += 1;
    }
    for (uint oy = oy0; oy < oy1; oy++) {
        if (STRIDE == 1) {
            load_row(iy);
            [[unroll]] for (uint o = 0; o < WIDTH; o++) {
                put(oy, ox0 + o, add_row(open0[o], 2, o));
                open0[o] = add_row(open1[o], 1, o);
                open1[o] = add_row(bias, 0, o);
            }
            iy += 1;
        } else {
            load_row(iy);
            [[unroll]] for (uint o = 0; o < WIDTH; o++)
                open0[o] = add_row(open0[o], 1, o);
            load_row(iy + 1);
            [[unroll]] for (uint o = 0; o < WIDTH; o++) {
                put(oy, ox0 + o, add_row(open0[o], 2, o));
                open0[o] = add_row(bias, 0, o);
            }
            iy += 2;
        }
    }
}
