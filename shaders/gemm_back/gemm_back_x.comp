#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm_back_x - the gradient of a linear layer's input: a product with weights as they are stored.
//   dx[m,i] = sum_o dy[m,o] * w[o,i] + residual[m,i]      or, gated:
//   dx[m,i] = r[m,i] > 0 ? sum_o dy[m,o] * w[o,i] : 0     (through a ReLU whose output was r)
// dy (M, O), w (O, I), dx, residual (M, I) f32 with any row length
// grid     x: panels of 32 columns, y: ROWS rows each; a group is one subgroup of 8 lanes
// limits   O, I, offsets and rows multiples of 4; 1 <= M, I <= GEMM_MAX_DIM, O <= GEMM_MAX_K
// numerics f32 sums in order of o; within 1e-6 * sqrt(O) relative to the sum of magnitudes
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/gemm_back/gemm_back_shape.h"

layout(push_constant) uniform Push { gemm_back_x_push p; };

layout(local_size_x = GEMM_LANES) in;
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
        if (r < ROWS && EXTRA != 0) {
            const uint row = min(row0 + r, p.m - 1);
            const vec4 e = texelFetch(extra_tex, int((p.r_offset + row * p.r_row) / 4 + col4));

            acc[r] = EXTRA == GEMM_BACK_ADD ? acc[r] + e
                                            : mix(vec4(0.0), acc[r], greaterThan(e, vec4(0.0)));
        }
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
