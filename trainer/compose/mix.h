/* SPDX-License-Identifier: MIT */
/* The sound track of a scene: a bed of noise, and on it each sound, repeated until its end, in its
 * room, as loud as its ratio to the noise asks. */
#ifndef TYTO_TRAINER_COMPOSE_MIX_H
#define TYTO_TRAINER_COMPOSE_MIX_H

#include "base/fault.h"
#include "trainer/compose/motion.h"
#include "trainer/compose/scene.h"

enum { TYTO_COMPOSE_RATE_HZ = 16000 };

/* Reads the sound of an entry of the asset list, mono at 16 kHz; *ret_samples is owned by the
 * caller (free). Any thread. */
struct tyto_compose_sounds {
    void *user;
    enum tyto_err (*read)(void *user, uint32_t entry_idx, float **ret_samples,
                          uint32_t *ret_num_samples, struct tyto_fault *ret_fault);
    /* What a person calls the entry, for faults; borrowed. May be NULL. */
    const char *(*name)(void *user, uint32_t entry_idx);
};

/* num_samples of the scene from its begin. Sounds begin and end (with fades of 10 ms inside) at
 * their times; the room's tail goes on. When the sum would be over full scale all of it becomes
 * quieter by *ret_gain (else 1), ratios stay. motions, which may be NULL, hear each sound. NOMEM,
 * FORMAT for a recording in which nothing is to be heard, and what reading says. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_mix(const struct tyto_compose_scene *scene,
                               const struct tyto_compose_sounds *sounds,
                               struct tyto_compose_motions *motions, float *ret_samples,
                               uint32_t num_samples, float *ret_gain, struct tyto_fault *ret_fault);

/* --- parts ------------------------------------------------------------------------------- */

/* Takes silence before, after and (where longer than 0.3 s, but for 0.15 s) within out of it, in
 * place; the new number, 0 when there is nothing to be heard. */
uint32_t tyto_compose_tighten(float *samples, uint32_t num_samples);

/* Adds reverberation that falls by 60 dB in room_s, its power wet_db over the dry sound's; the
 * tail may reach to num_samples. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_reverberate(float *samples, uint32_t num_samples, float room_s,
                                       float wet_db, uint64_t seed);

#endif
