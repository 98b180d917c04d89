#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// dwconv - depthwise 2-d convolution over NHWC pictures.
//   y[b,oy,ox,c] = clamp(act(sum_{i,j} x[b, oy*sh+i-pt, ox*sw+j-pl, c] * w[i,j,c] + bias[c]))
// x (B, IH, IW, C), y (B, OH, OW, C), w (KH, KW, C4), bias (C4) f32, C4 = C rounded up to 4
// what lies outside x counts as 0
// grid     x: 8 lanes (GROUP: 64) over (ox, c / 4), y: bands of p.rows output rows, z: B
// limits   C a multiple of 4, or the scalar variant runs; KH, KW <= CONV_MAX_KERNEL
// numerics f32 sums in order of (i, j), fused; within 1e-6 * sqrt(KH*KW) of the sum of magnitudes
// source   direct convolution; layers of TFLite and ONNX
#include "shaders/include/tyto.glsl"
#include "shaders/dwconv/dwconv_shape.h"

#ifdef GROUP
layout(local_size_x = DWCONV_GROUP_LANES) in;
#else
layout(local_size_x = DWCONV_LANES) in;
#endif
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const uint FLAGS = 0;

layout(binding = 0) uniform textureBuffer x_tex;
layout(binding = 1) uniform textureBuffer w_tex;
layout(binding = 2) uniform textureBuffer bias_tex;
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { dwconv_push p; };

vec4 load_x(int iy, int ix, uint c)
{
    bool inside = iy >= 0 && iy < int(p.in_h) && ix >= 0 && ix < int(p.in_w);
    int at = inside ? int(((gl_WorkGroupID.z * p.in_h + uint(iy)) * p.in_w + uint(ix)) * p.channels + c) : 0;
#ifdef X_SCALAR
    vec4 v;
    [[unroll]] for (uint i = 0; i < 4; i++)
        v[i] = texelFetch(x_tex, int(p.x_offset + min(at + i, p.num_batches * p.in_h * p.in_w * p.channels - 1))).x;
#else
    vec4 v = texelFetch(x_tex, int(p.x_offset) + at / 4);
#endif
    return inside ? v : vec4(0.0);
}

void main()
{
    uint num_c4 = (p.channels + 3) / 4;
    uint item = gl_GlobalInvocationID.x;
    bool live = item < num_c4 * p.out_w;
    uint c4 = item % num_c4;
    uint ox = min(item / num_c4, p.out_w - 1);
    uint c = c4 * 4;
    uint oy0 = gl_WorkGroupID.y * p.rows;
    int ix0 = int(ox * p.stride_w) - int(p.pad_left);
    vec4 bias = (FLAGS & GEMM_BIAS) != 0 ? texelFetch(bias_tex, int(c4)) : vec4(0.0);

    for (uint oy = oy0; oy < min(oy0 + p.rows, p.out_h); oy++) {
        vec4 v = bias;

        for (uint i = 0; i < p.kernel_h; i++)
            for (uint j = 0; j < p.kernel_w; j++)
                v = fma(load_x(int(oy * p.stride_h + i) - int(p.pad_top), ix0 + int(j), c),
                        texelFetch(w_tex, int((i * p.kernel_w + j) * num_c4 + c4)), v);
        v = tyto_act(ACT, v, p.slope);
        if ((FLAGS & GEMM_CLAMP_MIN) != 0)
            v = max(v, vec4(p.clamp_min));
        uint y_at = p.y_offset + ((gl_WorkGroupID.z * p.out_h + oy) * p.out_w + ox) * p.channels + c;
        if (live)
            [[unroll]] for (uint i = 0; i < 4; i++)
                if (c + i < p.channels)
                    y[y_at + i] = v[i];
    }
}
