/* SPDX-License-Identifier: MIT */
/* Where the linear maps lie among the parameters. */
#include "trainer/step/internal.h"

uint64_t tyto_step_slot(const struct tyto_step_device *step, enum tyto_cman_tensor audio,
                        uint32_t stream)
{
    return step->layout.slots[tyto_cman_tensor_of(audio, stream)].at;
}

static uint64_t at(const struct tyto_step_device *step, enum tyto_cman_tensor tensor)
{
    return step->layout.slots[tensor].at;
}

static struct tyto_step_map front_map(const struct tyto_step_device *step,
                                      enum tyto_step_linear which, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_cman_dims *d = &step->layout.dims;
    const bool audio = s == TYTO_CMAN_AUDIO;

    if (which == TYTO_STEP_LINEAR_MATCH)
        return (struct tyto_step_map){
            at(step, audio ? TYTO_CMAN_WHERE_AUDIO_WEIGHT : TYTO_CMAN_WHERE_VISUAL_WEIGHT),
            at(step, audio ? TYTO_CMAN_WHERE_AUDIO_BIAS : TYTO_CMAN_WHERE_VISUAL_BIAS), w->match,
            w->stream[s]};
    if (!step->layout.adapt[s])
        return (struct tyto_step_map){.bias = UINT64_MAX};
    return (struct tyto_step_map){
        at(step, audio ? TYTO_CMAN_ADAPT_AUDIO_WEIGHT : TYTO_CMAN_ADAPT_VISUAL_WEIGHT),
        at(step, audio ? TYTO_CMAN_ADAPT_AUDIO_BIAS : TYTO_CMAN_ADAPT_VISUAL_BIAS), w->stream[s],
        audio ? d->audio_in : d->visual_in};
}

struct tyto_step_map tyto_step_map(const struct tyto_step_device *step, enum tyto_step_linear which,
                                   uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint64_t none = UINT64_MAX;

    switch (which) {
    case TYTO_STEP_LINEAR_QKV:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_WHEN_AUDIO_Q, s), none,
                                      w->qkv[s], w->stream[s]};
    case TYTO_STEP_LINEAR_AFTER:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_INPUT, s),
                                      tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_BIAS, s),
                                      w->after_key, w->stream[s]};
    case TYTO_STEP_LINEAR_KEY:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_A, s), none,
                                      w->which, w->hidden};
    case TYTO_STEP_LINEAR_STATE:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_G, s), none,
                                      w->which, w->hidden};
    case TYTO_STEP_LINEAR_SENTINEL:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_S, s), none,
                                      w->which, w->hidden};
    case TYTO_STEP_LINEAR_AGAIN:
        return (struct tyto_step_map){tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_HIDDEN, s), none,
                                      w->gates, w->hidden};
    case TYTO_STEP_LINEAR_SKIP:
        return (struct tyto_step_map){at(step, tyto_cman_skip_of(s)), none,
                                      step->layout.skip ? w->logits : 0, w->stream[s]};
    case TYTO_STEP_LINEAR_TUNE:
        return s == TYTO_CMAN_VISUAL && step->layout.tune_in > 0
                   ? (struct tyto_step_map){step->layout.tune_weight, step->layout.tune_bias,
                                            step->layout.dims.visual_in, step->layout.tune_in}
                   : (struct tyto_step_map){.bias = none};
    case TYTO_STEP_LINEAR_ADAPT:
    case TYTO_STEP_LINEAR_MATCH:
    case TYTO_STEP_NUM_LINEARS:
        break;
    }
    return front_map(step, which, s);
}

struct tyto_step_map tyto_step_head_map(const struct tyto_step_device *step, uint32_t layer)
{
    const struct tyto_cman_widths *w = &step->layout.widths;

    if (layer == 0)
        return (struct tyto_step_map){at(step, TYTO_CMAN_HEAD_0_WEIGHT),
                                      at(step, TYTO_CMAN_HEAD_0_BIAS), w->head, 2 * w->hidden};
    return (struct tyto_step_map){at(step, TYTO_CMAN_HEAD_1_WEIGHT),
                                  at(step, TYTO_CMAN_HEAD_1_BIAS), step->layout.widths.logits,
                                  w->head};
}
