#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
// window - puts a stream's newest row into its ring and gives the ring in order.
//   ring[s,slot] = newest[b];  out[b,t] = the len last rows, oldest first; zeros for t >= len
// newest (B, W) f32, ring (S, T, W) f32, items (B) of tyto_window_item, out (B, T, W) f32
// Each stream comes at most once in a batch: no group reads the slot that another one writes.
// The ring is bound twice, to read it by texels.
// grid     one subgroup of LANES lanes per (t, b); lanes stride over the columns (a group costs
//          lavapipe 0.3 us, so there is not one for every LANES columns)
// limits   W <= MAX_WIDTH; T, B <= maxComputeWorkGroupCount; slot < T; 1 <= len <= T (held to it
//          otherwise)
// numerics exact
// source   a ring buffer
#include "shaders/include/tyto.glsl"
#include "shaders/window/window_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_window_push push; };
layout(binding = 0) uniform textureBuffer newest;
layout(binding = 1) uniform textureBuffer ring_before;
layout(binding = 2) writeonly buffer Ring { float ring[]; };
layout(binding = 3) readonly buffer Items { tyto_window_item items[]; };
layout(binding = 4) writeonly buffer Out { float rows[]; };

void main()
{
    const uint t = gl_WorkGroupID.x;
    const uint b = gl_WorkGroupID.y;
    const tyto_window_item item = items[b];
    const bool kept = item.stream < push.num_streams;
    const uint len = kept ? clamp(item.len, 1, push.num_segments) : 1;
    const uint slot = min(item.slot, push.num_segments - 1);
    const uint from = (slot + push.num_segments - (len - 1 - min(t, len - 1))) % push.num_segments;
    const uint ring0 = (item.stream * push.num_segments + from) * push.width; // of row t
    const uint out0 = (b * push.num_segments + t) * push.width;

    for (uint c = gl_SubgroupInvocationID; c < push.width; c += LANES) {
        float value = 0.0;
        if (t + 1 == len) {
            value = texelFetch(newest, int(b * push.width + c)).x;
            if (kept)
                ring[ring0 + c] = value;
        } else if (t < len) {
            value = texelFetch(ring_before, int(ring0 + c)).x;
        }
        rows[out0 + c] = value;
    }
}
