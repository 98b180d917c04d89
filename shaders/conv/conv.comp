#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// conv - 2-d convolution over NHWC pictures, as a product whose rows are gathered.
//   y[b,oy,ox,n] = clamp(act(sum_{i,j,c} x[b, oy*sh+i-pt, ox*sw+j-pl, c] * w[n,i,j,c] + bias[n] + residual[b,oy,ox,n]))
// x (B, IH, IW, IC), y and residual (B, OH, OW, N) f32; what lies outside x counts as 0
// w (N, KH, KW, IC) f32 or f16 in gemm's panels: k = (i * KW + j) * IC + c
// grid     x: panels of 32 output channels, y: ROWS output pixels each; a group is one subgroup of 8 lanes
// limits   IC and N multiples of 4; otherwise X_SCALAR reads x, SCALAR writes y float by float; KH, KW <= CONV_MAX_KERNEL; dims <= CONV_MAX_DIM
// numerics f32 sums in order of k; within 1e-6 * sqrt(KH*KW*IC) relative to the sum of magnitudes
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/conv/conv_shape.h"

layout(push_constant) uniform Push { conv_push p; };

#include "shaders/gemm/gemm_tile.glsl"

// A row of the product: one output pixel and the input corner that it sees.
struct Corner {
    int y, x;
    uint picture; // first element of its picture
};

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
// Where in the kernel window the next float is: line i, column j, channel c, counted along instead
// of divided out, because a division is 8 scalar ones on lavapipe.
uint at_i = 0, at_j = 0, at_c = 0;
uint from_corner = 0; // elements from the corner's

float load_one(Corner corner)
{
    int y = corner.y + int(at_i);
    int x = corner.x + int(at_j);
    bool inside = y >= 0 && y < int(p.in_h) && x >= 0 && x < int(p.in_w) && at_i < p.kernel_h;
    int at = int(corner.picture) + (corner.y * int(p.in_w) + corner.x) * int(p.in_c) +
             int(from_corner);
    float f = texelFetch(x_tex, int(p.x_offset) + (inside ? at : 0)).x;

    return inside ? f : 0.0;
}

void step_on()
{
    bool tap_ends, line_ends;

    at_c++;
    from_corner++;
    tap_ends = at_c == p.in_c;
    at_c = tap_ends ? 0 : at_c;
    at_j += tap_ends ? 1 : 0;
    line_ends = at_j == p.kernel_w;
    at_j = line_ends ? 0 : at_j;
    at_i += line_ends ? 1 : 0;
    from_corner += line_ends ? (p.in_w - p.kernel_w) * p.in_c : 0;
}
#else
vec4 load_x(int at, uint c4)
{
    vec4 v = texelFetch(x_tex, int(p.x_offset) + max(at, 0) / 4 + int(c4));

    return at >= 0 ? v : vec4(0.0);
}
#endif

void main()
{
    uint lane = gl_SubgroupInvocationID;
    uint row0 = gl_WorkGroupID.y * ROWS;
    uint num_k4 = (p.kernel_h * p.kernel_w * p.in_c + 3) / 4;
    uint w_at = gl_WorkGroupID.x * num_k4 * 4 * GEMM_LANES + lane;
    Corner a = corner_of(row0 + lane);
    Corner b = corner_of(row0 + lane + GEMM_LANES);

    tile_clear();
#ifdef X_SCALAR
    for (uint k4 = 0; k4 < num_k4; k4++) {
        vec4 xa, xb;

        [[unroll]] for (uint l = 0; l < 4; l++) {
            xa[l] = load_one(a);
            xb[l] = load_one(b);
            step_on();
        }
        tile_multiply(xa, xb, w_at);
        w_at += 4 * GEMM_LANES;
    }
#else
    for (uint i = 0; i < p.kernel_h; i++) {
        for (uint j = 0; j < p.kernel_w; j++) {
            int at_a = element_of(a, i, j, 0);
            int at_b = element_of(b, i, j, 0);

            for (uint c4 = 0; c4 < p.in_c / 4; c4++) {
                tile_multiply(load_x(at_a, c4), load_x(at_b, c4), w_at);
                w_at += 4 * GEMM_LANES;
            }
        }
    }
#endif

    tile_finish(row0, p.num_pixels, p.y_offset, p.n, p.r_offset, p.n);
}
