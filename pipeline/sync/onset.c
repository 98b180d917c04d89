/* SPDX-License-Identifier: MIT */
/* Sound becomes two numbers every 20 ms, over six bands from 150 Hz to 5.6 kHz and in logarithms:
 * how much louder or quieter it gets, and how loud it is. Both are symmetric in time, so that they
 * lie where the sound is and not after it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

enum { SLOT_NS = 10000000, RING_IN = 8 /* slots until the bands have settled */ };

static const double centres_hz[BANDS] = {150, 320, 680, 1400, 2900, 5600};
static const double band_q = 1.2;

/* Below this a sample is as good as none: a sixteen-bit step. */
static const float least_energy = 1e-9f;
/* What of a slot's energy is taken for noise: the quietest, followed down fast and up slowly. */
static const float quiet_up = 1.0007f, quiet_down = 0.05f;
/* Samples whose time is off by less go on where the last ones ended. */
static const int64_t snap_ns = 20000000;

void tyto_sync_sound_init(struct sync_sound *sound)
{
    memset(sound, 0, sizeof(*sound));
    for (int i = 0; i < BANDS; i++) {
        const double w = 2 * M_PI * centres_hz[i] / TYTO_SYNC_RATE_HZ;
        const double alpha = sin(w) / (2 * band_q), a0 = 1 + alpha;
        sound->bands[i] =
            (struct sync_band){.b0 = alpha / a0, .a1 = -2 * cos(w) / a0, .a2 = (1 - alpha) / a0};
    }
}

static void start_run(struct sync_sound *sound, int64_t pts_ns)
{
    sound->is_running = true;
    sound->begin_ns = pts_ns;
    sound->num_samples = sound->num_slots = 0;
    sound->num_in_slot = 0;
    for (int i = 0; i < BANDS; i++) {
        struct sync_band *band = &sound->bands[i];
        band->x1 = band->x2 = band->y1 = band->y2 = band->slot_energy = 0;
    }
}

/* Log energy of the slot before the one that ended, in each band. */
static void put_levels(struct sync_sound *sound)
{
    for (int i = 0; i < BANDS; i++) {
        struct sync_band *band = &sound->bands[i];
        const float energy = (float)(band->slot_energy / SLOT) + least_energy;
        band->slot_energy = 0;
        band->energy[0] = band->energy[1];
        band->energy[1] = band->energy[2];
        band->energy[2] = energy;
        if (band->quiet <= 0)
            band->quiet = energy;
        band->quiet *= energy < band->quiet ? 1 - quiet_down : quiet_up;
        memmove(band->levels, band->levels + 1, (SPAN - 1) * sizeof(float));
        /* of three slots, so that pitch does not show; twice the quiet is nothing yet */
        band->levels[SPAN - 1] = logf(
            0.25f * (band->energy[0] + 2 * band->energy[1] + band->energy[2]) + 2 * band->quiet);
    }
}

/* Grid points up to before end are not there. */
static void leave_out(struct sync_sound *sound, int64_t end)
{
    int64_t i = end - sound->end > SOUND_RING ? end - SOUND_RING : sound->end;
    for (; i < end; i++)
        sound->valid[i & (SOUND_RING - 1)] = false;
    sound->end = end;
}

/* The grid point between at_ns and the slot before it, if there is one. */
static void put_point(struct sync_sound *sound, int64_t at_ns, const float now[MEASURES])
{
    const int64_t idx = sync_grid_of(at_ns), since_ns = idx * GRID_NS - (at_ns - SLOT_NS);
    if (since_ns <= 0 || (sound->any && idx < sound->end))
        return;
    if (!sound->any)
        sound->end = idx;
    sound->any = true;
    leave_out(sound, idx);
    const size_t at = (size_t)(idx & (SOUND_RING - 1));
    const float part = (float)since_ns / SLOT_NS;
    for (int i = 0; i < MEASURES; i++)
        sound->values[i][at] = sound->before[i] + part * (now[i] - sound->before[i]);
    sound->valid[at] = true;
    sound->end = idx + 1;
}

static void end_slot(struct sync_sound *sound)
{
    float now[MEASURES] = {0};
    put_levels(sound);
    for (int i = 0; i < BANDS; i++) {
        const float *levels = sound->bands[i].levels;
        now[CHANGE] += fabsf(levels[SPAN - 1] - levels[0]) / BANDS;
        now[LEVEL] += levels[SPAN / 2] / BANDS;
    }
    sound->num_slots++;
    sound->num_in_slot = 0;
    /* the newest level is of the slot before the one that ended, its middle; both numbers belong to
     * the middle of SPAN levels */
    if (sound->num_slots > RING_IN)
        put_point(sound,
                  sound->begin_ns + (sound->num_slots - 1 - SPAN / 2) * SLOT_NS - SLOT_NS / 2, now);
    memcpy(sound->before, now, sizeof(now));
}

void tyto_sync_sound_put(struct sync_sound *sound, int64_t pts_ns, const float *samples,
                         uint32_t num_samples)
{
    const int64_t expected_ns =
        sound->begin_ns + sound->num_samples * 1000000 / TYTO_SYNC_RATE_HZ * 1000;
    if (!sound->is_running || llabs(pts_ns - expected_ns) > snap_ns)
        start_run(sound, pts_ns);
    else /* a clock that runs a little fast or slow is followed, its jitter is not */
        sound->begin_ns += (pts_ns - expected_ns) / 8;
    for (uint32_t n = 0; n < num_samples; n++) {
        const double x = isfinite(samples[n]) ? (double)samples[n] : 0;
        for (int i = 0; i < BANDS; i++) {
            struct sync_band *band = &sound->bands[i];
            const double y = band->b0 * (x - band->x2) - band->a1 * band->y1 - band->a2 * band->y2 +
                             1e-20; /* never denormal */
            band->x2 = band->x1;
            band->x1 = x;
            band->y2 = band->y1;
            band->y1 = y;
            band->slot_energy += y * y;
        }
        if (++sound->num_in_slot == SLOT)
            end_slot(sound);
    }
    sound->num_samples += num_samples;
}
