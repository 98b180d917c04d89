#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// loss_sigmoid - binary cross-entropy of each logit z against weights of yes and no.
//   loss[r] = sum_n yes[r,n] softplus(-z[r,n]) + no[r,n] softplus(z[r,n])
//   dz[r,n] = no[r,n] sig(z) - yes[r,n] sig(-z);  0 from width to stride
// grid     one subgroup of LANES lanes per row
// limits   rows <= maxComputeWorkGroupCount[0]
// numerics softplus(z) = max(z, 0) + log(1 + exp(-|z|)); f32 sums; within 1e-5 relative
// source   torch.nn.BCEWithLogitsLoss with weights of either side
#include "shaders/include/tyto.glsl"
#include "shaders/loss/loss_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_loss_push push; };
layout(binding = 0) uniform textureBuffer logits;
layout(binding = 1) uniform textureBuffer yes;
layout(binding = 2) uniform textureBuffer no;
layout(binding = 3) writeonly buffer Dlogits { float dlogits[]; };
layout(binding = 4) writeonly buffer Losses { float losses[]; };

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint row = gl_WorkGroupID.x * push.stride;
    float loss = 0.0;

    for (uint n = lane; n < push.stride; n += LANES) {
        const float z = texelFetch(logits, int(row + n)).x;
        const float y = texelFetch(yes, int(row + n)).x;
        const float not_y = texelFetch(no, int(row + n)).x;
        const vec4 sig = tyto_sigmoid(vec4(z, -z, 0.0, 0.0));
        const float tail = log(1.0 + exp(-abs(z)));
        if (n < push.width)
            loss += y * (max(-z, 0.0) + tail) + not_y * (max(z, 0.0) + tail);
        dlogits[row + n] = n < push.width ? not_y * sig.x - y * sig.y : 0.0;
    }
    loss = subgroupAdd(loss);
    if (subgroupElect())
        losses[gl_WorkGroupID.x] = loss;
}
