/* SPDX-License-Identifier: MIT */
/* Blocks of a second: what motion and sound rise above their means, in deviations, multiplied at
 * every lag of every window. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

/* How far the sound of each window is moved, in grid points: into the past, by no whole seconds. */
static const int shifts[WINDOWS] = {0, 331, 587, 838, 1069, 1276, 1483};

enum {
    FARTHEST = 1483 + LAG0, /* grid points back in sound */
    NUM_LINE = FARTHEST + BLOCK + LAG0,
};

/* Values beyond so many deviations count as that; below the least they are noise. */
static const float most_deviations = 4, least_deviations = 0.25f;
/* Deviations that any scene has: a cell or a sound that varies less hardly counts. */
static const float motion_floor = 0.03f, sound_floor = 0.02f;
static const float slowest_rate = 1.0f / (30 * GRID_HZ);

/* A window as wide as SMOOTH to each side, falling to nothing. */
static float weight_at(int k)
{
    return 0.5f + 0.5f * cosf((float)M_PI * (float)k / (SMOOTH + 1));
}

static float clip(float value)
{
    return fminf(most_deviations, fmaxf(-most_deviations, value));
}

static void follow(float *variance, float value, uint32_t num_seen)
{
    const float rate = fmaxf(slowest_rate, 1.0f / (float)(num_seen + 1));
    *variance += rate * (value * value - *variance);
}

/* line[i] is the sound at grid point next - FARTHEST + i; the last BLOCK are seen for the first
 * time. */
static void fill_line(struct tyto_sync *sync, int measure, const float *weights)
{
    const struct sync_sound *sound = &sync->sound;
    const float *values = sound->values[measure];
    float *line = sync->line[measure], *variance = &sync->sound_variance[measure];
    for (int i = 0; i < NUM_LINE; i++) {
        const int64_t at = sync->next - FARTHEST + i;
        float sum = 0, mass = 0;
        line[i] = 0;
        if (!sound->valid[at & (SOUND_RING - 1)])
            continue;
        for (int k = -SMOOTH; k <= SMOOTH; k++) {
            const int64_t near = (at + k) & (SOUND_RING - 1);
            const float weight = sound->valid[near] ? weights[k + SMOOTH] : 0;
            sum += weight * values[near];
            mass += weight;
        }
        const float value = values[at & (SOUND_RING - 1)] - sum / mass;
        if (i >= NUM_LINE - BLOCK)
            follow(variance, value, sync->num_seen + (uint32_t)(i - (NUM_LINE - BLOCK)));
        line[i] = clip(value / sqrtf(*variance + sound_floor * sound_floor));
    }
}

/* block[t] is the motion at grid point next + t. */
static void fill_block(struct tyto_sync *sync, const float *weights)
{
    const struct sync_motion *motion = &sync->motion;
    for (int t = 0; t < BLOCK; t++) {
        float *to = sync->block[t], mass = 0;
        const int64_t at = sync->next + t;
        memset(to, 0, sizeof(sync->block[t]));
        for (int k = -SMOOTH; k <= SMOOTH; k++) {
            if (at + k < motion->begin || at + k >= motion->end)
                continue;
            const float *values = motion->values[(at + k) & (MOTION_RING - 1)];
            mass += weights[k + SMOOTH];
            for (int x = 0; x < NUM_MOTIONS; x++)
                to[x] += weights[k + SMOOTH] * values[x];
        }
        const float *values = motion->values[at & (MOTION_RING - 1)];
        for (int x = 0; x < NUM_MOTIONS; x++) {
            const float value = values[x] - to[x] / mass;
            follow(&sync->variance[x], value, sync->num_seen);
            to[x] = clip(value / sqrtf(sync->variance[x] + motion_floor * motion_floor));
            to[x] = fabsf(to[x]) < least_deviations ? 0 : to[x];
        }
        sync->num_seen++;
    }
}

/* fresh += value * sound at the lags of every window, for motion at grid point next + t; line
 * begins t grid points in. */
static void add_lags(float *restrict fresh, const float *restrict line, float value)
{
    for (int k = 0; k < WINDOWS; k++) {
        const float *restrict from = line + (FARTHEST - LAG0 - shifts[k]);
        float *restrict to = fresh + k * LAGS;
        for (int l = 0; l < LAGS; l++)
            to[l] += value * from[l];
    }
}

static void add_row(float *restrict to, const float *restrict from)
{
    for (int l = 0; l < ROW; l++)
        to[l] += from[l];
}

static void add_cells(struct tyto_sync *sync)
{
    for (int x = 0; x < NUM_CELLS; x++) {
        const float *line = sync->line[sync_measure_of(x)];
        const int m = x < NUM_MOTIONS ? x : x - NUM_LEVEL_CELLS; /* the last motions once more */
        memset(sync->fresh, 0, sizeof(sync->fresh));
        for (int t = 0; t < BLOCK; t++) {
            if (sync->block[t][m] != 0)
                add_lags(sync->fresh, line + t, sync->block[t][m]);
        }
        add_row(sync->sums.cells[x], sync->fresh);
    }
}

/* The lines are squared on the way: they are not needed any more. */
static void add_energy(struct tyto_sync *sync)
{
    for (int i = 0; i < MEASURES; i++) {
        float *line = sync->line[i];
        for (int l = 0; l < NUM_LINE; l++)
            line[l] *= line[l];
        memset(sync->fresh, 0, sizeof(sync->fresh));
        for (int t = 0; t < BLOCK; t++)
            add_lags(sync->fresh, line + t, 1);
        add_row(sync->sums.energy[i], sync->fresh);
    }
}

/* How much there was to be compared, 0..1: a scene in which nothing moves or sounds tells nothing
 * and makes nothing forgotten. */
static float weigh(const struct tyto_sync *sync)
{
    float sound = 0, motion = 0;
    for (int t = 0; t < BLOCK; t++) {
        const float value = sync->line[CHANGE][FARTHEST + t];
        sound += value * value;
    }
    for (int x = 0; x < NUM_MOTIONS; x++) {
        float sum = 0;
        for (int t = 0; t < BLOCK; t++)
            sum += sync->block[t][x] * sync->block[t][x];
        motion = fmaxf(motion, sum);
    }
    return fminf(1, sound / BLOCK) * fminf(1, motion / BLOCK);
}

static void take_block(struct tyto_sync *sync)
{
    float weights[2 * SMOOTH + 1];
    for (int k = -SMOOTH; k <= SMOOTH; k++)
        weights[k + SMOOTH] = weight_at(k);
    for (int i = 0; i < MEASURES; i++)
        fill_line(sync, i, weights);
    fill_block(sync, weights);
    sync->sums_weight += weigh(sync);
    add_cells(sync);
    add_energy(sync);
    if (++sync->num_blocks == CHUNK && tyto_sync_end_chunk(sync))
        tyto_sync_judge(sync);
}

void tyto_sync_advance(struct tyto_sync *sync)
{
    const struct sync_motion *motion = &sync->motion;
    const struct sync_sound *sound = &sync->sound;
    for (;;) {
        if (sync->next < motion->begin)
            sync->next = motion->begin;
        /* sound is far behind: what the ring lost is not looked at */
        if (motion->end - sync->next > MOTION_RING - SMOOTH)
            sync->next = motion->end - (MOTION_RING - SMOOTH);
        const bool is_whole = motion->end >= sync->next + BLOCK + SMOOTH && sound->any &&
                              sound->end >= sync->next + BLOCK + LAG0 + SMOOTH;
        if (!is_whole)
            return;
        if (sound->end - (sync->next - FARTHEST - SMOOTH) <= SOUND_RING)
            take_block(sync);
        sync->next += BLOCK;
    }
}
