/* SPDX-License-Identifier: MIT */
#include "trainer/eval/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/eval/internal.h"

static const float heard_seen_threshold = 0.5f;

static bool is_same(const struct tyto_dataset *dataset, const struct tyto_predictions *p)
{
    return dataset->shape.num_clips == p->num_clips &&
           dataset->shape.num_segments == p->num_segments &&
           dataset->shape.num_classes == p->num_classes;
}

/* --- decisions -------------------------------------------------------------------------------- */

/* What is decided for a segment; K: background. ret_confidence may be NULL. */
static uint32_t decide(const struct tyto_predictions *p, const float *scores,
                       const float *thresholds, double *ret_confidence)
{
    const uint32_t num = p->num_classes;
    uint32_t best = num, largest = 0;

    for (uint32_t k = 0; k < num; k++) {
        largest = scores[k] > scores[largest] ? k : largest;
        if (p->head == TYTO_HEAD_MULTI_LABEL && scores[k] >= thresholds[k] &&
            (best == num || scores[k] > scores[best]))
            best = k;
    }
    if (p->head == TYTO_HEAD_SOFTMAX && scores[largest] > scores[num])
        best = largest;
    if (ret_confidence)
        *ret_confidence = best < num                     ? (double)scores[best]
                          : p->head == TYTO_HEAD_SOFTMAX ? (double)scores[num]
                                                         : 1 - (double)scores[largest];
    return best;
}

/* Truth of a segment as bits of grids. */
static void true_cells(const struct tyto_predictions *p, const uint8_t *truth, uint8_t *ret_cells)
{
    bool is_taken = false; /* softmax: by the first class with any bit */

    for (uint32_t k = 0; k < p->num_classes; k++) {
        const bool is_joint =
            p->head == TYTO_HEAD_SOFTMAX ? truth[k] != 0 && !is_taken : truth[k] == TYTO_TRUTH_BOTH;

        is_taken |= truth[k] != 0;
        ret_cells[k] = (uint8_t)(truth[k] | (is_joint ? TYTO_CELL_JOINT : 0));
    }
}

static void pred_cells(const struct tyto_predictions *p, const float *scores,
                       const float *thresholds, uint32_t decision, uint8_t *ret_cells)
{
    for (uint32_t k = 0; k < p->num_classes; k++) {
        if (p->head == TYTO_HEAD_SOFTMAX) {
            ret_cells[k] = k == decision ? TYTO_CELL_JOINT : 0;
            continue;
        }
        const bool joint = scores[k] >= thresholds[k];
        const bool heard = scores[p->num_classes + k] >= heard_seen_threshold;
        const bool seen = scores[2 * p->num_classes + k] >= heard_seen_threshold;

        ret_cells[k] = (uint8_t)((joint ? TYTO_CELL_JOINT : 0) | (heard ? TYTO_CELL_HEARD : 0) |
                                 (seen ? TYTO_CELL_SEEN : 0));
    }
}

/* The true class that a decision is held against: itself where it is one of them, else the first;
 * K where there is none. */
static uint32_t true_class(const uint8_t *cells, uint32_t num_classes, uint32_t decision)
{
    if (decision < num_classes && (cells[decision] & TYTO_CELL_JOINT))
        return decision;
    for (uint32_t k = 0; k < num_classes; k++)
        if (cells[k] & TYTO_CELL_JOINT)
            return k;
    return num_classes;
}

/* --- the clips -------------------------------------------------------------------------------- */

static enum tyto_err make_measurement(const struct tyto_dataset *dataset,
                                      struct tyto_measurement *j)
{
    const size_t classes = dataset->shape.num_classes;

    *j = (struct tyto_measurement){.num_segments = dataset->shape.num_segments,
                                   .num_classes = dataset->shape.num_classes};
    for (uint32_t c = 0; c < dataset->shape.num_clips; c++)
        j->num_clips += !dataset->is_weak[c];
    const size_t rows = (size_t)j->num_clips * j->num_segments;
    j->clip_idx = calloc((size_t)j->num_clips + 1, sizeof(*j->clip_idx));
    j->len = calloc((size_t)j->num_clips + 1, sizeof(*j->len));
    j->truth = calloc(rows + 1, sizeof(*j->truth));
    j->pred = calloc(rows + 1, sizeof(*j->pred));
    j->truth_cells = calloc(rows * classes + 1, 1);
    j->pred_cells = calloc(rows * classes + 1, 1);
    j->clip_accuracy = calloc((size_t)j->num_clips + 1, sizeof(*j->clip_accuracy));
    j->confusion = calloc((classes + 1) * (classes + 1), sizeof(*j->confusion));
    j->classes = calloc(classes + 1, sizeof(*j->classes));
    return j->clip_idx && j->len && j->truth && j->pred && j->truth_cells && j->pred_cells &&
                   j->clip_accuracy && j->confusion && j->classes
               ? TYTO_OK
               : TYTO_ERR_NOMEM;
}

static void fill_clip(const struct tyto_dataset *dataset, const struct tyto_predictions *p,
                      const float *thresholds, uint32_t clip, struct tyto_measurement *j,
                      struct tyto_reliability *reliability, uint32_t to)
{
    const size_t num = j->num_segments, classes = j->num_classes;
    uint32_t right = 0;

    j->clip_idx[to] = clip;
    j->len[to] = dataset->len[clip];
    for (size_t t = 0; t < j->len[to]; t++) {
        const size_t from = clip * num + t, row = to * num + t;
        const float *scores = p->scores + from * p->num_logits;
        double confidence;

        j->pred[row] = decide(p, scores, thresholds, &confidence);
        true_cells(p, dataset->truth + from * classes, j->truth_cells + row * classes);
        pred_cells(p, scores, thresholds, j->pred[row], j->pred_cells + row * classes);
        j->truth[row] = true_class(j->truth_cells + row * classes, j->num_classes, j->pred[row]);
        right += j->truth[row] == j->pred[row];
        tyto_reliability_add(reliability, confidence, j->truth[row] == j->pred[row]);
    }
    j->clip_accuracy[to] = (double)right / j->len[to];
}

/* --- baselines -------------------------------------------------------------------------------- */

struct trivial {
    uint32_t *truth, *pred;
    uint8_t *cells;
    float *scores; /* (clips, T, 3K) */
};

/* The class with most joint segments in a clip (the first of equals); K: none has any. */
static uint32_t main_class(const struct tyto_measurement *j, size_t clip)
{
    uint32_t best = j->num_classes, best_num = 0;

    for (uint32_t k = 0; k < j->num_classes; k++) {
        uint32_t num = 0;

        for (size_t t = 0; t < j->len[clip]; t++)
            num += (j->truth_cells[(clip * j->num_segments + t) * j->num_classes + k] &
                    TYTO_CELL_JOINT) != 0;
        if (num > best_num) {
            best = k;
            best_num = num;
        }
    }
    return best;
}

/* All classes of a clip, in all of its segments, or nothing at all. */
static void fill_trivial(const struct tyto_measurement *j, bool is_all, struct trivial *ret)
{
    static const uint8_t bits[] = {TYTO_CELL_JOINT, TYTO_CELL_HEARD, TYTO_CELL_SEEN};
    const size_t num = j->num_segments, classes = j->num_classes;

    for (size_t c = 0; c < j->num_clips; c++) {
        const uint32_t class_idx = is_all ? main_class(j, c) : j->num_classes;

        for (size_t t = 0; t < num; t++)
            ret->pred[c * num + t] = class_idx;
        for (size_t t = 0; t < num && t < j->len[c]; t++)
            ret->truth[c * num + t] =
                true_class(j->truth_cells + (c * num + t) * classes, j->num_classes, class_idx);
        for (size_t k = 0; k < classes; k++) {
            uint8_t cell = 0;

            for (size_t t = 0; t < j->len[c] && is_all; t++)
                cell |= j->truth_cells[(c * num + t) * classes + k];
            for (size_t t = 0; t < num; t++) {
                const size_t row = c * num + t;

                ret->cells[row * classes + k] = cell;
                for (size_t s = 0; s < 3; s++)
                    ret->scores[(row * 3 + s) * classes + k] = (cell & bits[s]) ? 1 : 0;
            }
        }
    }
}

static enum tyto_err measure_trivial(const struct tyto_measurement *j,
                                     struct tyto_measured measured, bool is_all,
                                     struct tyto_figures *ret)
{
    const size_t rows = (size_t)j->num_clips * j->num_segments + 1;
    struct trivial trivial = {.truth = calloc(rows, sizeof(uint32_t)),
                              .pred = calloc(rows, sizeof(uint32_t)),
                              .cells = calloc(rows * j->num_classes, 1),
                              .scores = calloc(rows * j->num_classes * 3, sizeof(float))};
    struct tyto_measurement same = *j;
    enum tyto_err err = TYTO_ERR_NOMEM;

    if (trivial.truth && trivial.pred && trivial.cells && trivial.scores) {
        fill_trivial(j, is_all, &trivial);
        same.truth = trivial.truth; /* with several true classes, as this decision has it */
        measured.measurement = &same;
        measured.pred = trivial.pred;
        measured.cells = trivial.cells;
        measured.scores = trivial.scores;
        measured.stride = 3 * (size_t)j->num_classes;
        err = tyto_measure_figures(&measured, ret, NULL, NULL);
    }
    ret->clip_map = (double)NAN;
    tyto_reliability_finish(&ret->reliability);
    tyto_measure_no_sync(ret);
    free(trivial.truth);
    free(trivial.pred);
    free(trivial.cells);
    free(trivial.scores);
    return err;
}

/* --- whole clips ------------------------------------------------------------------------------ */

static enum tyto_err measure_clips(const struct tyto_dataset *dataset,
                                   const struct tyto_predictions *p, double *ret_map)
{
    const size_t clips = p->num_clips, classes = p->num_classes;
    float *scores = calloc(clips + 1, sizeof(*scores));
    bool *truth = calloc(clips + 1, sizeof(*truth));
    double *aps = calloc(classes + 1, sizeof(*aps));
    enum tyto_err err = scores && truth && aps ? TYTO_OK : TYTO_ERR_NOMEM;

    for (size_t k = 0; k < classes && !err; k++) {
        for (size_t c = 0; c < clips; c++) {
            const uint8_t bits = dataset->clip_truth[c * classes + k];

            scores[c] = 0;
            for (size_t t = 0; t < dataset->len[c]; t++)
                scores[c] =
                    fmaxf(scores[c], p->scores[(c * p->num_segments + t) * p->num_logits + k]);
            truth[c] = p->head == TYTO_HEAD_SOFTMAX ? bits != 0 : bits == TYTO_TRUTH_BOTH;
        }
        err = tyto_average_precision(scores, truth, clips, &aps[k]);
    }
    if (!err)
        *ret_map = tyto_mean(aps, classes);
    free(scores);
    free(truth);
    free(aps);
    return err;
}

/* --- shifted sound ---------------------------------------------------------------------------- */

/* What is seen at t, and heard at the sound that the change puts there. */
static void both_truth(const struct tyto_dataset *dataset, uint32_t clip, uint32_t t,
                       const struct tyto_predict_change *change, uint8_t *ret_truth)
{
    const size_t classes = dataset->shape.num_classes;
    const uint8_t *truth = dataset->truth + (size_t)clip * dataset->shape.num_segments * classes;
    const int64_t len = dataset->len[clip];
    int64_t from = (int64_t)t - change->audio_shift;

    if (change->repeats_edge)
        from = from < 0 ? 0 : from >= len ? len - 1 : from;
    for (size_t k = 0; k < classes; k++) {
        const bool is_heard =
            from >= 0 && from < len && (truth[(size_t)from * classes + k] & TYTO_TRUTH_HEARD);
        const bool is_seen = truth[t * classes + k] & TYTO_TRUTH_SEEN;

        ret_truth[k] = is_heard && is_seen ? TYTO_TRUTH_BOTH : 0;
    }
}

enum tyto_err tyto_measure_shift(const struct tyto_dataset *dataset,
                                 const struct tyto_predictions *p, const float *thresholds,
                                 const struct tyto_predict_change *change,
                                 struct tyto_shift_point *ret_point)
{
    const size_t classes = dataset->shape.num_classes, segments = dataset->shape.num_segments;
    uint64_t num = 0, on_video = 0, on_both = 0;

    if (!is_same(dataset, p))
        return TYTO_ERR_INVALID;
    uint8_t *cells = calloc(2, classes);
    if (!cells)
        return TYTO_ERR_NOMEM;
    for (uint32_t c = 0; c < p->num_clips; c++)
        for (uint32_t t = 0; t < dataset->len[c] && !dataset->is_weak[c]; t++) {
            const size_t row = c * segments + t;
            const uint32_t decision = decide(p, p->scores + row * p->num_logits, thresholds, NULL);

            num++;
            true_cells(p, dataset->truth + row * classes, cells);
            on_video += true_class(cells, p->num_classes, decision) == decision;
            both_truth(dataset, c, t, change, cells + classes);
            true_cells(p, cells + classes, cells);
            on_both += true_class(cells, p->num_classes, decision) == decision;
        }
    free(cells);
    *ret_point = (struct tyto_shift_point){
        .shift = change->audio_shift,
        .on_video = num > 0 ? (double)on_video / (double)num : (double)NAN,
        .on_both = num > 0 ? (double)on_both / (double)num : (double)NAN,
    };
    return TYTO_OK;
}

double tyto_shift_retention(const struct tyto_shift_point *points, uint32_t num)
{
    double sum = 0, at_0 = (double)NAN;
    uint32_t n = 0;

    for (uint32_t i = 0; i < num; i++) {
        if (points[i].shift == 0) {
            at_0 = points[i].on_video;
            continue;
        }
        sum += points[i].on_video;
        n++;
    }
    return n > 0 && at_0 > 0 ? sum / n / at_0 : (double)NAN;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Scores of the measured clips, one after the other. */
static float *gather_scores(const struct tyto_measurement *j, const struct tyto_predictions *p)
{
    const size_t size = (size_t)p->num_segments * p->num_logits;
    float *scores = calloc(j->num_clips * size + 1, sizeof(*scores));

    for (size_t c = 0; scores && c < j->num_clips; c++)
        memcpy(scores + c * size, p->scores + j->clip_idx[c] * size, size * sizeof(*scores));
    return scores;
}

static enum tyto_err measure_all(const struct tyto_dataset *dataset,
                                 const struct tyto_predictions *p, const float *thresholds,
                                 struct tyto_measurement *j)
{
    struct tyto_reliability reliability = {0};
    uint32_t to = 0;

    for (uint32_t c = 0; c < p->num_clips; c++)
        if (!dataset->is_weak[c])
            fill_clip(dataset, p, thresholds, c, j, &reliability, to++);
    float *scores = gather_scores(j, p);
    const struct tyto_measured measured = {.measurement = j,
                                           .pred = j->pred,
                                           .cells = j->pred_cells,
                                           .scores = scores,
                                           .stride = p->num_logits,
                                           .is_single = p->head == TYTO_HEAD_SOFTMAX,
                                           .segment_s = (double)dataset->segment_ns / 1e9};
    enum tyto_err err = scores ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_measure_figures(&measured, &j->model, j->classes, j->confusion);
    free(scores);
    tyto_reliability_finish(&reliability);
    j->model.reliability = reliability;
    if (!err)
        err = tyto_measure_sync(j, p, measured.segment_s, &j->model);
    if (!err)
        err = measure_clips(dataset, p, &j->model.clip_map);
    if (!err)
        err = measure_trivial(j, measured, false, &j->background);
    if (!err)
        err = measure_trivial(j, measured, true, &j->all_event);
    if (!err && p->match)
        tyto_measure_never_offset(measured.segment_s, &j->background.offset);
    return err;
}

enum tyto_err tyto_measure(const struct tyto_dataset *dataset,
                           const struct tyto_predictions *predictions, const float *thresholds,
                           struct tyto_measurement *ret_measurement)
{
    struct tyto_measurement measurement;

    if (!is_same(dataset, predictions))
        return TYTO_ERR_INVALID;
    enum tyto_err err = make_measurement(dataset, &measurement);
    if (!err)
        err = measure_all(dataset, predictions, thresholds, &measurement);
    if (err) {
        tyto_measurement_finish(&measurement);
        return err;
    }
    *ret_measurement = measurement;
    return TYTO_OK;
}

void tyto_measurement_finish(struct tyto_measurement *measurement)
{
    free(measurement->clip_idx);
    free(measurement->len);
    free(measurement->truth);
    free(measurement->pred);
    free(measurement->truth_cells);
    free(measurement->pred_cells);
    free(measurement->clip_accuracy);
    free(measurement->confusion);
    free(measurement->classes);
    *measurement = (struct tyto_measurement){0};
}
