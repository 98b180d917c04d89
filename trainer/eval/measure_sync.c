/* SPDX-License-Identifier: MIT */
/* How well sounds and pictures are found in each other, by their distances. */
#include <math.h>
#include <stdlib.h>

#include "trainer/eval/internal.h"

enum { MAX_OFFSET = 4, NUM_OFFSETS = 2 * MAX_OFFSET + 1, MIN_PAIRS = 2 };

/* --- the start of a run ----------------------------------------------------------------------- */

/* The one run of any event that a clip has; *ret_num 0 where there are none or several. */
static void find_run(const struct tyto_measurement *j, uint32_t clip, uint32_t *ret_begin,
                     uint32_t *ret_num)
{
    const uint32_t *truth = j->truth + (size_t)clip * j->num_segments;
    uint32_t begin = 0, end = 0, num_runs = 0;

    for (uint32_t t = 0; t < j->len[clip]; t++) {
        if (truth[t] == j->num_classes)
            continue;
        if (num_runs == 0 || end != t) {
            num_runs++;
            begin = t;
        }
        end = t + 1;
    }
    *ret_begin = begin;
    *ret_num = num_runs == 1 && j->len[clip] == j->num_segments ? end - begin : 0;
}

static enum tyto_err measure_cml(const struct tyto_measurement *j, const struct tyto_predictions *p,
                                 double segment_s, struct tyto_cml_measures *ret)
{
    const size_t num = p->num_segments, square = num * num;
    float *distances = calloc((size_t)j->num_clips * square * 2 + 1, sizeof(*distances));
    uint32_t *runs = calloc((size_t)j->num_clips * 2 + 1, sizeof(*runs));
    enum tyto_err err = distances && runs ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t c = 0; c < j->num_clips && !err; c++) {
        find_run(j, c, &runs[c], &runs[j->num_clips + c]);
        for (size_t i = 0; i < square; i++) {
            const float distance = p->match[j->clip_idx[c] * square + i];

            distances[c * square + i] = distance;
            distances[(j->num_clips + c) * square + i % num * num + i / num] = distance;
        }
    }
    if (!err)
        tyto_measure_cml(distances, distances + j->num_clips * square, runs, runs + j->num_clips,
                         j->num_clips, p->num_segments, segment_s, ret);
    free(distances);
    free(runs);
    return err;
}

/* --- the offset between the streams ----------------------------------------------------------- */

/* Mean distance of pictures to the sounds that are heard guess segments later, of sound that was
 * moved by shift; infinite where there are too few. */
static double mean_distance(const float *match, int32_t num_segments, int32_t len, int32_t shift,
                            int32_t guess)
{
    double sum = 0;
    int32_t num = 0;

    for (int32_t k = 0; k < len; k++) {
        const int32_t at = k + guess, from = at - shift;

        if (at < 0 || at >= len || from < 0 || from >= len)
            continue;
        sum += (double)match[from * num_segments + k];
        num++;
    }
    return num < MIN_PAIRS ? (double)INFINITY : sum / num;
}

/* As SyncNet: the offset of the smallest mean distance, and by how much it lies below the median.
 * NAN: none can be told. */
static double guess_offset(const float *match, uint32_t num_segments, uint32_t len, int32_t shift,
                           float *ret_confidence)
{
    double means[NUM_OFFSETS];
    double best = INFINITY, guess = (double)NAN;
    size_t num = 0;

    for (int32_t d = -MAX_OFFSET; d <= MAX_OFFSET; d++) {
        const double mean = mean_distance(match, (int32_t)num_segments, (int32_t)len, shift, d);

        if (isinf(mean))
            continue;
        if (mean < best) {
            best = mean;
            guess = d;
        }
        means[num++] = mean;
    }
    *ret_confidence = num > 0 ? (float)(tyto_quantile(means, num, 0.5) - best) : 0;
    return guess;
}

static bool has_event(const struct tyto_measurement *j, uint32_t clip)
{
    for (uint32_t t = 0; t < j->len[clip]; t++)
        if (j->truth[(size_t)clip * j->num_segments + t] < j->num_classes)
            return true;
    return false;
}

static enum tyto_err measure_offsets(const struct tyto_measurement *j,
                                     const struct tyto_predictions *p, double segment_s,
                                     struct tyto_offset_measures *ret)
{
    const size_t room = (size_t)j->num_clips * NUM_OFFSETS + 1, n = p->num_segments;
    double *values = calloc(2 * room, sizeof(*values));
    float *confidences = calloc(room, sizeof(*confidences));
    enum tyto_err err = values && confidences ? TYTO_OK : TYTO_ERR_NOMEM;
    size_t num = 0;

    for (uint32_t c = 0; c < j->num_clips && !err; c++)
        for (int32_t shift = -MAX_OFFSET; shift <= MAX_OFFSET && has_event(j, c); shift++) {
            const float *match = p->match + j->clip_idx[c] * n * n;

            values[num] = segment_s *
                          guess_offset(match, p->num_segments, j->len[c], shift, &confidences[num]);
            values[room + num++] = segment_s * shift;
        }
    if (!err)
        err = tyto_measure_offsets(values, values + room, confidences, num, segment_s, ret);
    free(values);
    free(confidences);
    return err;
}

/* --- both ------------------------------------------------------------------------------------- */

void tyto_measure_no_sync(struct tyto_figures *figures)
{
    const double none = (double)NAN;

    tyto_measure_cml(NULL, NULL, NULL, NULL, 0, 1, 1, &figures->cml);
    figures->offset = (struct tyto_offset_measures){none, none, none, none};
}

void tyto_measure_never_offset(double segment_s, struct tyto_offset_measures *ret_measures)
{
    *ret_measures =
        (struct tyto_offset_measures){.acc = 1.0 / NUM_OFFSETS,
                                      .acc_1 = 3.0 / NUM_OFFSETS,
                                      .median_error_ms = segment_s * 1000 * MAX_OFFSET / 2,
                                      .auroc = 0.5};
}

enum tyto_err tyto_measure_sync(const struct tyto_measurement *measurement,
                                const struct tyto_predictions *predictions, double segment_s,
                                struct tyto_figures *ret_figures)
{
    tyto_measure_no_sync(ret_figures);
    if (!predictions->match)
        return TYTO_OK;
    const enum tyto_err err = measure_cml(measurement, predictions, segment_s, &ret_figures->cml);
    return err ? err : measure_offsets(measurement, predictions, segment_s, &ret_figures->offset);
}
