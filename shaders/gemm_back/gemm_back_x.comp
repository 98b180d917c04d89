#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm_back_x - the gradient of a linear layer's input: a product with weights as they are stored.
//   dx[m,i] = sum_o dy[m,o] * w[o,i] + residual[m,i]      or, gated:
//   dx[m,i] = r[m,i] > 0 ? sum_o dy[m,o] * w[o,i] : 0     (through a ReLU whose output was r)
// dy (M, O), w (O, I), dx, residual (M, I) f32 with any row length
// grid     x: panels of 32 columns, y: ROWS rows each; a group is one subgroup of 8 lanes. GROUP: 64
//          lanes for 32 rows and a panel; BIG: for 64 rows and 2 panels
// limits   O, I, offsets and rows multiples of 4; 1 <= M, I <= GEMM_MAX_DIM, O <= GEMM_MAX_K
// numerics f32 sums in order of o; within 1e-6 * sqrt(O) relative to the sum of magnitudes
// source   derived: dX = dY W
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/gemm_back/gemm_back_shape.h"

layout(push_constant) uniform Push { gemm_back_x_push p; };

#ifdef GROUP
layout(local_size_x = GEMM_GROUP_LANES) in;
#else
layout(local_size_x = GEMM_LANES) in;
#endif
layout(constant_id = 0) const uint ROWS = 16;
layout(constant_id = 1) const uint EXTRA = 0;
// 0 where subgroups are narrower than 8: every lane then reads each row itself.
layout(constant_id = 2) const uint SHUFFLE = 1;
layout(binding = 0) uniform textureBuffer x_tex;
layout(binding = 1) uniform textureBuffer w_tex;
layout(binding = 2) uniform textureBuffer extra_tex;
#ifdef STORE64
layout(binding = 3) writeonly buffer Y { u64vec2 y[]; };
#else
layout(binding = 3) writeonly buffer Y { vec4 y[]; };
#endif

vec4 with_extra(uint row, uint col4, vec4 v)
{
    const vec4 e = texelFetch(extra_tex, int((p.r_offset + row * p.r_row) / 4 + col4));

    return EXTRA == GEMM_BACK_ADD ? v + e : mix(vec4(0.0), v, greaterThan(e, vec4(0.0)));
}

#ifdef GROUP
vec4 acc[GROUP_PANELS * GROUP_LANE_ROWS];

#define GROUP_ROW uint // where it begins
#include "shaders/gemm/gemm_group.glsl"

uint tile_row(uint row)
{
    return p.x_offset + min(row, p.m - 1) * p.x_row;
}

vec4 tile_load(uint row, uint k4)
{
    return texelFetch(x_tex, int(row + k4));
}

vec4 tile_load_w(uint panel, uint k, uint lane)
{
    const uint col4 = min(panel * GEMM_LANES + lane, p.n / 4 - 1);

    return texelFetch(w_tex, int(p.w_offset + k * p.w_row + col4));
}

void main()
{
    const uint lane = gl_LocalInvocationID.x % GEMM_LANES;
    const uint first = gl_WorkGroupID.y * GROUP_ROWS;
    const uint row0 = first + gl_LocalInvocationID.x / GEMM_LANES * GROUP_LANE_ROWS;

    [[unroll]] for (uint i = 0; i < GROUP_PANELS * GROUP_LANE_ROWS; i++)
        acc[i] = vec4(0.0);
    group_multiply(first, p.k / 4);
    [[unroll]] for (uint c = 0; c < GROUP_PANELS; c++) {
        const uint col4 = (gl_WorkGroupID.x * GROUP_PANELS + c) * GEMM_LANES + lane;

        [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++) {
            const uint row = row0 + r;
            vec4 v = acc[c * GROUP_LANE_ROWS + r];

            if (row >= p.m || col4 >= p.n / 4)
                continue;
            if (EXTRA != 0)
                v = with_extra(row, col4, v);
            y[(p.y_offset + row * p.y_row) / 4 + col4] = v;
        }
    }
}
#else

uint row0;

uint row_at(uint r)
{
    return p.x_offset + min(row0 + r, p.m - 1) * p.x_row;
}

void main()
{
    const uint lane = SHUFFLE == 0 ? gl_LocalInvocationID.x : gl_SubgroupInvocationID;
    const uint col4 = min(gl_WorkGroupID.x * GEMM_LANES + lane, p.n / 4 - 1);
    uint w_at = p.w_offset + col4;
    vec4 acc[GEMM_MAX_ROWS];

    row0 = gl_WorkGroupID.y * ROWS;
    const uint x_a = row_at(lane);
    const uint x_b = row_at(lane + GEMM_LANES);

    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++)
        acc[r] = vec4(0.0);
    for (uint k4 = 0; k4 < p.k / 4; k4++) {
        const vec4 xa = texelFetch(x_tex, int(x_a + k4));
        const vec4 xb = ROWS > GEMM_LANES ? texelFetch(x_tex, int(x_b + k4)) : vec4(0.0);
        vec4 w[4];

        [[unroll]] for (uint i = 0; i < 4; i++)
            w[i] = texelFetch(w_tex, int(w_at + i * p.w_row));
        w_at += 4 * p.w_row;
        [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++) {
            if (r < ROWS) {
                const vec4 from = SHUFFLE == 0     ? texelFetch(x_tex, int(row_at(r) + k4))
                                  : r < GEMM_LANES ? xa
                                                   : xb;
                vec4 sum = acc[r];
                float x[4];

                [[unroll]] for (uint i = 0; i < 4; i++)
                    x[i] = SHUFFLE == 0 ? from[i] : subgroupShuffle(from[i], r % GEMM_LANES);
                [[unroll]] for (uint c = 0; c < 4; c++)
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        sum[c] += x[i] * w[i][c];
                acc[r] = sum;
            }
        }
    }
    if (gl_WorkGroupID.x * GEMM_LANES + lane >= p.n / 4)
        return;
    // Rows past the end are copies of the last one and go to its place; as what is added may lie
    // there too, all of it is read before anything is written.
    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++) {
        if (r < ROWS && EXTRA != 0)
            acc[r] = with_extra(min(row0 + r, p.m - 1), col4, acc[r]);
    }
    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++) {
        if (r < ROWS) {
            const uint at = (p.y_offset + min(row0 + r, p.m - 1) * p.y_row) / 4 + col4;
            const vec4 v = acc[r];

#ifdef STORE64
            y[at] = u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
#else
            y[at] = v;
#endif
        }
    }
}
#endif
