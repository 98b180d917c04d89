/* SPDX-License-Identifier: MIT */
#include "trainer/loop/augment.h"

#include <math.h>

#include "base/random.h"

/* Marsaglia and Tsang, 2000; for shapes below 1 with their correction. */
static double draw_gamma(uint64_t *state, double shape)
{
    const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    double x = 0, v = 0;

    do {
        x = tyto_random_normal(state);
        v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    } while (v <= 0 || log(1 - tyto_random_share(state)) >= 0.5 * x * x + d - d * v + d * log(v));
    return d * v * (shape < 1 ? pow(1 - tyto_random_share(state), 1 / shape) : 1);
}

static float draw_mix(uint64_t *state, double a)
{
    const double x = draw_gamma(state, a), y = draw_gamma(state, a);
    const double share = x + y > 0 ? x / (x + y) : 1;

    return (float)fmax(share, 1 - share);
}

void tyto_augment_draw(const struct tyto_augment_params *params, uint64_t seed, uint32_t epoch,
                       uint32_t clip, uint32_t num_clips, struct tyto_augment *ret_augment)
{
    uint64_t state = tyto_random_state(seed, epoch, clip);
    struct tyto_augment augment = {.share = 1, .partner = clip, .noise = params->noise};

    if (params->max_shift > 0 && tyto_random_share(&state) < (double)params->shift_share) {
        const uint32_t draw = tyto_random_below(&state, 2 * params->max_shift);

        augment.shift = (int32_t)draw - (int32_t)params->max_shift;
        augment.shift += augment.shift >= 0; /* a shift of 0 is none */
        augment.repeats_edge = tyto_random_bits(&state) & 1;
    }
    if (tyto_random_share(&state) < (double)params->modality_dropout) {
        augment.drops_audio = tyto_random_bits(&state) & 1;
        augment.drops_visual = !augment.drops_audio;
    }
    if (params->mixup > 0) {
        augment.partner = tyto_random_below(&state, num_clips);
        augment.share = draw_mix(&state, (double)params->mixup);
    }
    augment.noise_state = tyto_random_bits(&state);
    *ret_augment = augment;
}

int32_t tyto_augment_sound(const struct tyto_augment *augment, uint32_t t, uint32_t len)
{
    const int32_t from = (int32_t)t - augment->shift, last = (int32_t)len - 1;

    if (from >= 0 && from <= last)
        return from;
    if (!augment->repeats_edge)
        return -1;
    return from < 0 ? 0 : last;
}

void tyto_augment_add_noise(struct tyto_augment *augment, float *values, uint32_t num)
{
    /* uniform, which is much cheaper than normal; the same deviation */
    const float scale = augment->noise * 1.7320508f / 2147483648.0f;

    for (uint32_t i = 0; i < num && augment->noise > 0; i += 2) {
        const uint64_t bits = tyto_random_bits(&augment->noise_state);

        values[i] += scale * (float)(int32_t)(uint32_t)bits;
        if (i + 1 < num)
            values[i + 1] += scale * (float)(int32_t)(uint32_t)(bits >> 32);
    }
}
