/* SPDX-License-Identifier: MIT */
/* The widths of CMAN on the device, where every row ends at a whole texel: what serves and what
 * trains pad alike, as a trained network is a padded one cut down. */
#ifndef TYTO_MODEL_CMAN_WIDTHS_H
#define TYTO_MODEL_CMAN_WIDTHS_H

#include <stdint.h>

#include "model/cman/cman.h"

enum { TYTO_CMAN_AUDIO, TYTO_CMAN_VISUAL, TYTO_CMAN_NUM_STREAMS };

/* Of the LSTM with its sentinel: i, f, g, o and the sentinel's. */
enum { TYTO_CMAN_NUM_GATES = 5 };

/* After padding. */
struct tyto_cman_widths {
    uint32_t stream[TYTO_CMAN_NUM_STREAMS]; /* da, dv */
    uint32_t match, when, hidden, which, head;
    uint32_t logits;                     /* of the head's output, where that is padded too */
    uint32_t qkv[TYTO_CMAN_NUM_STREAMS]; /* 2 when + stream */
    uint32_t gates;                      /* all of them: NUM_GATES hidden */
    /* What a stream's self-attended segments are mapped to: the LSTM's gates, then what the
     * OTHER stream's co-attention looks at: o (hidden) and its key (which). */
    uint32_t after, after_other, after_key;
};

/* A width padded to whole texels. */
uint32_t tyto_cman_pad(uint32_t width);
struct tyto_cman_widths tyto_cman_pad_widths(const struct tyto_cman_dims *dims);

#endif
