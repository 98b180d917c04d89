/* SPDX-License-Identifier: MIT */
#include "trainer/loop/score.h"

#include <math.h>
#include <stdlib.h>

#include "trainer/loop/targets.h"

/* Of what thresholds are chosen by. A false event costs more trust than a missed one, so precision
 * counts more than recall (F of beta^2 = 0.5); and a class of few rows leans on all classes
 * together: rows are seconds, those of one clip much alike, so that 200 of them are some twenty
 * occasions. Both were chosen by events told of validation clips that thresholds had not been
 * chosen by. */
static const float beta_2 = 0.5f, rows_to_believe = 200;
enum { CHOICES = 71 }; /* thresholds tried: steps of 0.01 over the widest range used */

static const float even = 0.5f;

enum tyto_err tyto_score_init(enum tyto_head_kind head, enum tyto_cman_task task,
                              uint32_t num_classes, uint32_t cap, struct tyto_score *ret_score)
{
    const size_t num = (size_t)(cap > 0 ? cap : 1) * num_classes;
    struct tyto_score score = {.head = head, .task = task, .num_classes = num_classes, .cap = cap};

    score.probs = calloc(num, sizeof(*score.probs));
    score.truths = calloc(num, sizeof(*score.truths));
    score.picks = calloc(cap > 0 ? cap : 1, sizeof(*score.picks));
    if (!score.probs || !score.truths || !score.picks) {
        tyto_score_finish(&score);
        return TYTO_ERR_NOMEM;
    }
    *ret_score = score;
    return TYTO_OK;
}

void tyto_score_finish(struct tyto_score *score)
{
    free(score->probs);
    free(score->truths);
    free(score->picks);
    *score = (struct tyto_score){0};
}

static void add_softmax(struct tyto_score *score, const float *logits, float *probs)
{
    const uint32_t classes = score->num_classes;
    uint32_t best = 0;
    double sum = 0;

    for (uint32_t k = 0; k <= classes; k++)
        best = logits[k] > logits[best] ? k : best;
    for (uint32_t k = 0; k <= classes; k++)
        sum += exp((double)(logits[k] - logits[best]));
    for (uint32_t k = 0; k < classes; k++)
        probs[k] = (float)(exp((double)(logits[k] - logits[best])) / sum);
    score->picks[score->num_rows] = best;
}

static void add_sigmoid(struct tyto_score *score, const float *logits, float *probs)
{
    const uint32_t classes = score->num_classes;
    uint32_t best = 0;

    for (uint32_t k = 0; k < classes; k++) {
        probs[k] = (float)(1 / (1 + exp(-(double)logits[k])));
        best = logits[k] > logits[best] ? k : best;
    }
    score->picks[score->num_rows] = logits[best] > 0 ? best : classes;
}

void tyto_score_add(struct tyto_score *score, const float *logits, const uint8_t *truth)
{
    const size_t classes = score->num_classes, at = score->num_rows * classes;
    const bool is_softmax = score->head == TYTO_HEAD_SOFTMAX;
    const uint32_t wanted = tyto_targets_class(truth, score->num_classes);

    if (score->num_rows >= score->cap)
        return;
    for (uint32_t k = 0; k < classes; k++)
        score->truths[at + k] = is_softmax ? k == wanted : tyto_truth_is(truth[k], score->task);
    if (is_softmax)
        add_softmax(score, logits, score->probs + at);
    else
        add_sigmoid(score, logits + score->task * classes, score->probs + at);
    score->num_rows++;
}

float tyto_score_accuracy(const struct tyto_score *score)
{
    const size_t classes = score->num_classes;
    uint32_t right = 0;

    for (size_t r = 0; r < score->num_rows; r++) {
        const uint8_t *truth = score->truths + r * classes;
        const uint32_t pick = score->picks[r];
        bool is_there = false;

        for (size_t k = 0; k < classes; k++)
            is_there |= truth[k];
        right += pick < classes ? truth[pick] : !is_there;
    }
    return score->num_rows > 0 ? (float)right / (float)score->num_rows : 0;
}

struct tally {
    uint32_t hits, said, there;
};

static struct tally count(const struct tyto_score *score, uint32_t class_idx, float threshold)
{
    const size_t classes = score->num_classes;
    struct tally tally = {0};

    for (size_t r = 0; r < score->num_rows; r++) {
        const bool says = score->head == TYTO_HEAD_SOFTMAX
                              ? score->picks[r] == class_idx
                              : score->probs[r * classes + class_idx] >= threshold;
        const bool is = score->truths[r * classes + class_idx];

        tally.hits += says && is;
        tally.said += says;
        tally.there += is;
    }
    return tally;
}

/* Van Rijsbergen's F: precision counts 1 / weight times as much as recall. */
static float f_measure(struct tally tally, float weight)
{
    return tally.hits > 0 ? (1 + weight) * (float)tally.hits /
                                ((float)tally.said + weight * (float)tally.there)
                          : 0;
}

float tyto_score_f1(const struct tyto_score *score, uint32_t class_idx, float threshold)
{
    return f_measure(count(score, class_idx, threshold), 1);
}

static bool ever_comes(const struct tyto_score *score, uint32_t class_idx)
{
    return count(score, class_idx, 0).there > 0;
}

struct ranked {
    float prob;
    bool is;
};

/* Falling; of equal scores the wrong ones first, so that a tie gains nothing. */
static int by_prob(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->prob != y->prob)
        return x->prob > y->prob ? -1 : 1;
    return x->is - y->is;
}

static double average_precision(struct ranked *rows, uint32_t num)
{
    uint32_t hits = 0;
    double sum = 0;

    qsort(rows, num, sizeof(*rows), by_prob);
    for (uint32_t i = 0; i < num; i++) {
        hits += rows[i].is;
        sum += rows[i].is ? (double)hits / (i + 1) : 0;
    }
    return hits > 0 ? sum / hits : 0;
}

enum tyto_err tyto_score_map(const struct tyto_score *score, float *ret_map, uint32_t *ret_num)
{
    const size_t classes = score->num_classes;
    struct ranked *rows = calloc(score->num_rows + 1, sizeof(*rows));
    uint32_t num = 0;
    double sum = 0;

    if (!rows)
        return TYTO_ERR_NOMEM;
    for (uint32_t k = 0; k < classes; k++) {
        if (!ever_comes(score, k))
            continue;
        for (size_t r = 0; r < score->num_rows; r++)
            rows[r] =
                (struct ranked){score->probs[r * classes + k], score->truths[r * classes + k] != 0};
        sum += average_precision(rows, score->num_rows);
        num++;
    }
    free(rows);
    *ret_map = num > 0 ? (float)(sum / num) : 0;
    *ret_num = num;
    return TYTO_OK;
}

float tyto_score_macro_f1(const struct tyto_score *score)
{
    uint32_t num = 0;
    float sum = 0;

    for (uint32_t k = 0; k < score->num_classes; k++) {
        if (!ever_comes(score, k))
            continue;
        sum += tyto_score_f1(score, k, even);
        num++;
    }
    return num > 0 ? sum / (float)num : 0;
}

static float choice(float min, float max, uint32_t i)
{
    return min + (max - min) * (float)i / (CHOICES - 1);
}

/* The middle of the run of thresholds of the largest value: as far as can be from both sides. */
static float choose_one(const float values[CHOICES], float min, float max)
{
    uint32_t first = 0, last = 0;

    for (uint32_t i = 1; i < CHOICES; i++) {
        if (values[i] > values[first])
            first = last = i;
        else if (values[i] == values[first] && last + 1 == i)
            last = i;
    }
    return (choice(min, max, first) + choice(min, max, last)) / 2;
}

void tyto_score_choose(const struct tyto_score *score, float min, float max, float *ret_thresholds)
{
    float together[CHOICES], values[CHOICES];
    bool any_comes = false;

    for (uint32_t i = 0; i < CHOICES; i++) {
        struct tally all = {0};
        for (uint32_t k = 0; k < score->num_classes; k++) {
            const struct tally tally = count(score, k, choice(min, max, i));

            all.hits += tally.hits;
            all.said += tally.said;
            all.there += tally.there;
        }
        together[i] = f_measure(all, beta_2);
        any_comes |= all.there > 0;
    }
    for (uint32_t k = 0; k < score->num_classes; k++) {
        for (uint32_t i = 0; i < CHOICES; i++) {
            const struct tally tally = count(score, k, choice(min, max, i));
            const float share = (float)tally.there / ((float)tally.there + rows_to_believe);

            values[i] = share * f_measure(tally, beta_2) + (1 - share) * together[i];
        }
        ret_thresholds[k] = any_comes ? choose_one(values, min, max) : even;
    }
}

/* --- calibration ----------------------------------------------------------------------------- */

static double log_odds(float prob)
{
    const double p = fmin(fmax((double)prob, 1e-7), 1 - 1e-7);
    return log(p / (1 - p));
}

/* One step of Newton's method: gradient and Hessian of the cross-entropy in scale and shift. False
 * where it cannot be taken. */
static bool newton(const struct tyto_score *score, double *scale, double *shift)
{
    const size_t num = (size_t)score->num_rows * score->num_classes;
    double g0 = 0, g1 = 0, h00 = 1e-9, h01 = 0, h11 = 1e-9;

    for (size_t i = 0; i < num; i++) {
        const double x = log_odds(score->probs[i]);
        const double p = 1 / (1 + exp(-(*scale * x + *shift)));
        const double wrong = p - score->truths[i], curve = p * (1 - p);

        g0 += wrong * x;
        g1 += wrong;
        h00 += curve * x * x;
        h01 += curve * x;
        h11 += curve;
    }
    const double det = h00 * h11 - h01 * h01;
    if (!(det > 0))
        return false;
    const double d0 = (h11 * g0 - h01 * g1) / det, d1 = (h00 * g1 - h01 * g0) / det;
    /* Short steps: far from the minimum the curve says little. */
    *scale -= fmin(fmax(d0, -0.5), 0.5);
    *shift -= fmin(fmax(d1, -1.0), 1.0);
    return fabs(d0) + fabs(d1) > 1e-6;
}

void tyto_score_fit(const struct tyto_score *score, double *ret_scale, double *ret_shift)
{
    const size_t num = (size_t)score->num_rows * score->num_classes;
    double scale = 1, shift = 0;
    size_t there = 0;

    for (size_t i = 0; i < num; i++)
        there += score->truths[i];
    for (int i = 0; i < 50 && there > 0 && there < num; i++)
        if (!newton(score, &scale, &shift))
            break;
    const bool is_good = isfinite(scale) && isfinite(shift) && scale > 0.1 && scale < 10;
    *ret_scale = is_good ? scale : 1;
    *ret_shift = is_good ? shift : 0;
}

void tyto_score_bend(struct tyto_score *score, double scale, double shift)
{
    const size_t num = (size_t)score->num_rows * score->num_classes;

    for (size_t i = 0; i < num; i++)
        score->probs[i] = (float)(1 / (1 + exp(-(scale * log_odds(score->probs[i]) + shift))));
}
