/* SPDX-License-Identifier: MIT */
#include "model/cman/widths.h"

enum { TEXEL = 4 }; /* floats */

uint32_t tyto_cman_pad(uint32_t width)
{
    return (width + TEXEL - 1) / TEXEL * TEXEL;
}

struct tyto_cman_widths tyto_cman_pad_widths(const struct tyto_cman_dims *dims)
{
    struct tyto_cman_widths w = {
        .stream = {tyto_cman_pad(dims->audio_width), tyto_cman_pad(dims->visual_width)},
        .match = tyto_cman_pad(dims->match_width),
        .when = tyto_cman_pad(dims->when_width),
        .hidden = tyto_cman_pad(dims->hidden_width),
        .which = tyto_cman_pad(dims->which_width),
        .head = tyto_cman_pad(dims->head_width),
        .logits = tyto_cman_pad(dims->num_logits),
    };

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        w.qkv[s] = 2 * w.when + w.stream[s];
    w.gates = TYTO_CMAN_NUM_GATES * w.hidden;
    w.after_other = w.gates;
    w.after_key = w.after_other + w.hidden;
    w.after = w.after_key + w.which;
    return w;
}
