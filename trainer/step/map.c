/* SPDX-License-Identifier: MIT */
/* Where the linear maps lie among the parameters. */
#include "trainer/step/internal.h"

uint64_t tyto_step_slot(const struct device_step *step, enum tyto_cman_tensor audio,
                        uint32_t stream)
{
    return step->layout.slots[tyto_cman_tensor_of(audio, stream)].at;
}

static uint64_t at(const struct device_step *step, enum tyto_cman_tensor tensor)
{
    return step->layout.slots[tensor].at;
}

static struct map front_map(const struct device_step *step, enum linear which, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const struct tyto_cman_dims *d = &step->layout.dims;
    const bool audio = s == AUDIO;

    if (which == LINEAR_MATCH)
        return (struct map){
            at(step, audio ? TYTO_CMAN_WHERE_AUDIO_WEIGHT : TYTO_CMAN_WHERE_VISUAL_WEIGHT),
            at(step, audio ? TYTO_CMAN_WHERE_AUDIO_BIAS : TYTO_CMAN_WHERE_VISUAL_BIAS), w->match,
            w->stream[s]};
    if (!step->layout.adapt[s])
        return (struct map){.bias = UINT64_MAX};
    return (struct map){
        at(step, audio ? TYTO_CMAN_ADAPT_AUDIO_WEIGHT : TYTO_CMAN_ADAPT_VISUAL_WEIGHT),
        at(step, audio ? TYTO_CMAN_ADAPT_AUDIO_BIAS : TYTO_CMAN_ADAPT_VISUAL_BIAS), w->stream[s],
        audio ? d->audio_in : d->visual_in};
}

struct map tyto_step_map(const struct device_step *step, enum linear which, uint32_t s)
{
    const struct tyto_cman_widths *w = &step->layout.widths;
    const uint64_t none = UINT64_MAX;

    switch (which) {
    case LINEAR_QKV:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_WHEN_AUDIO_Q, s), none, w->qkv[s],
                            w->stream[s]};
    case LINEAR_AFTER:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_INPUT, s),
                            tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_BIAS, s), w->after_key,
                            w->stream[s]};
    case LINEAR_KEY:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_A, s), none, w->which,
                            w->hidden};
    case LINEAR_STATE:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_G, s), none, w->which,
                            w->hidden};
    case LINEAR_SENTINEL:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_WHICH_AUDIO_S, s), none, w->which,
                            w->hidden};
    case LINEAR_AGAIN:
        return (struct map){tyto_step_slot(step, TYTO_CMAN_LSTM_AUDIO_HIDDEN, s), none, w->gates,
                            w->hidden};
    case LINEAR_TUNE:
        return s == VISUAL && step->layout.tune_in > 0
                   ? (struct map){step->layout.tune_weight, step->layout.tune_bias,
                                  step->layout.dims.visual_in, step->layout.tune_in}
                   : (struct map){.bias = none};
    case LINEAR_ADAPT:
    case LINEAR_MATCH:
    case NUM_LINEARS:
        break;
    }
    return front_map(step, which, s);
}

struct map tyto_step_head_map(const struct device_step *step, uint32_t layer)
{
    const struct tyto_cman_widths *w = &step->layout.widths;

    if (layer == 0)
        return (struct map){at(step, TYTO_CMAN_HEAD_0_WEIGHT), at(step, TYTO_CMAN_HEAD_0_BIAS),
                            w->head, 2 * w->hidden};
    return (struct map){at(step, TYTO_CMAN_HEAD_1_WEIGHT), at(step, TYTO_CMAN_HEAD_1_BIAS),
                        step->layout.widths.logits, w->head};
}
