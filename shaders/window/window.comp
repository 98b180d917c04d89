// SPDX-License-Identifier: MIT
// window - puts a stream's newest row into its ring and gives the ring in order.
//   ring[s,slot] = newest[b];  out[b,t] = the len last rows, oldest first; zeros for t >= len
// newest (B, W) f32, ring (S, T, W) f32, items (B) of tyto_window_item, out (B, T, W) f32
// Each stream comes at most once in a batch: no group reads the slot that another one writes.
// grid     x: ceil(W / LANES) groups of LANES lanes, one lane per column; y: t; z: b
// limits   T, B and the groups in x <= 65535; slot < T; 1 <= len <= T (held to it otherwise)
// numerics exact
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/window/window_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(push_constant) uniform Push { tyto_window_push push; };
layout(set = 0, binding = 0) readonly buffer Newest { float newest[]; };
layout(set = 0, binding = 1) buffer Ring { float ring[]; };
layout(set = 0, binding = 2) readonly buffer Items { tyto_window_item items[]; };
layout(set = 0, binding = 3) writeonly buffer Out { float rows[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x;
    const uint t = gl_WorkGroupID.y;
    const uint b = gl_WorkGroupID.z;
    const tyto_window_item item = items[b];
    const bool kept = item.stream < push.num_streams;
    const uint len = kept ? clamp(item.len, 1, push.num_segments) : 1;
    const uint slot = min(item.slot, push.num_segments - 1);
    if (c >= push.width)
        return;

    float value = 0.0;
    if (t + 1 == len) {
        value = newest[b * push.width + c];
        if (kept)
            ring[(item.stream * push.num_segments + slot) * push.width + c] = value;
    } else if (t < len) {
        const uint from = (slot + push.num_segments - (len - 1 - t)) % push.num_segments;
        value = ring[(item.stream * push.num_segments + from) * push.width + c];
    }
    rows[(b * push.num_segments + t) * push.width + c] = value;
}
