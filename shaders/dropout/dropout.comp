#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// dropout - x[i] = draw(seed, step, site, first + i) < threshold ? 0 : x[i] * scale, in place.
// The draw is 32 bits of a counter hashed twice over, so nothing is stored and a run repeats bit by
// bit.
// grid     x: groups of one subgroup, a lane per 4 values
// limits   num4 / LANES <= maxComputeWorkGroupCount[0]
// source   murmur3's finalizer
#include "shaders/include/tyto.glsl"
#include "shaders/dropout/dropout_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_dropout_push push; };
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) readonly buffer Key { uint key[]; };
layout(binding = 2) writeonly buffer Out { vec4 kept[]; };

uint mix_bits(uint v)
{
    v = (v ^ (v >> 16)) * 0x85ebca6bu;
    v = (v ^ (v >> 13)) * 0xc2b2ae35u;
    return v ^ (v >> 16);
}

void main()
{
    const uint i = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID;
    const uint stream =
        mix_bits(mix_bits(mix_bits(key[0] + 0x9e3779b9u) ^ key[1]) + key[2] * 64 + push.site);

    if (i >= push.num4)
        return;
    vec4 v = texelFetch(x, int(i));
    for (uint c = 0; c < 4; c++)
        v[c] = mix_bits(mix_bits((push.first4 + i) * 4 + c + stream) ^ stream) < push.threshold
                   ? 0.0
                   : v[c] * push.scale;
    kept[i] = v;
}
