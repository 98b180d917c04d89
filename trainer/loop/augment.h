/* SPDX-License-Identifier: MIT */
/* What is done to a clip's features each time that training reads it: a function of seed, epoch
 * and clip alone, so that a run can be repeated and resumed. */
#ifndef TYTO_TRAINER_LOOP_AUGMENT_H
#define TYTO_TRAINER_LOOP_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_augment_params {
    uint32_t max_shift;     /* sound against picture by up to so many segments; 0: never */
    float shift_share;      /* of the clips that are shifted, 0..1 */
    float modality_dropout; /* share of the clips that lose sound or picture, 0..1 */
    float mixup;            /* a of Beta(a, a), by which two clips are mixed; 0: never */
    float noise;            /* deviation of noise added to every feature; 0: none */
};

/* What happens to one clip. */
struct tyto_augment {
    int32_t shift;     /* the sound of segment t comes from t - shift */
    bool repeats_edge; /* sound shifted in is the clip's first or last; else it is missing */
    bool drops_audio;  /* at most one of these two */
    bool drops_visual;
    uint32_t partner; /* the clip that it is mixed with */
    float share;      /* of the clip itself, 0.5..1; 1: not mixed */
    float noise;
    uint64_t noise_state; /* noise is drawn from here */
};

/* num_clips > 0: partners are drawn among 0..num_clips-1. */
void tyto_augment_draw(const struct tyto_augment_params *params, uint64_t seed, uint32_t epoch,
                       uint32_t clip, uint32_t num_clips, struct tyto_augment *ret_augment);
/* The segment whose sound is at segment t of len; -1: none. */
int32_t tyto_augment_sound(const struct tyto_augment *augment, uint32_t t, uint32_t len);
/* Adds noise to num values. */
void tyto_augment_add_noise(struct tyto_augment *augment, float *values, uint32_t num);

#endif
