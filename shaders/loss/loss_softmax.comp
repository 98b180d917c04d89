#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// loss_softmax - cross-entropy of a row of logits z against weights y of its classes.
//   loss[r] = sum_n y[r,n] (log sum_m exp z[r,m] - z[r,n])
//   dz[r,n] = softmax(z[r])[n] sum_m y[r,m] - y[r,n];  0 from width to stride
// grid     one subgroup of LANES lanes per row
// limits   rows <= maxComputeWorkGroupCount[0]
// numerics max subtracted before exp; f32 sums; within 1e-5 relative
// source   torch.nn.CrossEntropyLoss with class probabilities
#include "shaders/include/tyto.glsl"
#include "shaders/loss/loss_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_loss_push push; };
layout(binding = 0) uniform textureBuffer logits;
layout(binding = 1) uniform textureBuffer yes;
layout(binding = 2) writeonly buffer Dlogits { float dlogits[]; };
layout(binding = 3) writeonly buffer Losses { float losses[]; };

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint row = gl_WorkGroupID.x * push.stride;
    float top = -3.402823466e38;
    float sum = 0.0;
    float mass = 0.0;
    float loss = 0.0;

    for (uint n = lane; n < push.width; n += LANES)
        top = max(top, texelFetch(logits, int(row + n)).x);
    top = subgroupMax(top);
    for (uint n = lane; n < push.width; n += LANES) {
        const float z = texelFetch(logits, int(row + n)).x - top;
        const float y = texelFetch(yes, int(row + n)).x;
        sum += exp(z);
        mass += y;
        loss -= y * z;
    }
    sum = subgroupAdd(sum);
    mass = subgroupAdd(mass);
    loss = subgroupAdd(loss) + mass * log(sum);
    for (uint n = lane; n < push.stride; n += LANES) {
        const float z = texelFetch(logits, int(row + n)).x - top;
        const float y = texelFetch(yes, int(row + n)).x;
        dlogits[row + n] = n < push.width ? exp(z) / sum * mass - y : 0.0;
    }
    if (subgroupElect())
        losses[gl_WorkGroupID.x] = loss;
}
