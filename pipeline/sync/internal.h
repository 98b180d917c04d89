/* SPDX-License-Identifier: MIT */
/* Between the parts of the estimator: sound and motion become series on one grid of 20 ms (onset.c,
 * motion.c), blocks of a second of it are correlated (correlate.c), chunks of blocks are judged
 * against sound that was moved away and remembered (agree.c), and what that says is believed or
 * not (judge.c). */
#ifndef TYTO_PIPELINE_SYNC_INTERNAL_H
#define TYTO_PIPELINE_SYNC_INTERNAL_H

#include "pipeline/sync/sync.h"

enum {
    GRID_HZ = 1000 / TYTO_SYNC_LAG_MS,
    GRID_NS = TYTO_SYNC_LAG_MS * 1000000,
    BLOCK = GRID_HZ, /* grid points that are correlated at once */
    CHUNK = 5,       /* blocks that are judged at once */
    SMOOTH = 100,    /* grid points to each side whose mean is taken away */
    LAGS = 256,      /* kept for each window: REACH of them to each side, rounded up */
    LAG0 = LAGS / 2, /* index of lag 0 */
    NUM_NULLS = 6,
    WINDOWS = 1 + NUM_NULLS, /* the true one first */
    ROW = WINDOWS * LAGS,
    /* Motion is looked at in places, four together, and all together. */
    QUADS_X = TYTO_SYNC_COLS / 2,
    QUADS_Y = (TYTO_SYNC_ROWS + 1) / 2,
    NUM_QUADS = QUADS_X * QUADS_Y,
    NUM_MOTIONS = TYTO_SYNC_NUM_PLACES + NUM_QUADS + 1,
    /* Each is compared with how the loudness changes, which tells milliseconds; the larger ones
     * with how loud it is, too: what moves as long as it sounds. */
    CHANGE = 0,
    LEVEL = 1,
    MEASURES = 2,
    NUM_LEVEL_CELLS = NUM_QUADS + 1,
    NUM_CELLS = NUM_MOTIONS + NUM_LEVEL_CELLS,
    BANDS = 6,
    SPAN = 5,                       /* slots: of a change, from the first to the last */
    SLOT = TYTO_SYNC_RATE_HZ / 100, /* samples of one loudness: 10 ms */
    SOUND_RING = 4096, /* grid points, 82 s: what the farthest shift and late pictures need */
    MOTION_RING = 1024,
    RECENT = 12,   /* chunks among which a step is looked for */
    HISTORY = 512, /* offsets kept for drift */
};

/* --- sound ------------------------------------------------------------------------------- */

struct sync_band {
    double b0, a1, a2; /* a resonance: b0 (1 - z^-2) / (1 + a1 z^-1 + a2 z^-2) */
    double x1, x2, y1, y2;
    double slot_energy; /* of the slot that is being filled */
    float energy[3];    /* of the last slots, newest last */
    float levels[SPAN]; /* log energies of the last slots, newest last */
    float quiet;        /* energy that is hardly ever undercut */
};

struct sync_sound {
    struct sync_band bands[BANDS];
    bool is_running;
    uint32_t num_in_slot;
    int64_t begin_ns;               /* of the run */
    int64_t num_samples, num_slots; /* of the run */
    float before[MEASURES];         /* of the slot before */
    bool any;
    int64_t end; /* grid points before this are there, as far as they ever will be */
    float values[MEASURES][SOUND_RING]; /* grid point i at i mod SOUND_RING */
    bool valid[SOUND_RING];
};

void tyto_sync_sound_init(struct sync_sound *sound);
void tyto_sync_sound_put(struct sync_sound *sound, int64_t pts_ns, const float *samples,
                         uint32_t num_samples);

/* --- motion ------------------------------------------------------------------------------ */

struct sync_motion {
    bool any, has_motion;
    int64_t last_ns, middle_ns; /* of the last picture; of the last two, between them */
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
    uint8_t hidden[TYTO_SYNC_GREY_BYTES];   /* 1: black in grey, so that it never moves */
    float quiet[NUM_MOTIONS];               /* motion that is mostly exceeded: noise */
    float usual;                            /* of the picture's median */
    float before[NUM_MOTIONS];              /* log motion at middle_ns */
    int64_t begin, end;                     /* grid points of the newest run */
    float values[MOTION_RING][NUM_MOTIONS]; /* grid point i at i mod MOTION_RING */
};

void tyto_sync_motion_put(struct sync_motion *motion, int64_t pts_ns, const uint8_t *picture);

/* --- correlation --------------------------------------------------------------------------- */

/* Sums over grid points t of motion(t) sound(t + lag), for each cell and lag of each window, and of
 * what their variance is under no relation. */
struct sync_sums {
    float cells[NUM_CELLS][ROW];
    float energy[MEASURES][ROW];
};

/* How surprising each lag of the true window is in a chunk: -ln p, where p is the share of lags
 * that come as high, of null lags and of its own. Without a relation that is 1 on average with a
 * variance of 1, however wild sound and motion are. */
struct sync_chunk {
    float minus_log[LAGS];
    float weight;
};

/* The same of several chunks, summed with their weights. */
struct sync_surprise {
    float sums[LAGS];
    float weight, square; /* sums of the chunks' weights, and of their squares */
    int best;             /* lag idx */
    float score;          /* -log10 of the chance that no relation comes as high */
};

struct sync_history {
    int64_t time_ns, offset_ns;
};

struct tyto_sync {
    struct tyto_sync_params params;
    struct sync_sound sound;
    struct sync_motion motion;
    /* correlate.c */
    int64_t next; /* grid point at which the next block begins */
    float variance[NUM_MOTIONS], sound_variance[MEASURES];
    uint32_t num_seen;     /* grid points */
    struct sync_sums sums; /* of the chunk that is being filled */
    float sums_weight;     /* of its blocks, summed */
    int num_blocks;        /* in it */
    /* agree.c */
    struct sync_sums memory;
    float evidence;         /* seconds, as remembered */
    double mean_s;          /* when they were, on average */
    float scale[NUM_CELLS]; /* what turns a cell's remembered sums into deviations; 0: none */
    float curve[LAGS];      /* remembered, over cells */
    float sharp[LAGS];      /* how much each lag of it stands out */
    struct sync_surprise surprise;    /* as remembered */
    struct sync_chunk chunks[RECENT]; /* the last ones */
    uint32_t num_chunks, next_chunk;
    /* judge.c */
    bool holds;
    float held;          /* lag idx, between lags */
    float candidate;     /* the lag that may take over */
    uint32_t num_agreed; /* chunks in a row that said so */
    uint32_t num_doubts; /* chunks in a row without */
    uint32_t num_steps;
    struct sync_history history[HISTORY];
    uint32_t num_history, next_history;
    /* scratch */
    float fresh[ROW], line[MEASURES][SOUND_RING], block[BLOCK][NUM_MOTIONS];
    float agreement[MEASURES][ROW], sorted[NUM_NULLS * LAGS], inverse[MEASURES][ROW];
};

/* Before any time: no grid point is so early. */
#define SYNC_NOWHERE (INT64_MIN / 4)

static inline int sync_measure_of(int cell)
{
    return cell < NUM_MOTIONS ? CHANGE : LEVEL;
}

static inline int64_t sync_grid_of(int64_t ns)
{
    return ns >= 0 ? ns / GRID_NS : -((-ns + GRID_NS - 1) / GRID_NS);
}

/* Takes every block for which motion and sound are there. */
void tyto_sync_advance(struct tyto_sync *sync);
/* Ranks the chunk, adds it to what is remembered, and begins another. Whether it told anything:
 * then tyto_sync_judge() is due. */
bool tyto_sync_end_chunk(struct tyto_sync *sync);
/* Scales and curve of what is remembered, after it changed. */
void tyto_sync_renew(struct tyto_sync *sync);
/* The best lag near lag idx `at`, between lags, by what is remembered. */
float tyto_sync_refine(const struct tyto_sync *sync, int at);
/* Adds a chunk to a sum of which keep is kept; best and score stay as they were. */
void tyto_sync_add_surprise(struct sync_surprise *surprise, const struct sync_chunk *chunk,
                            float keep);
/* -log10 of the chance that without a relation a surprise comes as high at any lag. */
float tyto_sync_score(const struct sync_surprise *surprise, float sum);
/* After each chunk that told anything. */
void tyto_sync_judge(struct tyto_sync *sync);

#endif
