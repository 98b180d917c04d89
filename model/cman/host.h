/* SPDX-License-Identifier: MIT */
/* The whole head in plain C with double accumulators, formula by formula as
 * model/README.md has them: nothing fused, nothing padded, no ring. Slow. The truth
 * for tests, and what a new head on the device is held against before it serves. */
#ifndef TYTO_MODEL_CMAN_HOST_H
#define TYTO_MODEL_CMAN_HOST_H

#include "model/cman/weights.h"

/* One window of n <= T segments. */
struct tyto_cman_host_in {
    uint32_t num_segments; /* n >= 1 */
    uint32_t look_ahead;   /* UINT32_MAX: no mask */
    const float *audio;    /* (n, A) */
    const float *visual;   /* (n, L, V) */
    const bool *has_audio; /* (n); NULL: all */
    const bool *has_visual;
};

struct tyto_cman_host_out {
    float *logits;                     /* (n, num_logits) */
    float *place;                      /* (n, L) */
    float *beta_audio, *beta_visual;   /* (n) */
    float *align_audio, *align_visual; /* (n, n) */
    /* (n, head_width + audio_width + visual_width): what the last layer and the streams' maps
     * straight to the logits read; NULL: not wanted */
    float *last;
};

/* Everything is borrowed until the call returns; all of out is written. NOMEM. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_host_run(const struct tyto_cman_weights *weights,
                                 const struct tyto_cman_host_in *in,
                                 const struct tyto_cman_host_out *out);

#endif
