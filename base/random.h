/* SPDX-License-Identifier: MIT */
/* Chance as a function of numbers: the same on every machine and in every order of asking. */
#ifndef TYTO_BASE_RANDOM_H
#define TYTO_BASE_RANDOM_H

#include <math.h>
#include <stdint.h>

/* The next 64 bits of a state (splitmix64). */
static inline uint64_t tyto_random_bits(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A state for one purpose out of numbers that name it. */
static inline uint64_t tyto_random_state(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t state = seed;

    state = tyto_random_bits(&state) ^ a;
    state = tyto_random_bits(&state) ^ b;
    return tyto_random_bits(&state);
}

/* Uniform in [0, 1). */
static inline double tyto_random_share(uint64_t *state)
{
    return (double)(tyto_random_bits(state) >> 11) / 9007199254740992.0;
}

/* Uniform in 0..num-1; num > 0. */
static inline uint32_t tyto_random_below(uint64_t *state, uint32_t num)
{
    return (uint32_t)(tyto_random_bits(state) % num);
}

static inline double tyto_random_normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(1 - tyto_random_share(state)));

    return radius * cos(2 * M_PI * tyto_random_share(state));
}

#endif
