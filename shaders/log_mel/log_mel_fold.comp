// SPDX-License-Identifier: MIT
// log_mel_fold - first of four: framing, window, and the fold that halves the DFT.
//   x[n] = pcm[b, f*hop + n] * window[n] (0 past the window), N = fft
//   even[n] = x[n] + x[N-n], odd[n] = x[n] - x[N-n] for 0 < n < N/2;
//   even[0] = x[0], even[N/2] = x[N/2], odd 0 there
// pcm (B, S) f32, window (window_len) f32 with the sample scale in it
// out (B*F, 2, folded) f32: even, then odd
// grid     x: n in groups of LANES, y: frame, z: segment
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
layout(set = 0, binding = 1) uniform textureBuffer window;
layout(set = 0, binding = 2) writeonly buffer Out { float folded[]; };

float windowed(uint begin, uint n)
{
    if (n >= push.window_len)
        return 0.0;
    const float x = texelFetch(pcm, int(begin + n)).x;
    return abs(x) <= 3.402823466e38 ? x * texelFetch(window, int(n)).x : 0.0;
}

void main()
{
    const uint n = gl_GlobalInvocationID.x;
    const uint frame = gl_WorkGroupID.y, segment = gl_WorkGroupID.z;
    if (n >= push.folded)
        return;

    const uint begin = segment * push.num_samples + frame * push.hop;
    const uint half_fft = push.fft / 2;
    const float low = n <= half_fft ? windowed(begin, n) : 0.0;
    const bool paired = n > 0 && n < half_fft;
    const float high = paired ? windowed(begin, push.fft - n) : 0.0;
    const uint at = (segment * push.num_frames + frame) * 2 * push.folded + n;
    folded[at] = low + high;
    folded[at + push.folded] = paired ? low - high : 0.0;
}
