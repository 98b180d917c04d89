#version 450
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
// ceilings - nothing but multiply-adds: what a device does of them, at most.
//   y[i] = a chain of ROUNDS rounds of 16 independent vec4 fma, from x and i
// grid     x: groups of 128 lanes
layout(local_size_x = 128) in;
layout(push_constant) uniform Push { float factor, term; uint rounds; };
layout(binding = 0) writeonly buffer Y { vec4 y[]; };

void main()
{
    const uint at = gl_GlobalInvocationID.x;
    vec4 sum[16];
    vec4 all = vec4(0.0);

    [[unroll]] for (uint i = 0; i < 16; i++)
        sum[i] = vec4(float(at % 64 + i) * 0.01);
    for (uint round = 0; round < rounds; round++)
        [[unroll]] for (uint i = 0; i < 16; i++)
            sum[i] = fma(sum[i], vec4(factor), vec4(term));
    [[unroll]] for (uint i = 0; i < 16; i++)
        all += sum[i];
    y[at] = all;
}
