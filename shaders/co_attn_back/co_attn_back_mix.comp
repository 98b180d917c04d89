#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// co_attn_back_mix - the gradients of what "which" read, from those of its scores. With
// h[t,k] = tanh(key[k] + g[t]), hs[t] = tanh(ks[t] + g[t]):
//   do[k] = sum_t p[t,k] dout[t];  ds[t] = beta[t] dout[t]
//   dkey[k] = u sum_t dz[t,k] (1 - h[t,k]^2);  dks[t] = dzs[t] u (1 - hs[t]^2)
//   dg[t] = u sum_k dz[t,k] (1 - h[t,k]^2) + dks[t]
//   du[t] = sum_k dz[t,k] h[t,k] + dzs[t] hs[t]       (to be summed over all rows)
// scratch (B, T, 2 T + 2): [p | dz | dzs | beta]; do and dkey go to their columns of dother
// grid     one subgroup of LANES lanes per (t, b); a lane mixes 4 columns
// limits   as co_attn_back_scores
// numerics tanh by exp, f32 sums; within 1e-4 relative
// source   derived: the chain rule on co_attn
#include "shaders/include/tyto.glsl"
#include "shaders/co_attn_back/co_attn_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_co_attn_back_push push; };
layout(binding = 0) uniform textureBuffer other;
layout(binding = 1) uniform textureBuffer g;
layout(binding = 2) uniform textureBuffer ks;
layout(binding = 3) uniform textureBuffer u;
layout(binding = 4) uniform textureBuffer dout;
layout(binding = 5) uniform textureBuffer scratch;
layout(binding = 6) writeonly buffer Dother { vec4 dother[]; };
layout(binding = 7) writeonly buffer Ds { vec4 ds[]; };
layout(binding = 8) writeonly buffer Dg { vec4 dg[]; };
layout(binding = 9) writeonly buffer Dks { vec4 dks[]; };
layout(binding = 10) writeonly buffer Du { vec4 du[]; };

float scratch_at(uint row, uint col)
{
    return texelFetch(scratch, int(row * (2 * push.num_segments + 2) + col)).x;
}

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const uint lane = gl_SubgroupInvocationID;
    const uint num = push.num_segments;
    const uint stride = push.other_stride / 4;
    const uint key_width = push.key_width / 4;
    const uint width = push.width / 4;
    const uint row0 = b * num;
    const uint row = row0 + t;
    const float beta = scratch_at(row, 2 * num + 1);
    const float dzs = scratch_at(row, 2 * num);

    for (uint c = lane; c < width; c += LANES) {
        const uint d0 = push.dout_offset / 4 + c;
        vec4 sum = vec4(0.0);
        for (uint j = 0; j < num; j++)
            sum += scratch_at(row0 + j, t) *
                   texelFetch(dout, int((row0 + j) * push.dout_stride / 4 + d0));
        dother[row * stride + push.other_offset / 4 + c] = sum;
        ds[row * width + c] = beta * texelFetch(dout, int(row * push.dout_stride / 4 + d0));
    }
    for (uint d = lane; d < key_width; d += LANES) {
        const uint k0 = row0 * stride + push.key_offset / 4 + d;
        const vec4 mine = texelFetch(g, int(row * key_width + d));
        const vec4 key = texelFetch(other, int(k0 + t * stride));
        const vec4 weight = texelFetch(u, int(d));
        const vec4 hs = tyto_tanh(texelFetch(ks, int(row * key_width + d)) + mine);
        const vec4 sentinel = dzs * weight * (1.0 - hs * hs);
        vec4 sum_g = vec4(0.0);
        vec4 sum_u = dzs * hs;
        vec4 sum_key = vec4(0.0);
        for (uint j = 0; j < num; j++) {
            const vec4 ahead = tyto_tanh(texelFetch(other, int(k0 + j * stride)) + mine);
            const vec4 back = tyto_tanh(key + texelFetch(g, int((row0 + j) * key_width + d)));
            const float dz = scratch_at(row, num + j);
            sum_g += dz * (1.0 - ahead * ahead);
            sum_u += dz * ahead;
            sum_key += scratch_at(row0 + j, num + t) * (1.0 - back * back);
        }
        dg[row * key_width + d] = weight * sum_g + sentinel;
        dks[row * key_width + d] = sentinel;
        du[row * key_width + d] = sum_u;
        dother[row * stride + push.key_offset / 4 + d] = weight * sum_key;
    }
}
