/* SPDX-License-Identifier: MIT */
/* The tensors of CMAN's head, once: names in the weights file, shapes in terms of
 * the dims. Daemon, trainer and tests all read this list; none has another.
 *
 * X(NAME, "name in files", rows, columns, part): `d` is a const struct
 * tyto_cman_dims *. columns 0: one dimension. Matrices are (out, in), row-major,
 * as in PyTorch's Linear. Parts other than ALWAYS come whole or not at all. */
#ifndef TYTO_MODEL_CMAN_TENSORS_H
#define TYTO_MODEL_CMAN_TENSORS_H

#include <stdint.h>

#include "model/cman/cman.h"

/* clang-format off */
#define TYTO_CMAN_TENSOR_LIST(X)                                                                   \
    X(ADAPT_AUDIO_WEIGHT,  "adapt_audio.weight",  d->audio_width,  d->audio_in,  ADAPT_AUDIO)      \
    X(ADAPT_AUDIO_BIAS,    "adapt_audio.bias",    d->audio_width,  0,            ADAPT_AUDIO)      \
    X(ADAPT_VISUAL_WEIGHT, "adapt_visual.weight", d->visual_width, d->visual_in, ADAPT_VISUAL)     \
    X(ADAPT_VISUAL_BIAS,   "adapt_visual.bias",   d->visual_width, 0,            ADAPT_VISUAL)     \
    X(WHERE_AUDIO_WEIGHT,  "where.audio.weight",  d->match_width, d->audio_width,  ALWAYS)         \
    X(WHERE_AUDIO_BIAS,    "where.audio.bias",    d->match_width, 0,               ALWAYS)         \
    X(WHERE_VISUAL_WEIGHT, "where.visual.weight", d->match_width, d->visual_width, ALWAYS)         \
    X(WHERE_VISUAL_BIAS,   "where.visual.bias",   d->match_width, 0,               ALWAYS)         \
    X(WHERE_SCALE,         "where.scale",         1,              0,               ALWAYS)         \
    TYTO_CMAN_STREAM_LIST(X, AUDIO, "audio", d->audio_width, d->visual_width)                      \
    TYTO_CMAN_STREAM_LIST(X, VISUAL, "visual", d->visual_width, d->audio_width)                    \
    X(HEAD_0_WEIGHT, "head.0.weight", d->head_width, 2 * d->hidden_width, ALWAYS)                  \
    X(HEAD_0_BIAS,   "head.0.bias",   d->head_width, 0,                   ALWAYS)                  \
    X(HEAD_1_WEIGHT, "head.1.weight", d->num_logits, d->head_width,       ALWAYS)                  \
    X(HEAD_1_BIAS,   "head.1.bias",   d->num_logits, 0,                   ALWAYS)                  \
    X(SKIP_AUDIO,    "skip.audio.weight",  d->num_logits, d->audio_width,  SKIP)                   \
    X(SKIP_VISUAL,   "skip.visual.weight", d->num_logits, d->visual_width, SKIP)

/* What both streams have: when, LSTM with sentinel (gates i f g o), which. */
#define TYTO_CMAN_STREAM_LIST(X, NAME, text, width, other_width)                                   \
    X(WHEN_##NAME##_Q, "when." text ".q.weight", d->when_width, width, ALWAYS)                     \
    X(WHEN_##NAME##_K, "when." text ".k.weight", d->when_width, width, ALWAYS)                     \
    X(WHEN_##NAME##_V, "when." text ".v.weight", width,         width, ALWAYS)                     \
    X(LSTM_##NAME##_INPUT,  "lstm." text ".input.weight",  4 * d->hidden_width, width, ALWAYS)     \
    X(LSTM_##NAME##_HIDDEN, "lstm." text ".hidden.weight", 4 * d->hidden_width, d->hidden_width,   \
      ALWAYS)                                                                                      \
    X(LSTM_##NAME##_BIAS,   "lstm." text ".bias",          4 * d->hidden_width, 0, ALWAYS)         \
    X(LSTM_##NAME##_GATE_X, "lstm." text ".gate_x.weight", d->hidden_width, width, ALWAYS)         \
    X(LSTM_##NAME##_GATE_H, "lstm." text ".gate_h.weight", d->hidden_width, d->hidden_width,       \
      ALWAYS)                                                                                      \
    X(WHICH_##NAME##_OTHER_WEIGHT, "which." text ".other.weight", d->hidden_width, other_width,    \
      ALWAYS)                                                                                      \
    X(WHICH_##NAME##_OTHER_BIAS,   "which." text ".other.bias",   d->hidden_width, 0, ALWAYS)      \
    X(WHICH_##NAME##_A, "which." text ".a.weight", d->which_width, d->hidden_width, ALWAYS)        \
    X(WHICH_##NAME##_G, "which." text ".g.weight", d->which_width, d->hidden_width, ALWAYS)        \
    X(WHICH_##NAME##_S, "which." text ".s.weight", d->which_width, d->hidden_width, ALWAYS)        \
    X(WHICH_##NAME##_H, "which." text ".h.weight", 1,              d->which_width,  ALWAYS)
/* clang-format on */

enum tyto_cman_tensor {
#define TYTO_CMAN_TENSOR_ENTRY(name, text, rows, cols, part) TYTO_CMAN_##name,
    TYTO_CMAN_TENSOR_LIST(TYTO_CMAN_TENSOR_ENTRY)
#undef TYTO_CMAN_TENSOR_ENTRY
        TYTO_CMAN_NUM_TENSORS
};

enum tyto_cman_part {
    TYTO_CMAN_PART_ALWAYS,
    TYTO_CMAN_PART_ADAPT_AUDIO,
    TYTO_CMAN_PART_ADAPT_VISUAL,
    TYTO_CMAN_PART_SKIP,
    TYTO_CMAN_NUM_PARTS
};

struct tyto_cman_tensor_info {
    const char *name;
    uint32_t rows, cols; /* cols 0: one dimension */
    enum tyto_cman_part part;
};

/* A tensor of TYTO_CMAN_STREAM_LIST in either stream (TYTO_CMAN_AUDIO, TYTO_CMAN_VISUAL), named by
 * the audio stream's. */
static inline enum tyto_cman_tensor tyto_cman_tensor_of(enum tyto_cman_tensor audio,
                                                        uint32_t stream)
{
    return (enum tyto_cman_tensor)(
        (uint32_t)audio + stream * (uint32_t)(TYTO_CMAN_WHEN_VISUAL_Q - TYTO_CMAN_WHEN_AUDIO_Q));
}

/* A stream's map straight to the logits. */
static inline enum tyto_cman_tensor tyto_cman_skip_of(uint32_t stream)
{
    return (enum tyto_cman_tensor)((uint32_t)TYTO_CMAN_SKIP_AUDIO + stream);
}

/* The list for given dims; infos has TYTO_CMAN_NUM_TENSORS places. */
void tyto_cman_list_tensors(const struct tyto_cman_dims *dims,
                            struct tyto_cman_tensor_info *ret_infos);

#endif
