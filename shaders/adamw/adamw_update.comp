#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// adamw_update - one step of AdamW for all parameters.
//   g = by * grad;  m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
//   p = p (1 - rate decay) - rate correct_1 m / (sqrt(correct_2 v) + epsilon)
// grid     x: GROUPS groups of one subgroup that stride over all, a lane per 4 parameters
// numerics f32; within 1e-6 relative of the same in double
// source   Loshchilov & Hutter, ICLR 2019
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
layout(binding = 3) buffer Params { vec4 params[]; };
layout(binding = 4) buffer Moment1 { vec4 moment_1[]; };
layout(binding = 5) buffer Moment2 { vec4 moment_2[]; };

void main()
{
    for (uint i = gl_WorkGroupID.x * LANES + gl_SubgroupInvocationID; i < push.num4;
         i += TYTO_ADAMW_GROUPS * LANES) {
        const vec4 g = texelFetch(grads, int(i)) * norm[1];
        const vec4 m = beta_1 * moment_1[i] + (1.0 - beta_1) * g;
        const vec4 v = beta_2 * moment_2[i] + (1.0 - beta_2) * g * g;
        moment_1[i] = m;
        moment_2[i] = v;
        params[i] = params[i] * (1.0 - rate * decay) -
                    rate * correct_1 * m / (sqrt(correct_2 * v) + epsilon);
    }
}
