/* SPDX-License-Identifier: MIT */
/* The whole head in plain C with double accumulators, formula by formula as
 * model/README.md has them: nothing fused, nothing padded, no ring. */
#ifndef TYTO_TESTS_CMAN_REF_H
#define TYTO_TESTS_CMAN_REF_H

#include "model/cman_weights.h"

/* One window of n <= T segments. */
struct cman_ref_in {
    uint32_t num_segments; /* n */
    uint32_t look_ahead;   /* UINT32_MAX: no mask */
    const float *audio;    /* (n, A) */
    const float *visual;   /* (n, L, V) */
    const bool *has_audio; /* (n); NULL: all */
    const bool *has_visual;
};

struct cman_ref_out {
    float *logits;                     /* (n, num_logits) */
    float *place;                      /* (n, L) */
    float *beta_audio, *beta_visual;   /* (n) */
    float *align_audio, *align_visual; /* (n, n) */
};

/* Exits when out of memory: for tests. */
void cman_ref(const struct tyto_cman_weights *weights, const struct cman_ref_in *in,
              const struct cman_ref_out *out);

#endif
