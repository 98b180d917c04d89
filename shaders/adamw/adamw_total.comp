#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// adamw_total - the norm of all gradients, and by what they are multiplied.
//   norm = sqrt(sum parts);  by = max_norm > 0 ? min(1, max_norm / (norm + 1e-6)) : 1
// grid     one group of one subgroup
// numerics f32 sums; as torch.nn.utils.clip_grad_norm_
// source   torch.nn.utils.clip_grad_norm_
#include "shaders/include/tyto.glsl"
#include "shaders/adamw/adamw_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_adamw_push push; };
layout(binding = 0) uniform textureBuffer parts;
layout(binding = 1) readonly buffer Hyper {
    float rate, beta_1, beta_2, epsilon, decay, correct_1, correct_2, max_norm;
};
layout(binding = 2) writeonly buffer Norm { float norm[]; };

void main()
{
    float sum = 0.0;

    for (uint i = gl_SubgroupInvocationID; i < push.num_parts; i += LANES)
        sum += texelFetch(parts, int(i)).x;
    const float all = sqrt(subgroupAdd(sum));
    if (subgroupElect()) {
        norm[0] = all;
        norm[1] = max_norm > 0.0 ? min(1.0, max_norm / (all + 1e-6)) : 1.0;
    }
}
