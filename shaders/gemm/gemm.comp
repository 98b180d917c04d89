#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// gemm - product with a fixed matrix, and what usually follows it.
//   y[b,m,n] = clamp(act(sum_k x[b,m,k] * w[n,k] + bias[n] + residual[b,m,n]))
// x (B, M, K), y (B, M, N), residual (B, M, N) f32 with any row length; w (N, K) f32 or f16 in panels
// [N/32][K][32] that tyto_gemm_weights_create makes, zero padded to whole panels and K to 4
// grid     x: panels of 32 columns, y: ROWS rows each, z: B; a group is one subgroup of 8 lanes
// limits   1 <= M, N, K <= GEMM_MAX_DIM; x rows start at multiples of 4 floats or the scalar variant runs
// numerics f32 sums in order of k, fused; within 1e-6 * sqrt(K) relative to the sum of magnitudes
// source   texel loads + broadcast: what lavapipe compiles into plain vector code
#include "shaders/include/tyto.glsl"
#include "shaders/gemm/gemm_shape.h"

layout(local_size_x = GEMM_LANES) in;
layout(constant_id = 0) const uint ROWS = 16;
layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint FLAGS = 0;

layout(binding = 0) uniform textureBuffer x_tex;
layout(binding = 1) uniform textureBuffer w_tex;
layout(binding = 2) uniform textureBuffer bias_tex;
layout(binding = 3) readonly buffer Residual { float residual[]; };
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { gemm_push p; };

vec4 load_x(uint row_offset, uint k4)
{
#ifdef X_SCALAR
    vec4 v;
    [[unroll]] for (uint i = 0; i < 4; i++)
        v[i] = texelFetch(x_tex, int(row_offset + min(4 * k4 + i, p.k - 1))).x;
    return v;
#else
    return texelFetch(x_tex, int(row_offset + k4));
#endif
}

void main()
{
    uint lane = gl_LocalInvocationID.x;
    uint row0 = gl_WorkGroupID.y * ROWS;
    uint num_k4 = (p.k + 3) / 4;
    uint w_at = gl_WorkGroupID.x * num_k4 * 4 * GEMM_LANES + lane;
    uint x_base = p.x_offset + gl_WorkGroupID.z * p.x_batch;
    uint x_a = x_base + min(row0 + lane, p.m - 1) * p.x_row;
    uint x_b = x_base + min(row0 + lane + GEMM_LANES, p.m - 1) * p.x_row;
    vec4 acc[16];

    [[unroll]] for (uint r = 0; r < 16; r++)
        acc[r] = vec4(0.0);
    for (uint k4 = 0; k4 < num_k4; k4++) {
        vec4 xa = load_x(x_a, k4);
        vec4 xb = ROWS > GEMM_LANES ? load_x(x_b, k4) : vec4(0.0);

        [[unroll]] for (uint i = 0; i < 4; i++) {
            vec4 w = texelFetch(w_tex, int(w_at + i * GEMM_LANES));

            [[unroll]] for (uint r = 0; r < 16; r++)
                if (r < ROWS)
                    acc[r] = fma(vec4(subgroupShuffle(r < GEMM_LANES ? xa[i] : xb[i],
                                                        r % GEMM_LANES)), w, acc[r]);
        }
        w_at += 4 * GEMM_LANES;
    }

    uint col = gl_WorkGroupID.x * GEMM_PANEL + lane * 4;
    vec4 bias = (FLAGS & GEMM_BIAS) != 0 ? texelFetch(bias_tex, int(col / 4)) : vec4(0.0);
    uint y_at = p.y_offset + gl_WorkGroupID.z * p.y_batch + row0 * p.y_row + col;
    uint r_at = p.r_offset + gl_WorkGroupID.z * p.r_batch + row0 * p.r_row + col;

    [[unroll]] for (uint r = 0; r < 16; r++) {
        if (r < ROWS && row0 + r < p.m) {
            vec4 v = acc[r] + bias;

            if ((FLAGS & GEMM_RESIDUAL) != 0)
                [[unroll]] for (uint i = 0; i < 4; i++)
                    v[i] += col + i < p.n ? residual[r_at + r * p.r_row + i] : 0.0;
            v = tyto_act(ACT, v, p.slope);
            if ((FLAGS & GEMM_CLAMP_MIN) != 0)
                v = max(v, vec4(p.clamp_min));
            [[unroll]] for (uint i = 0; i < 4; i++)
                if (col + i < p.n)
                    y[y_at + r * p.y_row + i] = v[i];
        }
    }
}
