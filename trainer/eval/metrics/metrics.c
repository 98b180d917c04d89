/* SPDX-License-Identifier: MIT */
#include "trainer/eval/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

/* --- one class for each segment ------------------------------------------------------------- */

uint32_t tyto_commonest_class(const uint32_t *classes, uint32_t len, uint32_t num_classes)
{
    uint32_t best = num_classes, best_num = 0;

    for (uint32_t t = 0; t < len; t++) {
        uint32_t num = 0;

        if (classes[t] >= num_classes)
            continue;
        for (uint32_t i = 0; i < len; i++)
            num += classes[i] == classes[t];
        if (num > best_num || (num == best_num && classes[t] < best)) {
            best = classes[t];
            best_num = num;
        }
    }
    return best;
}

static uint32_t len_of(const uint32_t *len, uint32_t clip, uint32_t num_segments)
{
    return len ? len[clip] : num_segments;
}

void tyto_measure_segments(const struct tyto_segments *in, struct tyto_segment_measures *ret,
                           uint64_t *ret_confusion)
{
    const uint32_t bg = in->num_classes;
    uint64_t num = 0, right = 0, clips = 0, right_clips = 0;
    uint64_t events = 0, found = 0, quiet = 0, quiet_pred = 0, quiet_both = 0;

    if (ret_confusion)
        memset(ret_confusion, 0, ((size_t)bg + 1) * ((size_t)bg + 1) * sizeof(*ret_confusion));
    for (uint32_t c = 0; c < in->num_clips; c++) {
        const uint32_t len = len_of(in->len, c, in->num_segments);
        const uint32_t *truth = in->truth + (size_t)c * in->num_segments;
        const uint32_t *pred = in->pred + (size_t)c * in->num_segments;
        const uint32_t class_idx = tyto_commonest_class(truth, len, bg);

        for (uint32_t t = 0; t < len; t++) {
            num++;
            right += truth[t] == pred[t];
            events += truth[t] != bg;
            found += truth[t] != bg && pred[t] != bg;
            quiet += truth[t] == bg;
            quiet_pred += pred[t] == bg;
            quiet_both += truth[t] == bg && pred[t] == bg;
            if (ret_confusion)
                ret_confusion[(size_t)truth[t] * (bg + 1) + pred[t]]++;
        }
        if (class_idx == bg)
            continue;
        clips++;
        right_clips += tyto_commonest_class(pred, len, bg) == class_idx;
    }
    *ret = (struct tyto_segment_measures){
        .num = num,
        .accuracy = share(right, num),
        .cat_acc = share(right_clips, clips),
        .event_recall = share(found, events),
        .bg_recall = share(quiet_both, quiet),
        .bg_precision = share(quiet_both, quiet_pred),
    };
    ret->det_bal = (ret->event_recall + ret->bg_recall) / 2;
}

void tyto_measure_class(const uint64_t *confusion, uint32_t num_classes, uint32_t class_idx,
                        struct tyto_class_measures *ret)
{
    const size_t n = (size_t)num_classes + 1;
    const uint64_t hits = confusion[class_idx * n + class_idx];

    *ret = (struct tyto_class_measures){0};
    for (size_t i = 0; i < n; i++) {
        ret->num_true += confusion[class_idx * n + i];
        ret->num_pred += confusion[i * n + class_idx];
    }
    ret->precision = share(hits, ret->num_pred);
    ret->recall = share(hits, ret->num_true);
    ret->f1 = share(2 * hits, ret->num_true + ret->num_pred);
}

double tyto_measure_flips_per_minute(const struct tyto_segments *in, double segment_s)
{
    uint64_t flips = 0, num = 0;

    for (uint32_t c = 0; c < in->num_clips; c++) {
        const uint32_t len = len_of(in->len, c, in->num_segments);
        const size_t first = (size_t)c * in->num_segments;

        num += len;
        for (size_t i = first + 1; i < first + len; i++)
            flips += in->pred[i] != in->pred[i - 1] && in->truth[i] == in->truth[i - 1];
    }
    return num > 0 ? (double)flips / ((double)num * segment_s / 60) : (double)NAN;
}

/* --- F-scores on grids ------------------------------------------------------------------------ */

struct hits {
    uint32_t tp, fp, fn;
};

/* A class's row of one clip; class_idx num_classes: background. */
static bool is_on(const uint8_t *cells, uint32_t num_classes, uint32_t class_idx, uint32_t t,
                  uint8_t bit)
{
    const uint8_t *row = cells + (size_t)t * num_classes;

    if (class_idx < num_classes)
        return row[class_idx] & bit;
    for (uint32_t k = 0; k < num_classes; k++)
        if (row[k] & bit)
            return false;
    return true;
}

struct row {
    const uint8_t *truth, *pred; /* the clip's */
    uint32_t len, num_classes, class_idx;
    uint8_t bit;
};

static struct hits count_segments(const struct row *row)
{
    struct hits hits = {0};

    for (uint32_t t = 0; t < row->len; t++) {
        const bool truth = is_on(row->truth, row->num_classes, row->class_idx, t, row->bit);
        const bool pred = is_on(row->pred, row->num_classes, row->class_idx, t, row->bit);

        hits.tp += truth && pred;
        hits.fp += !truth && pred;
        hits.fn += truth && !pred;
    }
    return hits;
}

/* The next run from *ret_begin on; false when there is none. */
static bool next_run(const uint8_t *cells, const struct row *row, uint32_t *ret_begin,
                     uint32_t *ret_end)
{
    uint32_t t = *ret_begin;

    while (t < row->len && !is_on(cells, row->num_classes, row->class_idx, t, row->bit))
        t++;
    *ret_begin = t;
    while (t < row->len && is_on(cells, row->num_classes, row->class_idx, t, row->bit))
        t++;
    *ret_end = t;
    return t > *ret_begin;
}

static bool has_like(const uint8_t *cells, const struct row *row, uint32_t begin, uint32_t end,
                     double min_iou)
{
    uint32_t b = 0, e = 0;

    while (next_run(cells, row, &b, &e)) {
        const uint32_t left = b > begin ? b : begin, right = e < end ? e : end;
        const uint32_t both = right > left ? right - left : 0;

        if (both > 0 && both >= min_iou * (double)(end - begin + e - b - both))
            return true;
        b = e;
    }
    return false;
}

static struct hits count_events(const struct row *row, double min_iou)
{
    struct hits hits = {0};
    uint32_t b = 0, e = 0;

    for (; next_run(row->pred, row, &b, &e); b = e) {
        if (has_like(row->truth, row, b, e, min_iou))
            hits.tp++;
        else
            hits.fp++;
    }
    b = 0;
    for (; next_run(row->truth, row, &b, &e); b = e)
        hits.fn += !has_like(row->pred, row, b, e, min_iou);
    return hits;
}

/* Mean of F over the rows of one clip that are active. */
struct mean_f {
    double sum;
    uint32_t num;
};

static void add_f(struct mean_f *mean, struct hits hits)
{
    if (hits.tp + hits.fp + hits.fn == 0)
        return;
    mean->sum += 2.0 * hits.tp / (2.0 * hits.tp + hits.fp + hits.fn);
    mean->num++;
}

static double take_f(const struct mean_f *mean)
{
    return mean->num > 0 ? mean->sum / mean->num : 1;
}

void tyto_measure_f(const struct tyto_grids *in, double min_iou, bool with_background,
                    struct tyto_f_scores *ret)
{
    static const uint8_t bits[] = {TYTO_CELL_HEARD, TYTO_CELL_SEEN, TYTO_CELL_JOINT};
    const size_t stride = (size_t)in->num_segments * in->num_classes;
    double sums[4] = {0};

    for (uint32_t c = 0; c < in->num_clips; c++) {
        struct mean_f means[4] = {0};

        for (uint32_t k = 0; k < in->num_classes + with_background; k++) {
            struct row row = {
                .truth = in->truth + c * stride,
                .pred = in->pred + c * stride,
                .len = len_of(in->len, c, in->num_segments),
                .num_classes = in->num_classes,
                .class_idx = k,
            };
            struct hits hits[3];

            for (int i = 0; i < 3; i++) {
                row.bit = bits[i];
                hits[i] = min_iou > 0 ? count_events(&row, min_iou) : count_segments(&row);
                add_f(&means[i], hits[i]);
            }
            add_f(&means[3], (struct hits){hits[0].tp + hits[1].tp, hits[0].fp + hits[1].fp,
                                           hits[0].fn + hits[1].fn});
        }
        for (int i = 0; i < 4; i++)
            sums[i] += take_f(&means[i]);
    }
    const double n = in->num_clips > 0 ? in->num_clips : (double)NAN;
    *ret = (struct tyto_f_scores){
        .heard = sums[0] / n, .seen = sums[1] / n, .joint = sums[2] / n, .event_av = sums[3] / n};
    ret->type_av = (ret->heard + ret->seen + ret->joint) / 3;
}

/* --- calibration and numbers ------------------------------------------------------------------ */

void tyto_reliability_add(struct tyto_reliability *reliability, double confidence, bool is_right)
{
    const double at = confidence * TYTO_RELIABILITY_BINS;
    const int bin = at < 0 ? 0 : at >= TYTO_RELIABILITY_BINS ? TYTO_RELIABILITY_BINS - 1 : (int)at;
    const double miss = confidence - is_right;

    reliability->num++;
    reliability->bins[bin].num++;
    reliability->bins[bin].confidence += confidence;
    reliability->bins[bin].accuracy += is_right;
    reliability->brier += miss * miss;
}

void tyto_reliability_finish(struct tyto_reliability *reliability)
{
    const double num = (double)reliability->num;
    double sum = 0;

    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++) {
        struct tyto_reliability_bin *bin = &reliability->bins[i];

        if (bin->num == 0)
            continue;
        sum += fabs(bin->confidence - bin->accuracy);
        bin->confidence /= (double)bin->num;
        bin->accuracy /= (double)bin->num;
    }
    reliability->ece = num > 0 ? sum / num : (double)NAN;
    reliability->brier = num > 0 ? reliability->brier / num : (double)NAN;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double tyto_quantile(double *values, size_t num, double at)
{
    if (num == 0)
        return (double)NAN;
    qsort(values, num, sizeof(*values), compare_doubles);
    const double place = at * (double)(num - 1);
    const size_t below = (size_t)place;
    const size_t above = below + 1 < num ? below + 1 : below;
    return values[below] + (place - (double)below) * (values[above] - values[below]);
}

double tyto_mean(const double *values, size_t num)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < num; i++) {
        if (isnan(values[i]))
            continue;
        sum += values[i];
        n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}
