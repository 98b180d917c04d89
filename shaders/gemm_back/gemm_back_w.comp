#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm_back_w - the gradients of a linear layer's weights and bias, over one chunk of rows.
//   dw[z,o,i] = sum_m dy[m,o] * x[m,i],  db[z,o] = sum_m dy[m,o],  m in chunk z
// dy (M, O), x (M, I) f32 with any row length; dw (Z, O, I), db (Z, O) f32 at y_part, b_part
// grid     x: panels of 32 columns, y: 32 rows of dw, z: chunks; a group is one subgroup of 8 lanes
//          that hand dy round
// limits   O, I, offsets and rows multiples of 4; chunk <= GEMM_MAX_K, a multiple of 4
// numerics f32 sums in order of m; within 1e-6 * sqrt(M) relative to the sum of magnitudes
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/gemm_back/gemm_back_shape.h"

layout(local_size_x = GEMM_LANES) in;
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
