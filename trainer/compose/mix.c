/* SPDX-License-Identifier: MIT */
#include "trainer/compose/mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "trainer/compose/power.h"

enum {
    FRAME = 320, /* samples of one loudness: 20 ms */
    LONGEST_QUIET = 15,
    KEPT_QUIET = 7,    /* frames */
    FADE = 160,        /* samples: 10 ms */
    TAPS_PER_S = 1800, /* of the room: as dense as the ear asks for */
    BLOCK = 2048,
    MIN_SAMPLES = FRAME * 3
};

static const float quiet_share = 0.05f, full_scale = 0.98f;

static double db_to_power(double db)
{
    return pow(10, db / 10);
}

/* --- a recording ------------------------------------------------------------------------------ */

uint32_t tyto_compose_tighten(float *samples, uint32_t num_samples)
{
    const uint32_t num_frames = num_samples / FRAME;
    double loudest = 0;
    for (uint32_t f = 0; f < num_frames; f++)
        loudest = fmax(loudest, tyto_compose_power(samples + (size_t)f * FRAME, FRAME));
    const double quiet = loudest * (double)(quiet_share * quiet_share);
    uint32_t kept = 0, num_quiet = LONGEST_QUIET, end = 0;
    if (loudest < 1e-9)
        return 0;
    for (uint32_t f = 0; f < num_frames; f++) {
        float *frame = samples + (size_t)f * FRAME;
        const bool is_quiet = tyto_compose_power(frame, FRAME) < quiet;
        if (is_quiet && num_quiet >= KEPT_QUIET) {
            /* look ahead: a short pause stays whole */
            uint32_t next = f;
            while (next < num_frames &&
                   tyto_compose_power(samples + (size_t)next * FRAME, FRAME) < quiet)
                next++;
            if (next - f + num_quiet > LONGEST_QUIET || next == num_frames || kept == 0) {
                f = next - 1;
                num_quiet = KEPT_QUIET;
                continue;
            }
        }
        num_quiet = is_quiet ? num_quiet + 1 : 0;
        memmove(samples + kept, frame, FRAME * sizeof(*samples));
        kept += FRAME;
        if (!is_quiet)
            end = kept;
    }
    return end;
}

/* First differences or sums: brighter or duller. */
static void tilt(float *samples, uint32_t num, float amount)
{
    float before = 0;
    for (uint32_t i = 0; i < num; i++) {
        const float kept = samples[i];
        samples[i] = kept - amount * before;
        before = kept;
    }
}

struct tap {
    uint32_t at;
    float gain;
};

enum tyto_err tyto_compose_reverberate(float *samples, uint32_t num_samples, float room_s,
                                       float wet_db, uint64_t seed)
{
    const uint32_t length = (uint32_t)((double)room_s * TYTO_COMPOSE_RATE_HZ);
    const double dry = tyto_compose_power(samples, num_samples);
    if (length == 0 || dry == 0)
        return TYTO_OK;
    float *wet = calloc(num_samples, sizeof(*wet));
    const uint32_t grid = TYTO_COMPOSE_RATE_HZ / TAPS_PER_S, num_taps = (length - 1) / grid;
    struct tap *taps = malloc(num_taps * sizeof(*taps) + 1);
    if (!wet || !taps) {
        free(wet);
        free(taps);
        return TYTO_ERR_NOMEM;
    }
    /* sparse impulses of random sign at random times (velvet noise), decaying */
    uint64_t random = seed;
    for (uint32_t t = 0; t < num_taps; t++) {
        const uint64_t bits = tyto_random_bits(&random);
        const uint32_t at = (t + 1) * grid + (uint32_t)(bits % grid);
        const float decay = powf(10, -3 * (float)at / (float)length); /* -60 dB at its end */
        taps[t] = (struct tap){at, bits >> 63 ? decay : -decay};
    }
    for (uint32_t begin = 0; begin < num_samples; begin += BLOCK) { /* what stays in the cache */
        const uint32_t end = begin + BLOCK < num_samples ? begin + BLOCK : num_samples;
        for (uint32_t t = 0; t < num_taps && taps[t].at < end; t++) {
            const uint32_t at = taps[t].at;
            for (uint32_t i = begin > at ? begin : at; i < end; i++)
                wet[i] += taps[t].gain * samples[i - at];
        }
    }
    free(taps);
    const double power = tyto_compose_power(wet, num_samples);
    if (power > 0) {
        const float gain = (float)sqrt(dry * db_to_power((double)wet_db) / power);
        for (uint32_t i = 0; i < num_samples; i++)
            samples[i] += gain * wet[i];
    }
    free(wet);
    return TYTO_OK;
}

/* The recording again and again with pauses, at its speed, into to. */
static void repeat(const struct tyto_compose_sound *sound, const float *from, uint32_t num_from,
                   float *to, uint32_t num_to)
{
    const double step = (double)sound->speed;
    const uint32_t pause = (uint32_t)((double)sound->pause_s * TYTO_COMPOSE_RATE_HZ);
    double at = floor((double)sound->start * num_from);
    if (num_from - at < FRAME * 10 || num_from - at < num_from / 4) /* hardly anything is left */
        at = 0;
    for (uint32_t i = 0; i < num_to;) {
        for (; at < num_from - 1 && i < num_to; at += step, i++) {
            const uint32_t idx = (uint32_t)at;
            const float part = (float)(at - idx);
            /* its own ends fade, so that no repetition clicks */
            const double edge = fmin(at, num_from - 1 - at);
            const float fade = (float)fmin(1, edge / 80);
            to[i] = fade * (from[idx] + part * (from[idx + 1] - from[idx]));
        }
        at = 0;
        i += pause;
    }
}

static void fade_ends(float *samples, uint32_t num)
{
    const uint32_t fade = num / 4 < FADE ? num / 4 : FADE;
    for (uint32_t i = 0; i < fade; i++) {
        const float gain = (float)i / (float)fade;
        samples[i] *= gain;
        samples[num - 1 - i] *= gain;
    }
}

static uint32_t sample_at(int64_t time_ns, uint32_t num_samples)
{
    const int64_t at = time_ns / 1000 * TYTO_COMPOSE_RATE_HZ / 1000000;
    return at < 0 ? 0 : at > num_samples ? num_samples : (uint32_t)at;
}

/* Adds sound number s to the mix; alone has room for num_samples. */
static enum tyto_err add_sound(const struct tyto_compose_scene *scene, uint32_t s,
                               struct tyto_compose_motions *motions, float *recording,
                               uint32_t num_recorded, float *alone, float *mix,
                               uint32_t num_samples)
{
    const struct tyto_compose_sound *sound = &scene->sounds[s];
    const double noise_power = db_to_power((double)scene->noise_db);
    const uint32_t begin = sample_at(sound->begin_ns, num_samples);
    const uint32_t end = sample_at(sound->end_ns, num_samples);
    if (end <= begin)
        return TYTO_OK;
    num_recorded = tyto_compose_tighten(recording, num_recorded);
    if (num_recorded < MIN_SAMPLES)
        return TYTO_ERR_FORMAT;
    tilt(recording, num_recorded, sound->tilt);
    memset(alone, 0, num_samples * sizeof(*alone));
    repeat(sound, recording, num_recorded, alone + begin, end - begin);
    fade_ends(alone + begin, end - begin);
    if (motions)
        tyto_compose_motions_hear(motions, s, alone, begin, end);
    /* the tail takes a second more than the sound at most, and ends with the clip */
    const uint32_t tail = (uint32_t)((double)sound->room_s * TYTO_COMPOSE_RATE_HZ);
    const uint32_t last = tail < num_samples - end ? end + tail : num_samples;
    const enum tyto_err err = tyto_compose_reverberate(alone + begin, last - begin, sound->room_s,
                                                       sound->wet_db, sound->seed);
    if (err)
        return err;
    const double power = tyto_compose_power(alone + begin, end - begin);
    if (power <= 0)
        return TYTO_ERR_FORMAT;
    const float gain = (float)sqrt(noise_power * db_to_power((double)sound->snr_db) / power);
    for (uint32_t i = begin; i < last; i++)
        mix[i] += gain * alone[i];
    return TYTO_OK;
}

/* --- the bed ------------------------------------------------------------------------------------
 */

static void make_noise(enum tyto_compose_noise kind, uint64_t seed, float *samples, uint32_t num)
{
    uint64_t random = seed;
    float low[3] = {0};
    const float hum = kind == TYTO_COMPOSE_HUM ? 0.35f : 0;
    const double hum_hz = tyto_random_bits(&random) & 1 ? 50 : 60;
    for (uint32_t i = 0; i < num; i++) {
        const uint64_t bits = tyto_random_bits(&random);
        const int sum = (int)(bits & 0xffff) + (int)(bits >> 16 & 0xffff) +
                        (int)(bits >> 32 & 0xffff) + (int)(bits >> 48) - 131070;
        const float white = (float)sum / 65536;
        if (kind == TYTO_COMPOSE_WHITE) {
            samples[i] = white;
            continue;
        }
        /* pink by three poles (Kellet's economy method) */
        low[0] = 0.99765f * low[0] + white * 0.0990460f;
        low[1] = 0.96300f * low[1] + white * 0.2965164f;
        low[2] = 0.57000f * low[2] + white * 1.0526913f;
        samples[i] = low[0] + low[1] + low[2] + white * 0.1848f;
        if (hum > 0) {
            const double phase = 2 * M_PI * hum_hz * i / TYTO_COMPOSE_RATE_HZ;
            samples[i] += hum * (float)(sin(phase) + 0.6 * sin(2 * phase) + 0.3 * sin(4 * phase));
        }
    }
}

/* Up to three recordings at equal power, each from somewhere on and round. */
static enum tyto_err make_babble(const struct tyto_compose_scene *scene,
                                 const struct tyto_compose_sounds *sounds, float *samples,
                                 uint32_t num, struct tyto_fault *ret_fault)
{
    uint64_t random = tyto_random_state(scene->seed, 2, 0);
    make_noise(TYTO_COMPOSE_PINK, scene->seed, samples, num);
    const double floor_power = tyto_compose_power(samples, num);
    for (uint32_t i = 0; i < num && floor_power > 0; i++)
        samples[i] *= (float)sqrt(0.02 / floor_power);
    for (uint32_t b = 0; b < scene->num_babble; b++) {
        float *recording = NULL;
        uint32_t num_recorded = 0;
        const enum tyto_err err =
            sounds->read(sounds->user, scene->babble[b], &recording, &num_recorded, ret_fault);
        if (err)
            return err;
        const uint64_t start = tyto_random_bits(&random);
        num_recorded = tyto_compose_tighten(recording, num_recorded);
        const double power = tyto_compose_power(recording, num_recorded);
        if (num_recorded >= MIN_SAMPLES && power > 0) {
            const float gain = (float)sqrt(1 / power);
            uint32_t at = (uint32_t)(start % num_recorded);
            for (uint32_t i = 0; i < num; i++) {
                samples[i] += gain * recording[at];
                at = at + 1 < num_recorded ? at + 1 : 0;
            }
        }
        free(recording);
    }
    return TYTO_OK;
}

enum tyto_err tyto_compose_mix(const struct tyto_compose_scene *scene,
                               const struct tyto_compose_sounds *sounds,
                               struct tyto_compose_motions *motions, float *ret_samples,
                               uint32_t num_samples, float *ret_gain, struct tyto_fault *ret_fault)
{
    float *alone = malloc((size_t)num_samples * sizeof(*alone) + 1);
    enum tyto_err err = alone ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err && scene->noise == TYTO_COMPOSE_BABBLE)
        err = make_babble(scene, sounds, ret_samples, num_samples, ret_fault);
    else if (!err)
        make_noise(scene->noise, scene->seed, ret_samples, num_samples);
    const double noise_power = db_to_power((double)scene->noise_db);
    if (!err) {
        const double power = tyto_compose_power(ret_samples, num_samples);
        const float gain = power > 0 ? (float)sqrt(noise_power / power) : 0;
        for (uint32_t i = 0; i < num_samples; i++)
            ret_samples[i] *= gain;
    }
    for (uint32_t s = 0; !err && s < scene->num_sounds; s++) {
        float *recording = NULL;
        uint32_t num_recorded = 0;
        err = sounds->read(sounds->user, scene->sounds[s].entry_idx, &recording, &num_recorded,
                           ret_fault);
        if (err)
            break;
        err =
            add_sound(scene, s, motions, recording, num_recorded, alone, ret_samples, num_samples);
        free(recording);
        if (err == TYTO_ERR_FORMAT)
            err = tyto_fault_set(
                ret_fault, err,
                sounds->name ? sounds->name(sounds->user, scene->sounds[s].entry_idx) : NULL, 0,
                NULL, "there is nothing to be heard in it: take it out of the manifest");
    }
    free(alone);
    if (err)
        return err;
    float loudest = 0;
    for (uint32_t i = 0; i < num_samples; i++)
        loudest = fmaxf(loudest, fabsf(ret_samples[i]));
    *ret_gain = loudest > full_scale ? full_scale / loudest : 1;
    for (uint32_t i = 0; i < num_samples && *ret_gain < 1; i++)
        ret_samples[i] *= *ret_gain;
    return TYTO_OK;
}
