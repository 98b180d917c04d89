#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// adamw_update - one step of AdamW for all parameters.
//   g = by * grad;  m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
//   p = p (1 - rate decay) - rate correct_1 m / (sqrt(correct_2 v) + epsilon)
// grid     x: GROUPS groups of one subgroup that stride over all, a lane per 4 parameters
// numerics f32; within 1e-6 relative of the same in double
// source   Loshchilov & Hutter, ICLR 2019
#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "shaders/include/tyto.glsl"
#include "shaders/adamw/adamw_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_adamw_push push; };
layout(binding = 0) uniform textureBuffer grads;
layout(binding = 1) readonly buffer Hyper {
    float rate, beta_1, beta_2, epsilon, decay, correct_1, correct_2, max_norm;
};
layout(binding = 2) readonly buffer Norm { float norm[]; };
// Each is read as texels and written as storage: both fast on lavapipe.
layout(binding = 3) uniform textureBuffer old_params;
layout(binding = 4) uniform textureBuffer old_moment_1;
layout(binding = 5) uniform textureBuffer old_moment_2;
#ifdef STORE64
#define STORED u64vec2
u64vec2 stored(vec4 v)
{
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#else
#define STORED vec4
vec4 stored(vec4 v)
{
    return v;
}
#endif
layout(binding = 6) writeonly buffer Params { STORED params[]; };
layout(binding = 7) writeonly buffer Moment1 { STORED moment_1[]; };
layout(binding = 8) writeonly buffer Moment2 { STORED moment_2[]; };

void main()
{
    const float by = norm[1], keep_1 = beta_1, keep_2 = beta_2;
    const float shrink = 1.0 - rate * decay, pace = rate * correct_1;
    const float correct = correct_2, least = epsilon;

    for (uint i = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID; i < push.num4;
         i += TYTO_ADAMW_GROUPS * LANES) {
        const vec4 g = texelFetch(grads, int(i)) * by;
        const vec4 m = keep_1 * texelFetch(old_moment_1, int(i)) + (1.0 - keep_1) * g;
        const vec4 v = keep_2 * texelFetch(old_moment_2, int(i)) + (1.0 - keep_2) * g * g;
        const vec4 p = texelFetch(old_params, int(i));

        moment_1[i] = stored(m);
        moment_2[i] = stored(v);
        params[i] = stored(p * shrink - pace * m / (sqrt(correct * v) + least));
    }
}
