/* SPDX-License-Identifier: MIT */
/* What a chunk of some seconds says of each lag: how well cells agree there, those most that have
 * agreed before, ranked among the null lags of the same chunk. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

/* A window counts once it holds this share of the sound that the true one does. */
static const float least_filled = 0.25f;
/* A chunk says the more, the more there was in it; below this nothing at all. */
static const float least_weight = 0.1f;
/* Deviations of a cell: from here on it agrees; more than this it cannot, by one onset alone. */
static const float agrees_from = 1, agrees_most = 8;
/* Lags closer than this rise and fall together. */
static const double lags_alike = 3;

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The lags that tell what comes by chance: the null windows', once the sound goes back that far, at
 * first the true window's own. */
struct nulls {
    int from, to;
    uint32_t num;
};

/* One over the deviation of each lag's sums; 0 where too little sound was. */
static struct nulls weigh_lags(const struct sync_sums *memory, float inverse[MEASURES][ROW])
{
    uint32_t num = 0, num_own = 0;
    float full[MEASURES] = {0};
    for (int l = LAG0 - TYTO_SYNC_REACH; l <= LAG0 + TYTO_SYNC_REACH; l++) {
        full[CHANGE] += memory->energy[CHANGE][l] / TYTO_SYNC_NUM_LAGS;
        full[LEVEL] += memory->energy[LEVEL][l] / TYTO_SYNC_NUM_LAGS;
    }
    for (int l = 0; l < ROW; l++) {
        const float fast = memory->energy[CHANGE][l], slow = memory->energy[LEVEL][l];
        const bool is_filled = fast > least_filled * full[CHANGE] && fast > 0.5f &&
                               slow > least_filled * full[LEVEL] && slow > 0.5f;
        const bool counts = is_filled && abs(l % LAGS - LAG0) <= TYTO_SYNC_REACH;
        inverse[CHANGE][l] = counts ? 1 / sqrtf(fast) : 0;
        inverse[LEVEL][l] = counts ? 1 / sqrtf(slow) : 0;
        num += l >= LAGS && counts;
        num_own += l < LAGS && counts;
    }
    if (num >= LAGS)
        return (struct nulls){.from = LAGS, .to = ROW, .num = num};
    return (struct nulls){.from = 0, .to = LAGS, .num = num_own};
}

/* What turns a cell's sums into deviations: its null lags have one. 0: nothing ever moved there. */
static float scale_of(const float *restrict sums, const float *restrict inverse, struct nulls nulls)
{
    float square = 0;
    for (int l = nulls.from; l < nulls.to; l++) {
        const float z = sums[l] * inverse[l];
        square += z * z;
    }
    return square > 1e-6f * (float)nulls.num ? sqrtf((float)nulls.num / square) : 0;
}

static void add_cell(const float *restrict sums, const float *restrict inverse, float scale,
                     float weight, int num_lags, float *restrict curve)
{
    for (int l = 0; l < num_lags; l++) {
        const float z = fminf(agrees_most, sums[l] * inverse[l] * scale);
        const float above = fmaxf(0, z - agrees_from);
        curve[l] += weight * above * above;
    }
}

/* How well a cell has agreed at the leading lag so far: this chunk is not in it yet. */
static float weigh_cell(const struct tyto_sync *sync, int cell, int lag)
{
    const float energy = sync->memory.energy[sync_measure_of(cell)][lag];
    if (!(energy > 0))
        return 1;
    const float z = sync->memory.cells[cell][lag] / sqrtf(energy) * sync->scale[cell];
    const float above = fmaxf(0, fminf(agrees_most, z) - agrees_from);
    return 1 + above * above;
}

/* Both measures in units of what each deviates by among the null lags: curve = their sum. */
static void join_measures(const struct tyto_sync *sync, struct nulls nulls,
                          float curves[MEASURES][ROW])
{
    float unit[MEASURES];
    for (int s = 0; s < MEASURES; s++) {
        float sum = 0, square = 0;
        for (int l = nulls.from; l < nulls.to; l++) {
            if (sync->inverse[CHANGE][l] > 0) {
                sum += curves[s][l];
                square += curves[s][l] * curves[s][l];
            }
        }
        const float mean = sum / (float)nulls.num;
        const float variance = square / (float)nulls.num - mean * mean;
        unit[s] = variance > 1e-12f ? 1 / sqrtf(variance) : 0;
    }
    for (int l = 0; l < ROW; l++)
        curves[CHANGE][l] = unit[CHANGE] * curves[CHANGE][l] + unit[LEVEL] * curves[LEVEL][l];
}

static void find_best(struct sync_surprise *surprise)
{
    surprise->best = LAG0;
    for (int l = LAG0 - TYTO_SYNC_REACH; l <= LAG0 + TYTO_SYNC_REACH; l++) {
        if (surprise->sums[l] > surprise->sums[surprise->best])
            surprise->best = l;
    }
    surprise->score = tyto_sync_score(surprise, surprise->sums[surprise->best]);
}

void tyto_sync_add_surprise(struct sync_surprise *surprise, const struct sync_chunk *chunk,
                            float keep)
{
    for (int l = 0; l < LAGS; l++)
        surprise->sums[l] = surprise->sums[l] * keep + chunk->weight * chunk->minus_log[l];
    surprise->weight = surprise->weight * keep + chunk->weight;
    surprise->square = surprise->square * keep * keep + chunk->weight * chunk->weight;
}

/* A weighted sum of exponential variables is about gamma distributed; its cube root about normal
 * (Wilson and Hilferty). */
float tyto_sync_score(const struct sync_surprise *surprise, float sum)
{
    if (!(surprise->weight > 0))
        return 0;
    const double shape =
        (double)surprise->weight * (double)surprise->weight / (double)surprise->square;
    const double z =
        (cbrt((double)(sum / surprise->weight)) - 1 + 1 / (9 * shape)) * sqrt(9 * shape);
    const double chance = 0.5 * erfc(z / M_SQRT2) * TYTO_SYNC_NUM_LAGS / lags_alike;
    return (float)-log10(fmin(1, fmax(1e-30, chance)));
}

/* Beyond its highest the null curve is taken to go on as the last tenth of it falls, in logarithms
 * (Hill's estimate of a heavy tail), but not far. */
static const float most_beyond = 3;

static float tail_of(const float *sorted, uint32_t num)
{
    const uint32_t from = num * 9 / 10;
    float sum = 0;
    for (uint32_t i = from; i < num && sorted[from] > 0; i++)
        sum += logf(sorted[i] / sorted[from]);
    return sum / (float)(num - from);
}

/* The share of the true window's own lags, but for those near, that agree as well. Sound of now may
 * be wilder than that of half a minute ago: then all its lags come high. */
static float share_of_own(const float *curve, int lag)
{
    const int near = 12;
    int num = 0, num_as_high = 0;
    for (int l = LAG0 - TYTO_SYNC_REACH; l <= LAG0 + TYTO_SYNC_REACH; l++) {
        if (abs(l - lag) > near) {
            num++;
            num_as_high += curve[l] >= curve[lag];
        }
    }
    return (float)(num_as_high + 1) / (float)(num + 1);
}

/* -ln of the share of lags of the chunk that agree as well as each lag does: among the null lags,
 * and among its own. */
static void rank(struct tyto_sync *sync, struct nulls nulls, float minus_log[LAGS])
{
    uint32_t num = 0;
    for (int l = nulls.from; l < nulls.to; l++) {
        if (sync->inverse[CHANGE][l] > 0)
            sync->sorted[num++] = sync->agreement[CHANGE][l];
    }
    qsort(sync->sorted, num, sizeof(float), compare);
    const float tail = tail_of(sync->sorted, num), most = sync->sorted[num - 1];
    memset(minus_log, 0, LAGS * sizeof(*minus_log));
    for (int l = LAG0 - TYTO_SYNC_REACH; l <= LAG0 + TYTO_SYNC_REACH; l++) {
        const float value = sync->agreement[CHANGE][l];
        uint32_t low = 0, high = num; /* of the null lags this many are below */
        while (low < high) {
            const uint32_t middle = (low + high) / 2;
            if (sync->sorted[middle] < value)
                low = middle + 1;
            else
                high = middle;
        }
        const float own = share_of_own(sync->agreement[CHANGE], l);
        const float share = nulls.from > 0 ? (float)(num - low + 1) / (float)(num + 1) : own;
        minus_log[l] = -logf(0.5f * (share + own));
        if (low == num && tail > 0 && most > 0)
            minus_log[l] += fminf(most_beyond, logf(value / most) / tail);
    }
}

/* What motion leaves behind makes the curve's sides fall unevenly; how much a lag stands out from
 * those beside it is where the beginnings meet. */
static void sharpen(struct tyto_sync *sync)
{
    const int beside = 2;
    memset(sync->sharp, 0, sizeof(sync->sharp));
    for (int l = LAG0 - TYTO_SYNC_REACH + beside; l <= LAG0 + TYTO_SYNC_REACH - beside; l++)
        sync->sharp[l] =
            fmaxf(0, 2 * sync->curve[l] - sync->curve[l - beside] - sync->curve[l + beside]);
}

void tyto_sync_renew(struct tyto_sync *sync)
{
    const struct nulls nulls = weigh_lags(&sync->memory, sync->inverse);
    memset(sync->curve, 0, sizeof(sync->curve));
    for (int x = 0; nulls.num > 0 && x < NUM_CELLS; x++) {
        const float *inverse = sync->inverse[sync_measure_of(x)];
        sync->scale[x] = scale_of(sync->memory.cells[x], inverse, nulls);
        if (sync_measure_of(x) == CHANGE) /* levels do not tell milliseconds */
            add_cell(sync->memory.cells[x], inverse, sync->scale[x], 1, LAGS, sync->curve);
    }
    sharpen(sync);
}

static void add_row(float *restrict to, const float *restrict from, float keep)
{
    for (int l = 0; l < ROW; l++)
        to[l] = to[l] * keep + from[l];
}

/* The number needs less evidence than the belief in it, and a drift leaves it behind: sums are
 * forgotten sooner than surprises. */
static const float sums_share = 0.5f;

/* The chunk joins what is remembered, whose curve and scales are made anew. */
static void remember(struct tyto_sync *sync, float weight)
{
    const float keep = expf(-weight * CHUNK / (sums_share * (float)sync->params.memory_s));
    for (int x = 0; x < NUM_CELLS; x++)
        add_row(sync->memory.cells[x], sync->sums.cells[x], keep);
    for (int s = 0; s < MEASURES; s++)
        add_row(sync->memory.energy[s], sync->sums.energy[s], keep);
    const double before = (double)(sync->evidence * keep), now = (double)(weight * CHUNK);
    sync->mean_s = (before * sync->mean_s + now * (double)sync->next / GRID_HZ) / (before + now);
    sync->evidence = (float)(before + now);
    tyto_sync_renew(sync);
}

static void note_chunk(struct tyto_sync *sync, struct nulls nulls, float weight)
{
    struct sync_chunk *chunk = &sync->chunks[sync->next_chunk];
    chunk->weight = weight;
    rank(sync, nulls, chunk->minus_log);
    tyto_sync_add_surprise(&sync->surprise, chunk,
                           expf(-weight * CHUNK / (float)sync->params.memory_s));
    find_best(&sync->surprise);
    sync->next_chunk = (sync->next_chunk + 1) % RECENT;
    sync->num_chunks += sync->num_chunks < RECENT;
}

bool tyto_sync_end_chunk(struct tyto_sync *sync)
{
    const float weight = sync->sums_weight / CHUNK;
    const struct nulls nulls = weigh_lags(&sync->sums, sync->inverse);
    const bool tells = weight >= least_weight && nulls.num >= TYTO_SYNC_NUM_LAGS;
    if (tells) {
        const int lead = sync->holds ? (int)lrintf(sync->held) : sync->surprise.best;
        memset(sync->agreement, 0, sizeof(sync->agreement));
        for (int x = 0; x < NUM_CELLS; x++) {
            const int s = sync_measure_of(x);
            const float scale = scale_of(sync->sums.cells[x], sync->inverse[s], nulls);
            add_cell(sync->sums.cells[x], sync->inverse[s], scale, weigh_cell(sync, x, lead), ROW,
                     sync->agreement[s]);
        }
        join_measures(sync, nulls, sync->agreement);
        note_chunk(sync, nulls, weight);
        remember(sync, weight);
    }
    memset(&sync->sums, 0, sizeof(sync->sums));
    sync->sums_weight = 0;
    sync->num_blocks = 0;
    return tells;
}

float tyto_sync_refine(const struct tyto_sync *sync, int at)
{
    const int reach = 3;
    int best = at;
    for (int l = at - reach; l <= at + reach; l++) {
        if (abs(l - LAG0) <= TYTO_SYNC_REACH && sync->sharp[l] > sync->sharp[best])
            best = l;
    }
    const float *peak = &sync->sharp[best];
    const float bend = peak[-1] - 2 * peak[0] + peak[1];
    if (!(bend < 0))
        return (float)best;
    return (float)best + fminf(0.5f, fmaxf(-0.5f, 0.5f * (peak[-1] - peak[1]) / bend));
}
