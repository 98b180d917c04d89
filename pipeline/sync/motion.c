/* SPDX-License-Identifier: MIT */
/* Pictures become one number for each cell every 20 ms: the logarithm of how much of it changed
 * from one picture to the next, which lies in the middle between the two. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

enum { CELL_PX = 4, NUM_SIDE = TYTO_SYNC_GREY_WIDTH / TYTO_SYNC_COLS };

/* Pictures farther apart than this say nothing of what was between them. */
static const int64_t longest_ns = 260000000;
/* A picture that equals the one before, sooner than this after it, was sent twice. */
static const int64_t twice_ns = 100000000;
/* Grey values: what coding and noise of a good camera leave, and where a cut begins. */
static const float least_noise = 0.5f, least_cut = 3;
/* The quarter of a cell's motions that is below its quiet. */
static const float quiet_share = 0.25f, quiet_rate = 0.03f;

/* Mean of [x0, x1) x [y0, y1), of large parts every second row. */
static uint8_t mean_of(const struct tyto_frame *frame, uint32_t x0, uint32_t x1, uint32_t y0,
                       uint32_t y1)
{
    const bool is_rgb = frame->format == TYTO_PIXEL_RGB;
    const uint32_t row_step = y1 - y0 >= 8 ? 2 : 1, pixel = is_rgb ? 3 : 1;
    uint32_t sum = 0, num = 0;
    for (uint32_t y = y0; y < y1; y += row_step, num += x1 - x0) {
        const uint8_t *row = frame->planes[0] + (size_t)y * frame->strides_bytes[0] + is_rgb;
        if (is_rgb) {
            for (uint32_t x = x0; x < x1; x++)
                sum += row[(size_t)x * pixel];
        } else {
            for (uint32_t x = x0; x < x1; x++)
                sum += row[x];
        }
    }
    return (uint8_t)((sum + num / 2) / num);
}

void tyto_sync_shrink(const struct tyto_frame *frame, uint8_t grey[TYTO_SYNC_GREY_BYTES])
{
    const uint32_t width = frame->width, height = frame->height;
    for (uint32_t j = 0; j < TYTO_SYNC_GREY_HEIGHT; j++) {
        const uint32_t y0 = j * height / TYTO_SYNC_GREY_HEIGHT;
        const uint32_t y1 = (j + 1) * height / TYTO_SYNC_GREY_HEIGHT;
        for (uint32_t i = 0; i < TYTO_SYNC_GREY_WIDTH; i++) {
            const uint32_t x0 = i * width / TYTO_SYNC_GREY_WIDTH;
            const uint32_t x1 = (i + 1) * width / TYTO_SYNC_GREY_WIDTH;
            grey[j * TYTO_SYNC_GREY_WIDTH + i] =
                mean_of(frame, x0, x1 > x0 ? x1 : x0 + 1, y0, y1 > y0 ? y1 : y0 + 1);
        }
    }
}

/* Mean change of the pixels of each cell, of four cells, of all. */
static void measure(const uint8_t *a, const uint8_t *b, float cells[NUM_MOTIONS])
{
    float *quads = cells + TYTO_SYNC_NUM_PLACES, *all = quads + NUM_QUADS;
    memset(quads, 0, (NUM_QUADS + 1) * sizeof(*quads));
    for (int row = 0; row < TYTO_SYNC_ROWS; row++) {
        for (int col = 0; col < TYTO_SYNC_COLS; col++) {
            int sum = 0;
            for (int y = row * CELL_PX; y < (row + 1) * CELL_PX; y++) {
                const size_t at = (size_t)(y * TYTO_SYNC_GREY_WIDTH + col * NUM_SIDE);
                for (size_t x = at; x < at + NUM_SIDE; x++)
                    sum += abs(a[x] - b[x]);
            }
            const float mean = (float)sum / (CELL_PX * NUM_SIDE);
            const bool is_last = row == TYTO_SYNC_ROWS - 1; /* an odd row stands alone */
            cells[row * TYTO_SYNC_COLS + col] = mean;
            quads[row / 2 * QUADS_X + col / 2] += mean / (is_last ? 2 : 4);
            *all += mean / TYTO_SYNC_NUM_PLACES;
        }
    }
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Whether nothing of a cell is to be seen. */
static bool is_hidden(const struct sync_motion *motion, int cell)
{
    const int row = cell / TYTO_SYNC_COLS, col = cell % TYTO_SYNC_COLS;
    bool is = true;
    for (int y = row * CELL_PX; y < (row + 1) * CELL_PX; y++)
        is &=
            memchr(motion->hidden + y * TYTO_SYNC_GREY_WIDTH + col * NUM_SIDE, 0, NUM_SIDE) == NULL;
    return is;
}

/* Whether the whole picture changes at once: a cut, or the light. Nothing in it then
 * moves. */
static bool is_cut(struct sync_motion *motion, const float *cells)
{
    float sorted[TYTO_SYNC_NUM_PLACES];
    int num = 0;
    for (int i = 0; i < TYTO_SYNC_NUM_PLACES; i++) {
        if (!is_hidden(motion, i))
            sorted[num++] = cells[i];
    }
    qsort(sorted, (size_t)num, sizeof(float), compare);
    const float median = num > 0 ? sorted[num / 2] : 0;
    const bool cut = median > 3 * motion->usual + least_cut;
    motion->usual += (cut ? 0.02f : 0.1f) * (median - motion->usual);
    return cut;
}

/* Grid points from the middle before to this one lie on a line between them. */
static void put_motion(struct sync_motion *motion, int64_t middle_ns, const float now[NUM_MOTIONS])
{
    const int64_t idx = sync_grid_of(middle_ns);
    const float step_ns = (float)(middle_ns - motion->middle_ns);
    if (!motion->has_motion)
        motion->begin = motion->end = idx + 1;
    for (; motion->end <= idx; motion->end++) {
        float *to = motion->values[motion->end & (MOTION_RING - 1)];
        const float part = (float)(motion->end * GRID_NS - motion->middle_ns) / step_ns;
        for (int x = 0; x < NUM_MOTIONS; x++)
            to[x] = motion->before[x] + part * (now[x] - motion->before[x]);
    }
    motion->has_motion = true;
    motion->middle_ns = middle_ns;
    memcpy(motion->before, now, sizeof(motion->before));
}

/* Change over noise, in logarithms; what is usual is learnt. */
static void scale(struct sync_motion *motion, float now[NUM_MOTIONS])
{
    for (int x = 0; x < NUM_MOTIONS; x++) {
        float *quiet = &motion->quiet[x];
        *quiet +=
            quiet_rate * fmaxf(*quiet, 0.1f) * (now[x] > *quiet ? quiet_share : quiet_share - 1);
        now[x] = logf(1 + now[x] / (least_noise + *quiet));
    }
}

void tyto_sync_motion_put(struct sync_motion *motion, int64_t pts_ns, const uint8_t *picture)
{
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
    for (size_t i = 0; i < sizeof(grey); i++)
        grey[i] = motion->hidden[i] ? 0 : picture[i];
    const int64_t gap_ns = pts_ns - motion->last_ns;
    const bool goes_on = motion->any && gap_ns > 0 && gap_ns <= longest_ns;
    if (motion->any && gap_ns == 0)
        return;
    if (goes_on && gap_ns < twice_ns && memcmp(grey, motion->grey, TYTO_SYNC_GREY_BYTES) == 0)
        return;
    if (goes_on) {
        float now[NUM_MOTIONS];
        measure(grey, motion->grey, now);
        const bool cut = is_cut(motion, now);
        scale(motion, now);
        put_motion(motion, motion->last_ns + gap_ns / 2,
                   cut && motion->has_motion ? motion->before : now);
    } else {
        motion->has_motion = false;
    }
    memcpy(motion->grey, grey, TYTO_SYNC_GREY_BYTES);
    motion->last_ns = pts_ns;
    motion->any = true;
}
