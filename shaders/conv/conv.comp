#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// conv - 2-d convolution over NHWC pictures, as a product whose rows are gathered.
//   y[b,oy,ox,n] = clamp(act(sum_{i,j,c} x[b, oy*sh+i-pt, ox*sw+j-pl, c] * w[n,i,j,c] + bias[n] + residual[b,oy,ox,n]))
// x (B, IH, IW, IC), y and residual (B, OH, OW, N) f32; what lies outside x counts as 0
// w (N, KH, KW, IC) f32 or f16 in gemm's panels: k = (i * KW + j) * IC + c
// grid     x: panels of 32 output channels, y: ROWS output pixels each; 8 lanes. GROUP: 64 lanes for 32
//          pixels and a panel; BIG: for 64 pixels and 2 panels
// limits   IC and N multiples of 4; otherwise X_SCALAR reads x, SCALAR writes y float by float; KH, KW <= CONV_MAX_KERNEL; dims <= CONV_MAX_DIM;
//          KH KW IC / 4 + KH KW + KH <= GEMM_MAX_ROUNDS
// numerics f32 sums in order of k; within 1e-6 * sqrt(KH*KW*IC) relative to the sum of magnitudes
// source   direct convolution as a product (im2col without the copy); layers of TFLite and ONNX
#if defined(STORE64) || defined(WIDE_STORE64)
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/conv/conv_shape.h"

layout(push_constant) uniform Push { conv_push p; };

// A row of the product: one output pixel and the input corner that it sees.
struct Corner {
    int y, x;
    uint picture; // first element of its picture
};

#define GROUP_ROW Corner
#include "shaders/gemm/gemm_tile.glsl"

Corner corner_of(uint pixel)
{
    uint at = min(pixel, p.num_pixels - 1);
    uint ox = at % p.out_w;
    uint oy = at / p.out_w % p.out_h;
    uint b = at / (p.out_w * p.out_h);

    return Corner(int(oy * p.stride_h) - int(p.pad_top), int(ox * p.stride_w) - int(p.pad_left),
                  b * p.in_h * p.in_w * p.in_c);
}

#ifndef X_SCALAR
// -1 outside the picture.
int element_of(Corner corner, uint i, uint j, uint c)
{
    int y = corner.y + int(i);
    int x = corner.x + int(j);
    bool inside = y >= 0 && y < int(p.in_h) && x >= 0 && x < int(p.in_w);

    return inside ? int(corner.picture + (uint(y) * p.in_w + uint(x)) * p.in_c + c) : -1;
}
#endif

#ifdef X_SCALAR
// Where in the kernel window the next 4 floats are: line i, column j, and elements from the corner's,
// counted along instead of divided out, because a division is 8 scalar ones on lavapipe.
uint walk_c = 0;
struct Walk {
    uint i, j, from_corner;
} walk[4];

void walk_one(uint l)
{
    uint last = (l + 3) % 4;
    bool tap_ends, line_ends;

    walk[l] = walk[last];
    walk[l].from_corner++;
    walk_c++;
    tap_ends = walk_c == p.in_c;
    walk_c = tap_ends ? 0 : walk_c;
    walk[l].j += tap_ends ? 1 : 0;
    line_ends = walk[l].j == p.kernel_w;
    walk[l].j = line_ends ? 0 : walk[l].j;
    walk[l].i += line_ends ? 1 : 0;
    walk[l].from_corner += line_ends ? (p.in_w - p.kernel_w) * p.in_c : 0;
}

void walk_on()
{
    [[unroll]] for (uint l = 0; l < 4; l++)
        walk_one(l);
}

void walk_begin()
{
    walk[0] = Walk(0, 0, 0);
    [[unroll]] for (uint l = 1; l < 4; l++)
        walk_one(l);
}

vec4 load_four(Corner corner)
{
    int base = int(corner.picture) + (corner.y * int(p.in_w) + corner.x) * int(p.in_c);
    vec4 v;

    [[unroll]] for (uint l = 0; l < 4; l++) {
        int y = corner.y + int(walk[l].i);
        int x = corner.x + int(walk[l].j);
        bool inside = y >= 0 && y < int(p.in_h) && x >= 0 && x < int(p.in_w) && walk[l].i < p.kernel_h;
        int at = inside ? base + int(walk[l].from_corner) : 0;
        float f = texelFetch(x_tex, int(p.x_offset) + at).x;

        v[l] = inside ? f : 0.0;
    }
    return v;
}
#else
vec4 load_x(int at, uint c4)
{
    vec4 v = texelFetch(x_tex, int(p.x_offset) + max(at, 0) / 4 + int(c4));

    return at >= 0 ? v : vec4(0.0);
}
#endif

#ifdef GROUP
uint tile_num_k4()
{
    return p.kernel_h * p.kernel_w * p.in_c / 4;
}

Corner tile_row(uint row)
{
    return corner_of(row);
}

vec4 tile_load(Corner corner, uint k4)
{
    uint tap = k4 / (p.in_c / 4);

    return load_x(element_of(corner, tap / p.kernel_w, tap % p.kernel_w, 0), k4 % (p.in_c / 4));
}

void main()
{
    group_tile(p.num_pixels, p.y_offset, p.n, p.r_offset, p.n);
}
#else

uint row0;
uint tap_i = 0, tap_j = 0, tap_c4 = 0; // of the step

vec4 tile_load_row(uint r)
{
    Corner corner = corner_of(row0 + r);

#ifdef X_SCALAR
    return load_four(corner);
#else
    return load_x(element_of(corner, tap_i, tap_j, 0), tap_c4);
#endif
}

void main()
{
    uint lane = tile_lane();
    uint num_k4 = (p.kernel_h * p.kernel_w * p.in_c + 3) / 4;
    uint w_at = gl_WorkGroupID.x * num_k4 * 4 * GEMM_LANES + lane;

    row0 = gl_WorkGroupID.y * ROWS;
    Corner a = corner_of(row0 + lane);
    Corner b = corner_of(row0 + lane + GEMM_LANES);

    tile_clear();
#ifdef X_SCALAR
    walk_begin();
    for (uint k4 = 0; k4 < num_k4; k4++) {
        tile_multiply(load_four(a), load_four(b), w_at);
        walk_on();
        w_at += 4 * GEMM_LANES;
    }
#else
    for (tap_i = 0; tap_i < p.kernel_h; tap_i++) {
        for (tap_j = 0; tap_j < p.kernel_w; tap_j++) {
            int at_a = element_of(a, tap_i, tap_j, 0);
            int at_b = element_of(b, tap_i, tap_j, 0);

            for (tap_c4 = 0; tap_c4 < p.in_c / 4; tap_c4++) {
                tile_multiply(load_x(at_a, tap_c4), load_x(at_b, tap_c4), w_at);
                w_at += 4 * GEMM_LANES;
            }
        }
    }
#endif
    tile_finish(row0, p.num_pixels, p.y_offset, p.n, p.r_offset, p.n);
}
#endif
