/* SPDX-License-Identifier: MIT */
#include "trainer/eval/metrics/span.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/eval/metrics/metrics.h"

const double tyto_span_tious[TYTO_SPAN_NUM_TIOUS] = {0.3, 0.5, 0.7};
const double tyto_span_tolerances[TYTO_SPAN_NUM_TOLERANCES] = {0.5, 1.0};

/* What a predicted span takes a true one by. */
enum rule { BY_TIOU, BY_ONSET };

struct matching {
    const struct tyto_spans *in;
    const struct tyto_span **order; /* predicted, by class, then falling score */
    size_t *taken;                  /* (truth): 1 + place in order of who took it; 0: free */
    size_t *match;                  /* (pred, in order): 1 + number of the true one; 0: false */
};

double tyto_span_tiou(const struct tyto_span *a, const struct tyto_span *b)
{
    const double both = fmin(a->end_s, b->end_s) - fmax(a->begin_s, b->begin_s);
    const double all = fmax(a->end_s, b->end_s) - fmin(a->begin_s, b->begin_s);

    if (a->recording_idx != b->recording_idx || both <= 0 || all <= 0)
        return 0;
    return both / all; /* they overlap, so that all is their union */
}

static int compare_spans(const void *a, const void *b)
{
    const struct tyto_span *x = *(const struct tyto_span *const *)a;
    const struct tyto_span *y = *(const struct tyto_span *const *)b;

    if (x->class_idx != y->class_idx)
        return x->class_idx < y->class_idx ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x > y) - (x < y);
}

/* How well they fit, higher is better; negative: not at all. */
static double fit(const struct tyto_span *pred, const struct tyto_span *truth, enum rule rule,
                  double limit)
{
    if (pred->class_idx != truth->class_idx || pred->recording_idx != truth->recording_idx)
        return -1;
    if (rule == BY_ONSET) {
        const double off = fabs(pred->begin_s - truth->begin_s);

        return off <= limit ? limit - off : -1;
    }
    const double tiou = tyto_span_tiou(pred, truth);
    return tiou >= limit ? tiou : -1;
}

/* Gives the number of hits. */
static size_t match_all(struct matching *m, enum rule rule, double limit)
{
    const struct tyto_spans *in = m->in;
    size_t hits = 0;

    memset(m->taken, 0, in->num_truth * sizeof(*m->taken));
    for (size_t i = 0; i < in->num_pred; i++) {
        double best = -1;

        m->match[i] = 0;
        for (size_t j = 0; j < in->num_truth; j++) {
            const double how = m->taken[j] ? -1 : fit(m->order[i], &in->truth[j], rule, limit);

            if (how > best) {
                best = how;
                m->match[i] = j + 1;
            }
        }
        if (m->match[i] > 0) {
            m->taken[m->match[i] - 1] = i + 1;
            hits++;
        }
    }
    return hits;
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

/* Area under precision over recall as VOC 2011: precision is the best at that recall or more.
 * The predicted spans of one class: first up to end in order. */
static double class_ap(const struct matching *m, size_t first, size_t end, size_t num_truth)
{
    double area = 0, best = 0;
    size_t hits = 0;

    for (size_t i = first; i < end; i++)
        hits += m->match[i] > 0;
    for (size_t i = end; i > first; i--) { /* from the highest recall down */
        const double precision = (double)hits / (double)(i - first);

        best = fmax(best, precision);
        if (m->match[i - 1] == 0)
            continue;
        area += best / (double)num_truth;
        hits--;
    }
    return area;
}

static double mean_ap(const struct matching *m, const size_t *num_truth)
{
    double sum = 0;
    size_t first = 0, num = 0;

    for (uint32_t k = 0; k < m->in->num_classes; k++) {
        size_t end = first;

        while (end < m->in->num_pred && m->order[end]->class_idx == k)
            end++;
        if (num_truth[k] > 0) {
            sum += class_ap(m, first, end, num_truth[k]);
            num++;
        }
        first = end;
    }
    return ratio(sum, (double)num);
}

/* values has room for all true spans. */
static void measure_errors(const struct matching *m, double *values, struct tyto_span_measures *ret)
{
    double *const medians[] = {&ret->onset_median_s, &ret->offset_median_s};
    double *const p90s[] = {&ret->onset_p90_s, &ret->offset_p90_s};

    for (int which = 0; which < 2; which++) {
        size_t n = 0;

        for (size_t i = 0; i < m->in->num_pred; i++) {
            if (m->match[i] == 0)
                continue;
            const struct tyto_span *truth = &m->in->truth[m->match[i] - 1];

            values[n++] = which == 0 ? m->order[i]->begin_s - truth->begin_s
                                     : m->order[i]->end_s - truth->end_s;
        }
        *medians[which] = tyto_quantile(values, n, 0.5);
        for (size_t i = 0; i < n; i++)
            values[i] = fabs(values[i]);
        *p90s[which] = tyto_quantile(values, n, 0.9);
        ret->num_matched = n;
    }
}

static bool overlaps(const struct tyto_span *a, const struct tyto_span *b)
{
    return a->class_idx == b->class_idx && tyto_span_tiou(a, b) > 0;
}

static void measure_detection(const struct tyto_spans *in, double *values,
                              struct tyto_span_measures *ret)
{
    size_t n = 0, num_false = 0;

    for (size_t j = 0; j < in->num_truth; j++) {
        double first = INFINITY;
        bool is_detected = false;

        for (size_t i = 0; i < in->num_pred; i++) {
            if (!overlaps(&in->pred[i], &in->truth[j]))
                continue;
            is_detected = true;
            if (in->pred[i].emitted_s < first)
                first = in->pred[i].emitted_s;
        }
        ret->num_detected += is_detected;
        if (isfinite(first))
            values[n++] = first - in->truth[j].begin_s;
    }
    for (size_t i = 0; i < in->num_pred; i++) {
        bool is_right = false;

        for (size_t j = 0; j < in->num_truth && !is_right; j++)
            is_right = overlaps(&in->pred[i], &in->truth[j]);
        num_false += !is_right;
    }
    ret->miss_rate = ratio((double)(in->num_truth - ret->num_detected), (double)in->num_truth);
    ret->latency_median_s = tyto_quantile(values, n, 0.5);
    ret->latency_p95_s = tyto_quantile(values, n, 0.95);
    ret->false_per_hour = ratio((double)num_false, in->media_s / 3600);
}

static void measure(struct matching *m, size_t *num_truth, double *values,
                    struct tyto_span_measures *ret)
{
    const struct tyto_spans *in = m->in;
    const double num_both = (double)(in->num_pred + in->num_truth);

    for (size_t i = 0; i < in->num_pred; i++)
        m->order[i] = &in->pred[i];
    qsort(m->order, in->num_pred, sizeof(struct tyto_span *), compare_spans);
    for (size_t j = 0; j < in->num_truth; j++)
        num_truth[in->truth[j].class_idx]++;
    for (int i = 0; i < TYTO_SPAN_NUM_AP_TIOUS; i++) {
        (void)match_all(m, BY_TIOU, (i + 1) / 10.0);
        ret->map[i] = mean_ap(m, num_truth);
    }
    ret->mean_map = tyto_mean(ret->map, TYTO_SPAN_NUM_AP_TIOUS);
    for (int i = 0; i < TYTO_SPAN_NUM_TOLERANCES; i++)
        ret->onset_f1[i] =
            ratio(2.0 * (double)match_all(m, BY_ONSET, tyto_span_tolerances[i]), num_both);
    for (int i = TYTO_SPAN_NUM_TIOUS; i-- > 0;) { /* 0.3 last: its matches are measured */
        const double hits = (double)match_all(m, BY_TIOU, tyto_span_tious[i]);

        ret->at[i].precision = ratio(hits, (double)in->num_pred);
        ret->at[i].recall = ratio(hits, (double)in->num_truth);
        ret->at[i].f1 = ratio(2 * hits, num_both);
    }
    measure_errors(m, values, ret);
    measure_detection(in, values, ret);
}

enum tyto_err tyto_measure_spans(const struct tyto_spans *spans,
                                 struct tyto_span_measures *ret_measures)
{
    struct matching m = {
        .in = spans,
        .order = calloc(spans->num_pred + 1, sizeof(struct tyto_span *)),
        .taken = calloc(spans->num_truth + 1, sizeof(*m.taken)),
        .match = calloc(spans->num_pred + 1, sizeof(*m.match)),
    };
    size_t *num_truth = calloc((size_t)spans->num_classes + 1, sizeof(*num_truth));
    double *values = calloc(spans->num_truth + 1, sizeof(*values));
    enum tyto_err err = TYTO_ERR_NOMEM;

    if (m.order && m.taken && m.match && num_truth && values) {
        struct tyto_span_measures measures = {0};

        measure(&m, num_truth, values, &measures);
        *ret_measures = measures;
        err = TYTO_OK;
    }
    free((void *)m.order);
    free(m.taken);
    free(m.match);
    free(num_truth);
    free(values);
    return err;
}
