#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm - product with a fixed matrix, and what usually follows it.
//   y[b,m,n] = clamp(act(sum_k x[b,m,k] * w[n,k] + bias[n] + residual[b,m,n]))
// x (B, M, K), y (B, M, N), residual (B, M, N) f32 with any row length; w (N, K) f32 or f16 in panels
// [N/32][K][32] that tyto_gemm_weights_create makes, zero padded to whole panels and K to 4
// grid     x: panels of 32 columns, y: ROWS rows each, z: B; 8 lanes. GROUP: 64 lanes for 32 rows and a
//          panel; BIG: for 64 rows and 2 panels
// limits   1 <= M, N <= GEMM_MAX_DIM, K <= GEMM_MAX_K; rows at multiples of 4 floats and N too, or the scalar
//          variant runs
// numerics f32 sums in order of k; within 1e-6 * sqrt(K) relative to the sum of magnitudes
// source   texel loads + broadcast: what lavapipe compiles into plain vector code
#if defined(STORE64) || defined(WIDE_STORE64)
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/gemm/gemm_shape.h"

layout(push_constant) uniform Push { gemm_push p; };

#define GROUP_ROW uint // where it begins
#include "shaders/gemm/gemm_tile.glsl"

vec4 load_x(uint at, uint k4)
{
#ifdef SCALAR
    vec4 v;

    // What is read twice at the end of a row meets weights that are 0.
    [[unroll]] for (uint i = 0; i < 4; i++)
        v[i] = texelFetch(x_tex, int(at + min(4 * k4 + i, p.k - 1))).x;
    return v;
#else
    return texelFetch(x_tex, int(at + k4));
#endif
}

#ifdef GROUP
uint tile_num_k4()
{
    return (p.k + 3) / 4;
}

uint tile_row(uint row)
{
    return p.x_offset + gl_WorkGroupID.z * p.x_batch + min(row, p.m - 1) * p.x_row;
}

vec4 tile_load(uint row, uint at_k4)
{
    return load_x(row, at_k4);
}

void main()
{
    uint b = gl_WorkGroupID.z;

    group_tile(p.m, p.y_offset + b * p.y_batch, p.y_row, p.r_offset + b * p.r_batch, p.r_row);
}
#else

uint row0, k4;

uint row_at(uint r)
{
    return p.x_offset + gl_WorkGroupID.z * p.x_batch + min(row0 + r, p.m - 1) * p.x_row;
}

vec4 tile_load_row(uint r)
{
    return load_x(row_at(r), k4);
}

void main()
{
    uint lane = tile_lane();
    uint b = gl_WorkGroupID.z;
    uint num_k4 = (p.k + 3) / 4;
    uint w_at = gl_WorkGroupID.x * num_k4 * 4 * GEMM_LANES + lane;

    row0 = gl_WorkGroupID.y * ROWS;
    uint x_a = row_at(lane);
    uint x_b = row_at(lane + GEMM_LANES);

    tile_clear();
    for (k4 = 0; k4 < num_k4; k4++) {
        vec4 xa = load_x(x_a, k4);
        vec4 xb = ROWS > GEMM_LANES ? load_x(x_b, k4) : vec4(0.0);

        tile_multiply(xa, xb, w_at);
        w_at += 4 * GEMM_LANES;
    }
    tile_finish(row0, p.m, p.y_offset + b * p.y_batch, p.y_row, p.r_offset + b * p.r_batch, p.r_row);
}
#endif
