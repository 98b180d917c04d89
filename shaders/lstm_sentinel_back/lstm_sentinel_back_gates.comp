#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// lstm_sentinel_back_gates - gates and cells of all steps, once the states are known.
//   [i f g o n] = (sig sig tanh sig sig)(pre[b,t]);  c[t] = f c[t-1] + i g
// pre, gates (B, T, 5 D), cell (B, T, D) f32; gates may be pre
// grid     x: ceil(D / LANES) groups of one subgroup, a lane per unit; y: b
// limits   B <= maxComputeWorkGroupCount[1]
// numerics f32, sigmoid and tanh by exp, as lstm_sentinel
// source   derived: the forward step again, see lstm_sentinel
#include "shaders/include/tyto.glsl"
#include "shaders/lstm_sentinel_back/lstm_sentinel_back_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_lstm_sentinel_back_push push; };
layout(binding = 0) uniform textureBuffer pre;
layout(binding = 1) writeonly buffer Gates { float gates[]; };
layout(binding = 2) writeonly buffer Cell { float cell[]; };

void main()
{
    const uint j = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint b = gl_WorkGroupID.y;
    float c = 0.0;

    if (j >= push.width)
        return;
    for (uint t = 0; t < push.num_segments; t++) {
        const uint row = b * push.num_segments + t;
        const uint at = row * 5 * push.width + j;
        vec4 v;
        [[unroll]] for (uint q = 0; q < 4; q++)
            v[q] = texelFetch(pre, int(at + q * push.width)).x;
        const float n = tyto_sigmoid(vec4(texelFetch(pre, int(at + 4 * push.width)).x)).x;
        const float g = tyto_tanh(v.zzzz).x;
        v = tyto_sigmoid(v);
        c = v.y * c + v.x * g;
        gates[at] = v.x;
        gates[at + push.width] = v.y;
        gates[at + 2 * push.width] = g;
        gates[at + 3 * push.width] = v.w;
        gates[at + 4 * push.width] = n;
        cell[row * push.width + j] = c;
    }
}
