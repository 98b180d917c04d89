#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm_back_w - the gradients of a linear layer's weights and bias, over one chunk of rows.
//   dw[z,o,i] = sum_m dy[m,o] * x[m,i],  db[z,o] = sum_m dy[m,o],  m in chunk z
// dy (M, O), x (M, I) f32 with any row length; dw (Z, O, I), db (Z, O) f32 at y_part, b_part
// grid     x: panels of 32 columns, y: 32 rows of dw, z: chunks; a group is one subgroup of 8 lanes
//          that hand dy round. GROUP: 64 lanes for 32 rows and a panel, 16 rows summed over at a time
//          in shared memory; BIG: for 64 rows of dw and 2 panels
// limits   O, I, offsets and rows multiples of 4; chunk <= GEMM_MAX_K, a multiple of 4
// numerics f32 sums in order of m; within 1e-6 * sqrt(M) relative to the sum of magnitudes
// source   derived: dW = dY^T X
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/gemm_back/gemm_back_shape.h"

#ifdef GROUP
layout(local_size_x = GEMM_GROUP_LANES) in;
#else
layout(local_size_x = GEMM_LANES) in;
#endif
layout(constant_id = 0) const uint BIAS = 0;
// 0 where subgroups are narrower than 8: every lane then reads each value itself.
layout(constant_id = 1) const uint SHUFFLE = 1;
layout(push_constant) uniform Push { gemm_back_w_push p; };
layout(binding = 0) uniform textureBuffer d_tex;
layout(binding = 1) uniform textureBuffer x_tex;
#ifdef STORE64
layout(binding = 2) writeonly buffer Y { u64vec2 y[]; };
#else
layout(binding = 2) writeonly buffer Y { vec4 y[]; };
#endif
layout(binding = 3) writeonly buffer B { vec4 bias[]; };

const uint ROWS = GEMM_BACK_W_ROWS;

uint begin, end;

// 4 columns of dy; 0 past the chunk's end.
vec4 load_d(uint m, uint o4)
{
    vec4 v = texelFetch(d_tex, int(p.d_offset + min(m, end - 1) * p.d_row + min(o4, p.rows / 4 - 1)));

    return m < end ? v : vec4(0.0);
}

#ifdef GROUP
const uint STEP = 4 * GEMM_GROUP_K4; // rows summed over that are in shared memory at a time
const uint D_COLS = GROUP_ROWS / 4, X_COLS = GROUP_PANELS * GEMM_LANES; // texels of each
const uint D_LOADS = STEP * D_COLS / GEMM_GROUP_LANES, X_LOADS = STEP * X_COLS / GEMM_GROUP_LANES;
const uint LANE_D = GROUP_LANE_ROWS / 4; // texels of dy that a lane multiplies

shared vec4 group_d[STEP * D_COLS];
shared vec4 group_x[STEP * X_COLS];

vec4 next_d[D_LOADS];
vec4 next_x[X_LOADS];
vec4 acc[GROUP_PANELS * GROUP_LANE_ROWS];
vec4 sum_d[LANE_D];

void fetch(uint m)
{
    const uint me = gl_LocalInvocationID.x;

    [[unroll]] for (uint i = 0; i < D_LOADS; i++) {
        const uint at = i * GEMM_GROUP_LANES + me;

        next_d[i] = load_d(m + at / D_COLS, gl_WorkGroupID.y * D_COLS + at % D_COLS);
    }
    [[unroll]] for (uint i = 0; i < X_LOADS; i++) {
        const uint at = i * GEMM_GROUP_LANES + me;
        const uint i4 = min(gl_WorkGroupID.x * X_COLS + at % X_COLS, p.n / 4 - 1);

        next_x[i] = texelFetch(x_tex, int(p.x_offset + min(m + at / X_COLS, end - 1) * p.x_row + i4));
    }
}

void put()
{
    const uint me = gl_LocalInvocationID.x;

    [[unroll]] for (uint i = 0; i < D_LOADS; i++)
        group_d[i * GEMM_GROUP_LANES + me] = next_d[i];
    [[unroll]] for (uint i = 0; i < X_LOADS; i++)
        group_x[i * GEMM_GROUP_LANES + me] = next_x[i];
}

void multiply(uint tx, uint ty)
{
    [[unroll]] for (uint j = 0; j < STEP; j++) {
        vec4 d[LANE_D];

        [[unroll]] for (uint q = 0; q < LANE_D; q++) {
            d[q] = group_d[j * D_COLS + ty * LANE_D + q];
            if (BIAS != 0)
                sum_d[q] += d[q];
        }
        [[unroll]] for (uint c = 0; c < GROUP_PANELS; c++) {
            const vec4 x = group_x[j * X_COLS + c * GEMM_LANES + tx];

            [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++)
                acc[c * GROUP_LANE_ROWS + r] =
                    fma(vec4(d[r / 4][r % 4]), x, acc[c * GROUP_LANE_ROWS + r]);
        }
    }
}

void finish(uint tx, uint ty)
{
    const uint o0 = gl_WorkGroupID.y * GROUP_ROWS + ty * GROUP_LANE_ROWS;

    [[unroll]] for (uint q = 0; q < LANE_D; q++)
        if (BIAS != 0 && gl_WorkGroupID.x == 0 && tx == 0 && o0 / 4 + q < p.rows / 4)
            bias[(p.b_offset + gl_WorkGroupID.z * p.b_part) / 4 + o0 / 4 + q] = sum_d[q];
    [[unroll]] for (uint c = 0; c < GROUP_PANELS; c++) {
        const uint i4 = gl_WorkGroupID.x * X_COLS + c * GEMM_LANES + tx;

        [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++)
            if (o0 + r < p.rows && i4 < p.n / 4)
                y[(p.y_offset + gl_WorkGroupID.z * p.y_part + (o0 + r) * p.n) / 4 + i4] =
                    acc[c * GROUP_LANE_ROWS + r];
    }
}

void main()
{
    const uint tx = gl_LocalInvocationID.x % GEMM_LANES, ty = gl_LocalInvocationID.x / GEMM_LANES;

    begin = gl_WorkGroupID.z * p.chunk;
    end = min(begin + p.chunk, p.m);
    [[unroll]] for (uint i = 0; i < GROUP_PANELS * GROUP_LANE_ROWS; i++)
        acc[i] = vec4(0.0);
    [[unroll]] for (uint q = 0; q < LANE_D; q++)
        sum_d[q] = vec4(0.0);
    fetch(begin);
    for (uint m = begin; m < end; m += STEP) {
        barrier();
        put();
        barrier();
        if (m + STEP < end)
            fetch(m + STEP);
        multiply(tx, ty);
    }
    finish(tx, ty);
}
#else

void main()
{
    const uint lane = SHUFFLE == 0 ? gl_LocalInvocationID.x : gl_SubgroupInvocationID;
    const uint o4 = gl_WorkGroupID.y * (ROWS / 4);
    const uint i4 = gl_WorkGroupID.x * GEMM_LANES + lane;
    const uint x0 = p.x_offset + min(i4, p.n / 4 - 1);
    vec4 acc[ROWS];
    vec4 sum_d = vec4(0.0);

    begin = gl_WorkGroupID.z * p.chunk;
    end = min(begin + p.chunk, p.m);
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        acc[r] = vec4(0.0);
    for (uint m = begin; m < end; m += 4) {
        vec4 held[4], w[4];

        // lane l holds columns 4 l.. of rows m..
        [[unroll]] for (uint j = 0; j < 4; j++)
            held[j] = load_d(m + j, o4 + lane);
        [[unroll]] for (uint i = 0; i < 4; i++)
            w[i] = texelFetch(x_tex, int(x0 + min(m + i, end - 1) * p.x_row));
        if (BIAS != 0)
            sum_d += held[0] + held[1] + held[2] + held[3];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            vec4 sum = acc[r];
            float d[4];

            [[unroll]] for (uint i = 0; i < 4; i++)
                d[i] = SHUFFLE == 0 ? load_d(m + i, o4 + r / 4)[r % 4]
                                    : subgroupShuffle(held[i][r % 4], r / 4);
            [[unroll]] for (uint c = 0; c < 4; c++)
                [[unroll]] for (uint i = 0; i < 4; i++)
                    sum[c] += d[i] * w[i][c];
            acc[r] = sum;
        }
    }

    if (BIAS != 0) {
        if (gl_WorkGroupID.x == 0 && o4 + lane < p.rows / 4)
            bias[(p.b_offset + gl_WorkGroupID.z * p.b_part) / 4 + o4 + lane] = sum_d;
    }
    if (i4 >= p.n / 4)
        return;
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint o = o4 * 4 + r;
        const uint at = (p.y_offset + gl_WorkGroupID.z * p.y_part + o * p.n) / 4 + i4;

        if (o < p.rows) {
#ifdef STORE64
            y[at] = u64vec2(packUint2x32(floatBitsToUint(acc[r].xy)),
                            packUint2x32(floatBitsToUint(acc[r].zw)));
#else
            y[at] = acc[r];
#endif
        }
    }
}
#endif
