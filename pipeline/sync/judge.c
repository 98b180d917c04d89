/* SPDX-License-Identifier: MIT */
/* What is believed, by hysteresis: it takes a clear peak that stays to hold an offset, a faint one
 * keeps it, and one that the newest evidence has elsewhere is a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

/* Scores are -log10 of the chance that no relation comes as high. */
static const float hold_score = 2.5f, keep_score = 1, step_score = 2.5f;
/* What many windows that are looked at cost: the logarithm of their number. */
static const float recent_price = 1.1f;
/* Lags: what is the same peak; a move that is a step. */
static const float same_lags = 3, step_lags = 5;
/* Chunks. */
enum { AGREE_HOLD = 2, AGREE_STEP = 2, DOUBT_LOSE = 12 };
static const float least_evidence = 8, unrelated_evidence = 35;
/* A step as clear as this is believed at once. */
static const float clear_score = 3.5f;
static const int64_t history_ns = 5000000000;
enum { LEAST_DRIFT_POINTS = 12 };
/* Standard errors from which on a drift is taken into account. */
static const double sure_drift = 4;

const char *tyto_sync_status_text(enum tyto_sync_status status)
{
    static const char *const texts[TYTO_SYNC_NUM_STATUSES] = {"listening", "not synchronizable",
                                                              "confident"};
    return (unsigned)status < TYTO_SYNC_NUM_STATUSES ? texts[status] : "unknown";
}

static int64_t to_ns(float lag)
{
    return llroundf((lag - LAG0) * TYTO_SYNC_LAG_MS * 1000) * 1000;
}

static int64_t time_of(const struct tyto_sync *sync)
{
    return sync->next == SYNC_NOWHERE ? 0 : sync->next * GRID_NS;
}

static void note(struct tyto_sync *sync)
{
    const uint32_t last = (sync->next_history + HISTORY - 1) % HISTORY;
    const int64_t now_ns = llround(sync->mean_s * 1e9);
    if (sync->num_history > 0 && now_ns - sync->history[last].time_ns < history_ns)
        return;
    sync->history[sync->next_history] =
        (struct sync_history){.time_ns = now_ns, .offset_ns = to_ns(sync->held)};
    sync->next_history = (sync->next_history + 1) % HISTORY;
    sync->num_history += sync->num_history < HISTORY;
}

/* Counts chunks in a row in which a peak lay where the last one did. */
static uint32_t agree(struct tyto_sync *sync, bool is_there, float lag)
{
    const bool same = is_there && fabsf(lag - sync->candidate) <= same_lags;
    sync->num_agreed = !is_there ? 0 : same ? sync->num_agreed + 1 : 1;
    sync->candidate = lag;
    return sync->num_agreed;
}

static float score_at(const struct sync_surprise *surprise, float lag)
{
    const float *at = &surprise->sums[lrintf(lag)];
    return tyto_sync_score(surprise, fmaxf(at[0], fmaxf(at[-1], at[1])));
}

static void hold(struct tyto_sync *sync, int at)
{
    sync->holds = true;
    sync->held = tyto_sync_refine(sync, at);
    sync->num_agreed = sync->num_doubts = 0;
    sync->num_history = sync->next_history = 0;
}

/* The best lag that is not the held one, and whether it says more than that does. */
static bool is_elsewhere(const struct tyto_sync *sync, const struct sync_surprise *surprise,
                         struct sync_surprise *best)
{
    int at = -1;
    for (int l = LAG0 - TYTO_SYNC_REACH; l <= LAG0 + TYTO_SYNC_REACH; l++) {
        if (fabsf((float)l - sync->held) > step_lags &&
            (at < 0 || surprise->sums[l] > surprise->sums[at]))
            at = l;
    }
    const float score = tyto_sync_score(surprise, surprise->sums[at]) - recent_price;
    if (score <= best->score || score_at(surprise, sync->held) > 0.5f * score)
        return false;
    *best = *surprise;
    best->best = at;
    best->score = score;
    return true;
}

/* Among the last two, three... chunks those that say most that it is elsewhere. score 0: none. */
static void look_for_step(const struct tyto_sync *sync, struct sync_surprise *ret_best)
{
    struct sync_surprise sum = {0};
    *ret_best = (struct sync_surprise){.best = LAG0};
    for (uint32_t i = 1; i <= sync->num_chunks; i++) {
        const uint32_t at = (sync->next_chunk + RECENT - i) % RECENT;
        tyto_sync_add_surprise(&sum, &sync->chunks[at], 1);
        if (i >= 2)
            (void)is_elsewhere(sync, &sum, ret_best);
    }
    (void)is_elsewhere(sync, &sync->surprise, ret_best);
}

/* What was remembered before a step says nothing of what is now. */
static void forget(struct tyto_sync *sync, const struct sync_surprise *since)
{
    sync->memory = sync->sums;
    sync->evidence = sync->sums_weight;
    sync->mean_s = (double)sync->next / GRID_HZ;
    sync->surprise = *since;
    sync->num_chunks = 0;
    tyto_sync_renew(sync);
}

static void judge_held(struct tyto_sync *sync)
{
    struct sync_surprise step;
    look_for_step(sync, &step);
    const bool moves = step.score >= step_score;
    const uint32_t needed = step.score >= clear_score ? 1 : AGREE_STEP;
    if (agree(sync, moves, (float)step.best) >= needed) {
        forget(sync, &step);
        hold(sync, step.best);
        sync->num_steps++;
        return;
    }
    const float near = tyto_sync_refine(sync, (int)lrintf(sync->held));
    if (fabsf(near - sync->held) <= step_lags)
        sync->held = near;
    const float score = score_at(&sync->surprise, sync->held);
    sync->num_doubts = score >= keep_score ? 0 : sync->num_doubts + 1;
    if (sync->num_doubts >= DOUBT_LOSE) {
        sync->holds = false;
        sync->num_agreed = sync->num_doubts = 0;
    }
}

void tyto_sync_judge(struct tyto_sync *sync)
{
    if (sync->holds) {
        judge_held(sync);
    } else {
        const bool is_clear =
            sync->surprise.score >= hold_score && sync->evidence >= least_evidence;
        if (agree(sync, is_clear, (float)sync->surprise.best) >= AGREE_HOLD)
            hold(sync, sync->surprise.best);
    }
    if (sync->holds)
        note(sync);
}

/* --- what is told -------------------------------------------------------------------------- */

/* A line through the offsets since the last step; the older half weighs as much as the newer. */
static void fit_drift(const struct tyto_sync *sync, struct tyto_sync_estimate *estimate)
{
    const uint32_t num = sync->num_history;
    if (num < LEAST_DRIFT_POINTS)
        return;
    double t_mean = 0, o_mean = 0;
    const int64_t base_ns = sync->history[(sync->next_history + HISTORY - 1) % HISTORY].time_ns;
    for (uint32_t i = 0; i < num; i++) {
        t_mean += (double)(sync->history[i].time_ns - base_ns) / 1e9 / num;
        o_mean += (double)sync->history[i].offset_ns / 1e9 / num;
    }
    double tt = 0, to = 0, rest = 0;
    for (uint32_t i = 0; i < num; i++) {
        const double t = (double)(sync->history[i].time_ns - base_ns) / 1e9 - t_mean;
        tt += t * t;
        to += t * ((double)sync->history[i].offset_ns / 1e9 - o_mean);
    }
    if (tt <= 0)
        return;
    const double slope = to / tt;
    for (uint32_t i = 0; i < num; i++) {
        const double t = (double)(sync->history[i].time_ns - base_ns) / 1e9 - t_mean;
        const double off = (double)sync->history[i].offset_ns / 1e9 - o_mean - slope * t;
        rest += off * off;
    }
    /* offsets of neighbours share their evidence: as many are independent as memories fit in */
    const double span_s = num * (double)history_ns / 1e9;
    const double independent = fmax(1, span_s / sync->params.memory_s);
    estimate->has_drift = true;
    estimate->drift_ppm = slope * 1e6;
    estimate->drift_error_ppm = sqrt(rest / tt * num / (num - 2) / independent) * 1e6;
}

/* Lags around the best at which the remembered curve stands out half as much. */
static void find_interval(const struct tyto_sync *sync, float lag,
                          struct tyto_sync_estimate *estimate)
{
    const int at = (int)lrintf(lag);
    const float floor = 0.5f * sync->sharp[at];
    int low = at, high = at;
    while (low > LAG0 - TYTO_SYNC_REACH && sync->sharp[low - 1] > floor)
        low--;
    while (high < LAG0 + TYTO_SYNC_REACH && sync->sharp[high + 1] > floor)
        high++;
    estimate->low_ns = to_ns((float)low - 0.5f);
    estimate->high_ns = to_ns((float)high + 0.5f);
}

void tyto_sync_get(const struct tyto_sync *sync, struct tyto_sync_estimate *ret_estimate)
{
    const float lag = sync->holds ? sync->held : tyto_sync_refine(sync, sync->surprise.best);
    const float score = score_at(&sync->surprise, lag);
    struct tyto_sync_estimate estimate = {
        .status = sync->holds                            ? TYTO_SYNC_CONFIDENT
                  : sync->evidence >= unrelated_evidence ? TYTO_SYNC_UNRELATED
                                                         : TYTO_SYNC_LISTENING,
        .offset_ns = to_ns(lag),
        .score = (double)score,
        .confidence = 1 - pow(10, -(double)score),
        .evidence_s = (double)sync->evidence,
        .num_steps = sync->num_steps,
        .time_ns = time_of(sync),
    };
    find_interval(sync, lag, &estimate);
    if (sync->holds)
        fit_drift(sync, &estimate);
    /* what is remembered is older than now: a drift that is sure has gone on since */
    if (estimate.has_drift && fabs(estimate.drift_ppm) > sure_drift * estimate.drift_error_ppm) {
        const int64_t since_ns = estimate.time_ns - llround(sync->mean_s * 1e9);
        const int64_t moved_ns = llround(estimate.drift_ppm * 1e-6 * (double)since_ns);
        estimate.offset_ns += moved_ns;
        estimate.low_ns += moved_ns;
        estimate.high_ns += moved_ns;
    }
    *ret_estimate = estimate;
}

void tyto_sync_get_curve(const struct tyto_sync *sync, float ret_curve[TYTO_SYNC_NUM_LAGS],
                         float *ret_null)
{
    memcpy(ret_curve, sync->surprise.sums + LAG0 - TYTO_SYNC_REACH,
           TYTO_SYNC_NUM_LAGS * sizeof(*ret_curve));
    /* where the score passes -log10(0.05), by bisection: it rises with the sum */
    float low = 0, high = 1000;
    for (int i = 0; i < 40; i++) {
        const float middle = (low + high) / 2;
        *(tyto_sync_score(&sync->surprise, middle) < 1.30103f ? &low : &high) = middle;
    }
    *ret_null = high;
}

void tyto_sync_get_cells(const struct tyto_sync *sync, float ret_cells[TYTO_SYNC_NUM_PLACES])
{
    const int at = sync->holds ? (int)lrintf(sync->held) : sync->surprise.best;
    const float energy = sync->memory.energy[CHANGE][at];
    for (int x = 0; x < TYTO_SYNC_NUM_PLACES; x++)
        ret_cells[x] = energy > 0 ? sync->memory.cells[x][at] / sqrtf(energy) * sync->scale[x] : 0;
}
