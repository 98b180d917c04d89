/* SPDX-License-Identifier: MIT */
/* Which pixels belong to the object: those whose colour is commoner in the middle than at the
 * border, by two colour histograms that are estimated again from what they say (as GrabCut, with a
 * blur in place of the graph cut). Where the border has one colour that colour is enough. */
#include "trainer/compose/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 12, NUM_BINS = LEVELS * LEVELS * LEVELS, ROUNDS = 4, MIN_SIDE = 24 };

static const float least_share = 0.08f, most_share = 0.85f, least_filled = 0.3f;
static const float plain_share = 0.85f; /* of the border, that has one colour */

struct matte {
    uint32_t w, h;
    float *object; /* (h, w): how likely it is part of the object */
    float *scratch;
    uint16_t *bins;   /* (h, w) */
    uint32_t *queue;  /* (h, w) */
    uint8_t *is_part; /* (h, w) */
    float inside[NUM_BINS], outside[NUM_BINS];
};

static void matte_finish(struct matte **matte)
{
    free((*matte)->object);
    free((*matte)->scratch);
    free((*matte)->bins);
    free((*matte)->queue);
    free((*matte)->is_part);
    free(*matte);
    *matte = NULL;
}

static struct matte *matte_create(const struct tyto_compose_rgba *image)
{
    const size_t num = (size_t)image->width_px * image->height_px;
    struct matte *matte = calloc(1, sizeof(*matte));
    if (!matte)
        return NULL;
    matte->w = image->width_px;
    matte->h = image->height_px;
    matte->object = malloc(num * sizeof(*matte->object));
    matte->scratch = malloc(num * sizeof(*matte->scratch));
    matte->bins = malloc(num * sizeof(*matte->bins));
    matte->queue = malloc(num * sizeof(*matte->queue));
    matte->is_part = malloc(num);
    if (!matte->object || !matte->scratch || !matte->bins || !matte->queue || !matte->is_part) {
        matte_finish(&matte);
        return NULL;
    }
    for (size_t i = 0; i < num; i++) {
        const uint8_t *p = image->pixels + 4 * i;
        matte->bins[i] = (uint16_t)((p[0] * LEVELS / 256 * LEVELS + p[1] * LEVELS / 256) * LEVELS +
                                    p[2] * LEVELS / 256);
    }
    return matte;
}

/* How far from the middle, 0 there, 1 at the border of the inscribed oval. */
static float radius(const struct matte *matte, uint32_t x, uint32_t y)
{
    const float dx = 2 * ((float)x + 0.5f) / (float)matte->w - 1;
    const float dy = 2 * ((float)y + 0.5f) / (float)matte->h - 1;
    return sqrtf(dx * dx + dy * dy);
}

/* Neighbouring colours share their counts: a sum along each of the three axes. */
static void smooth(float *counts)
{
    static const int steps[3] = {1, LEVELS, LEVELS * LEVELS};
    for (int axis = 0; axis < 3; axis++) {
        const int step = steps[axis];
        for (int i = 0; i < NUM_BINS; i++) {
            if (i / step % LEVELS != 0)
                continue;
            float before = 0;
            for (int j = 0; j < LEVELS; j++) {
                float *at = &counts[i + j * step];
                const float kept = *at, after = j + 1 < LEVELS ? at[step] : 0;
                *at = 0.5f * kept + 0.25f * (before + after);
                before = kept;
            }
        }
    }
}

static void count_colours(struct matte *matte)
{
    const size_t num = (size_t)matte->w * matte->h;
    memset(matte->inside, 0, sizeof(matte->inside));
    memset(matte->outside, 0, sizeof(matte->outside));
    float sum = 0;
    for (size_t i = 0; i < num; i++) {
        matte->inside[matte->bins[i]] += matte->object[i];
        matte->outside[matte->bins[i]] += 1 - matte->object[i];
        sum += matte->object[i];
    }
    smooth(matte->inside);
    smooth(matte->outside);
    for (int i = 0; i < NUM_BINS; i++) {
        matte->inside[i] = matte->inside[i] / (sum + 1) + 1e-5f;
        matte->outside[i] = matte->outside[i] / ((float)num - sum + 1) + 1e-5f;
    }
}

/* Box means, along rows, then along columns. */
static void blur(struct matte *matte, int reach)
{
    for (int way = 0; way < 2; way++) {
        const int length = (int)(way ? matte->h : matte->w),
                  lines = (int)(way ? matte->w : matte->h);
        const int step = way ? (int)matte->w : 1, line_step = way ? 1 : (int)matte->w;
        const float *from = way ? matte->scratch : matte->object;
        float *to = way ? matte->object : matte->scratch;
        for (int line = 0; line < lines; line++) {
            const float *row = from + line * line_step;
            float sum = 0;
            int num = 0;
            for (int i = -reach; i < length; i++) {
                if (i + reach < length) {
                    sum += row[(i + reach) * step];
                    num++;
                }
                if (i - reach - 1 >= 0) {
                    sum -= row[(i - reach - 1) * step];
                    num--;
                }
                if (i >= 0)
                    to[line * line_step + i * step] = sum / (float)num;
            }
        }
    }
}

static void estimate(struct matte *matte)
{
    const uint32_t side = matte->w < matte->h ? matte->w : matte->h;
    const uint32_t edge = 1 + side / 25;
    size_t i = 0;
    for (uint32_t y = 0; y < matte->h; y++) {
        for (uint32_t x = 0; x < matte->w; x++, i++) {
            const float r = radius(matte, x, y);
            matte->object[i] = r < 0.75f ? 0.9f : r < 1 ? 0.4f : 0.05f;
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        count_colours(matte);
        i = 0;
        for (uint32_t y = 0; y < matte->h; y++) {
            for (uint32_t x = 0; x < matte->w; x++, i++) {
                const bool is_border =
                    x < edge || y < edge || x + edge >= matte->w || y + edge >= matte->h;
                const float r = radius(matte, x, y);
                const float prior = is_border ? 0.03f : 0.75f - 0.4f * fminf(1, r * r);
                const float yes = prior * matte->inside[matte->bins[i]];
                const float no = (1 - prior) * matte->outside[matte->bins[i]];
                matte->object[i] = yes / (yes + no);
            }
        }
        blur(matte, round + 1 < ROUNDS ? 2 + (int)side / 60 : 1 + (int)side / 120);
    }
}

/* Marks what hangs together with `start` and has the same state (part of the object or not) with
 * `mark`; how many pixels that is. */
static uint32_t flood(struct matte *matte, uint32_t start, uint8_t state, uint8_t mark)
{
    uint32_t num = 0, at = 0;
    matte->queue[num++] = start;
    matte->is_part[start] = mark;
    while (at < num) {
        const uint32_t i = matte->queue[at++], x = i % matte->w;
        const uint32_t next[4] = {x > 0 ? i - 1 : i, x + 1 < matte->w ? i + 1 : i,
                                  i >= matte->w ? i - matte->w : i,
                                  i + matte->w < matte->w * matte->h ? i + matte->w : i};
        for (int n = 0; n < 4; n++) {
            if (matte->is_part[next[n]] == state) {
                matte->is_part[next[n]] = mark;
                matte->queue[num++] = next[n];
            }
        }
    }
    return num;
}

static bool is_edge(const struct matte *matte, uint32_t i, uint32_t edge)
{
    const uint32_t x = i % matte->w, y = i / matte->w;
    return x < edge || y < edge || x + edge >= matte->w || y + edge >= matte->h;
}

static bool is_near(const uint8_t *pixel, const float colour[3], float tolerance)
{
    float most = 0;
    for (int c = 0; c < 3; c++)
        most = fmaxf(most, fabsf((float)pixel[c] - colour[c]));
    return most <= tolerance;
}

/* Where nearly all of the border has one colour, the background is what has that colour and hangs
 * together with the border. False: it has not. */
static bool estimate_plain(struct matte *matte, const struct tyto_compose_rgba *image)
{
    enum { OTHER, ALIKE, BACKGROUND };
    const uint32_t num = matte->w * matte->h, edge = 2;
    float colour[3] = {0};
    uint32_t num_edge = 0, num_alike = 0;
    for (int pass = 0; pass < 3; pass++) { /* the mean; then, twice, of what is near the mean */
        float sum[3] = {0};
        num_edge = num_alike = 0;
        for (uint32_t i = 0; i < num; i++) {
            const uint8_t *pixel = image->pixels + 4 * (size_t)i;
            if (!is_edge(matte, i, edge))
                continue;
            num_edge++;
            if (pass > 0 && !is_near(pixel, colour, pass == 1 ? 60 : 22))
                continue;
            num_alike++;
            for (int c = 0; c < 3; c++)
                sum[c] += (float)pixel[c];
        }
        for (int c = 0; c < 3 && num_alike > 0; c++)
            colour[c] = sum[c] / (float)num_alike;
    }
    if ((float)num_alike < plain_share * (float)num_edge)
        return false;
    for (uint32_t i = 0; i < num; i++)
        matte->is_part[i] = is_near(image->pixels + 4 * (size_t)i, colour, 26) ? ALIKE : OTHER;
    for (uint32_t i = 0; i < num; i++) {
        if (is_edge(matte, i, 1) && matte->is_part[i] == ALIKE)
            flood(matte, i, ALIKE, BACKGROUND);
    }
    for (uint32_t i = 0; i < num; i++)
        matte->object[i] = matte->is_part[i] == BACKGROUND ? 0 : 1;
    return true;
}

/* The largest piece with its holes filled, as 0 or 1 in object. Its number of pixels. */
static uint32_t keep_largest(struct matte *matte)
{
    enum { NO, YES, SEEN, OUTSIDE };
    const uint32_t num = matte->w * matte->h;
    uint32_t best = 0, best_start = 0, kept = 0;
    for (uint32_t i = 0; i < num; i++)
        matte->is_part[i] = matte->object[i] > 0.5f ? YES : NO;
    for (uint32_t i = 0; i < num; i++) {
        if (matte->is_part[i] != YES)
            continue;
        const uint32_t size = flood(matte, i, YES, SEEN);
        if (size > best) {
            best = size;
            best_start = i;
        }
    }
    if (best == 0)
        return 0;
    flood(matte, best_start, SEEN, YES);
    for (uint32_t i = 0; i < num; i++) {
        if (matte->is_part[i] == SEEN)
            matte->is_part[i] = NO;
    }
    for (uint32_t i = 0; i < num; i++) { /* what the border reaches is outside */
        if (is_edge(matte, i, 1) && matte->is_part[i] == NO)
            flood(matte, i, NO, OUTSIDE);
    }
    for (uint32_t i = 0; i < num; i++) {
        matte->object[i] = matte->is_part[i] == OUTSIDE ? 0 : 1;
        kept += matte->is_part[i] != OUTSIDE;
    }
    return kept;
}

/* First and last row and column of the object. */
static void find_bounds(const struct matte *matte, uint32_t bounds[4])
{
    bounds[0] = matte->w;
    bounds[1] = matte->h;
    bounds[2] = bounds[3] = 0;
    for (uint32_t y = 0; y < matte->h; y++) {
        for (uint32_t x = 0; x < matte->w; x++) {
            if (matte->object[(size_t)y * matte->w + x] < 0.5f)
                continue;
            bounds[0] = x < bounds[0] ? x : bounds[0];
            bounds[1] = y < bounds[1] ? y : bounds[1];
            bounds[2] = x > bounds[2] ? x : bounds[2];
            bounds[3] = y > bounds[3] ? y : bounds[3];
        }
    }
}

static void apply(struct tyto_compose_rgba *image, const struct matte *matte,
                  const uint32_t bounds[4])
{
    const uint32_t width = bounds[2] - bounds[0] + 1, height = bounds[3] - bounds[1] + 1;
    uint8_t *to = image->pixels; /* never ahead of what is read */
    for (uint32_t y = bounds[1]; y <= bounds[3]; y++) {
        for (uint32_t x = bounds[0]; x <= bounds[2]; x++, to += 4) {
            const size_t at = (size_t)y * matte->w + x;
            const uint8_t alpha = image->pixels[4 * at + 3];
            memmove(to, image->pixels + 4 * at, 3);
            to[3] = (uint8_t)((float)alpha * matte->object[at] + 0.5f);
        }
    }
    image->width_px = width;
    image->height_px = height;
}

/* What is transparent somewhere was cut out by whoever made it, as stickers are: its own opacity
 * says what the object is. False: it is opaque everywhere. */
static bool take_own_opacity(struct matte *matte, const struct tyto_compose_rgba *image)
{
    const uint32_t num = matte->w * matte->h;
    uint32_t num_clear = 0;
    for (uint32_t i = 0; i < num; i++)
        num_clear += image->pixels[4 * (size_t)i + 3] < 16;
    for (uint32_t i = 0; i < num && num_clear > 0; i++)
        matte->object[i] = image->pixels[4 * (size_t)i + 3] < 16 ? 0 : 1;
    return num_clear > 0;
}

bool tyto_compose_cut_out(struct tyto_compose_rgba *image)
{
    if (image->width_px < MIN_SIDE || image->height_px < MIN_SIDE)
        return false;
    struct matte *matte = matte_create(image);
    if (!matte)
        return false;
    uint32_t bounds[4];
    if (take_own_opacity(matte, image)) {
        find_bounds(matte, bounds);
        const bool is_there = bounds[2] >= bounds[0];
        if (is_there)
            apply(image, matte, bounds);
        matte_finish(&matte);
        return is_there;
    }
    if (!estimate_plain(matte, image))
        estimate(matte);
    const uint32_t kept = keep_largest(matte);
    find_bounds(matte, bounds);
    bool ok = kept > 0;
    if (ok) {
        const float width = (float)(bounds[2] - bounds[0] + 1);
        const float height = (float)(bounds[3] - bounds[1] + 1);
        const float share = (float)kept / (float)((size_t)matte->w * matte->h);
        ok = share > least_share && share < most_share &&
             (float)kept / (width * height) > least_filled && width >= MIN_SIDE / 2 &&
             height >= MIN_SIDE / 2;
    }
    if (ok) {
        blur(matte, 1);
        apply(image, matte, bounds);
    }
    matte_finish(&matte);
    return ok;
}
