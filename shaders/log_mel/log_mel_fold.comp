// SPDX-License-Identifier: MIT
// log_mel_fold - first of four: framing, window, and the fold that halves the DFT.
//   x[n] = pcm[b, f*hop + n] * window[n], N = fft
//   even[n] = x[n] + x[N-n], odd[n] = x[n] - x[N-n] for 0 < n < N/2;
//   even[0] = x[0], even[N/2] = x[N/2]; odd[0] and odd[N/2] meet sines that are 0
// pcm (B, S) f32; windows (folded/4, 2) vec4: that of x[n], that of x[N-n], with the sample scale
// in them, 0 where the sum above has no such term; out (B*F, 2, folded) f32: even, then odd
// grid     x: n in groups of 4 LANES, y: frame, z: segment
// limits   F and B <= maxComputeWorkGroupCount[1, 2]
// numerics exact up to one rounding of the product and one of the sum; a sample that is
//          not finite counts as 0
// source   real input: X[k] = sum even[n] cos(2 pi n k / N) - i sum odd[n] sin(2 pi n k / N)
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/log_mel/log_mel_shape.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { tyto_log_mel_fold_push push; };
layout(set = 0, binding = 0) uniform textureBuffer pcm;
layout(set = 0, binding = 1) uniform textureBuffer windows;
layout(set = 0, binding = 2) writeonly buffer Out { vec4 folded[]; };

void main()
{
    // Lanes past the end repeat the last one's work: cheaper than a branch.
    const uint quad = min(gl_GlobalInvocationID.x, push.folded_vec4 - 1);
    const uint frame = gl_WorkGroupID.y, segment = gl_WorkGroupID.z;
    const uint begin = segment * push.num_samples + frame * push.hop;
    const uint last = (segment + 1) * push.num_samples - 1;
    vec4 low, high;

    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint n = 4 * quad + i;
        low[i] = texelFetch(pcm, int(min(begin + n, last))).x;
        high[i] = texelFetch(pcm, int(min(begin + push.fft - min(n, push.fft), last))).x;
    }
    const vec4 most = vec4(3.402823466e38);
    low = mix(vec4(0.0), low, lessThanEqual(abs(low), most));
    high = mix(vec4(0.0), high, lessThanEqual(abs(high), most));
    low *= texelFetch(windows, int(2 * quad));
    high *= texelFetch(windows, int(2 * quad + 1));
    const uint at = (segment * push.num_frames + frame) * 2 * push.folded_vec4 + quad;
    folded[at] = low + high;
    folded[at + push.folded_vec4] = low - high;
}
