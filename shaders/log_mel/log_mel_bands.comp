// SPDX-License-Identifier: MIT
// log_mel_bands - third of four: mel bands and logarithm.
//   sum[m] = sum_k spectrum[k] mel[k,m]
//   out[m] = 10 log10(max(sum, floor)), or (ln(sum + floor)) * post_scale + post_shift
// spectrum (rows, bins) f32, mel (bins, mel_vec4 * 4) f32 zero-padded, out (rows, M) f32
// grid     x: rows in tiles of ROWS, y: bands in groups of 4 LANES; a group is one subgroup
// shared   none
// limits   LANES >= ROWS; M <= MAX_BANDS
// numerics f32 sums of values >= 0: 1e-6 relative before the logarithm, whose error GPUs
//          may double: 1e-5 absolute in nepers
// source   librosa and HTK filter banks, as the encoder brings them
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/include/tyto.glsl"
#include "shaders/log_mel/log_mel_shape.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint WHOLE = 2; // 1: M is a multiple of 4
layout(push_constant) uniform Push { tyto_log_mel_bands_push push; };
layout(set = 0, binding = 0) uniform textureBuffer spectrum;
layout(set = 0, binding = 1) uniform textureBuffer mel;
layout(set = 0, binding = 2) writeonly buffer Out { float bands[]; };

const uint ROWS = TYTO_LOG_MEL_ROWS;

#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

vec4 log_level(vec4 x)
{
    if (push.db == 1)
        return 4.342944819 * log(max(x, vec4(push.level_floor)));
    return log(x + push.level_floor) * push.post_scale + push.post_shift;
}

void main()
{
    const uint lane = gl_SubgroupInvocationID;
    const uint first = gl_WorkGroupID.x * ROWS;
    const uint quad = gl_WorkGroupID.y * LANES + lane;
    const uint quad_at = min(quad, push.mel_vec4 - 1);
    const uint row_at = min(first + lane % ROWS, push.num_rows - 1) * push.bins_vec4;

#define DECLARE(r) vec4 sum##r = vec4(0.0);
    EACH_ROW(DECLARE)
    for (uint q = 0; q < push.bins_vec4; q++) {
        const vec4 level = texelFetch(spectrum, int(row_at + q));
        const int at = int(q * 4 * push.mel_vec4 + quad_at);
        const int step_ = int(push.mel_vec4);
        const vec4 m0 = texelFetch(mel, at), m1 = texelFetch(mel, at + step_),
                   m2 = texelFetch(mel, at + 2 * step_), m3 = texelFetch(mel, at + 3 * step_);
#define ACCUMULATE(r)                                                                              \
    {                                                                                              \
        const vec4 v = subgroupShuffle(level, r);                                                \
        sum##r += v.x * m0 + v.y * m1 + v.z * m2 + v.w * m3;                                       \
    }
        EACH_ROW(ACCUMULATE)
    }
    if (4 * quad >= push.num_mel)
        return;
#define STORE(r)                                                                                   \
    {                                                                                              \
        const uint at = min(first + r, push.num_rows - 1) * push.num_mel + 4 * quad;               \
        const vec4 level = log_level(sum##r);                                                      \
        [[unroll]] for (uint i = 0; i < 4; i++)                                                    \
            if (WHOLE == 1 || 4 * quad + i < push.num_mel)                                         \
                bands[at + i] = level[i];                                                          \
    }
    EACH_ROW(STORE)
}
