/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "trainer/eval/metrics/metrics.h"

struct ranked {
    float score;
    bool truth;
};

static int compare_falling(const void *a, const void *b)
{
    const float x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;

    return (x < y) - (x > y);
}

/* By falling score; NULL: no memory. */
static struct ranked *rank(const float *scores, const bool *truth, size_t num)
{
    struct ranked *ranked = calloc(num > 0 ? num : 1, sizeof(*ranked));

    for (size_t i = 0; ranked && i < num; i++)
        ranked[i] = (struct ranked){scores[i], truth[i]};
    if (ranked)
        qsort(ranked, num, sizeof(*ranked), compare_falling);
    return ranked;
}

/* From i on, those with the same score: how many, and how many of them are true. */
static size_t tie(const struct ranked *ranked, size_t num, size_t i, size_t *ret_true)
{
    const size_t first = i;

    *ret_true = 0;
    for (; i < num && ranked[i].score == ranked[first].score; i++)
        *ret_true += ranked[i].truth;
    return i - first;
}

enum tyto_err tyto_average_precision(const float *scores, const bool *truth, size_t num,
                                     double *ret_ap)
{
    struct ranked *ranked = rank(scores, truth, num);
    double area = 0;
    size_t hits = 0, num_true = 0;

    if (!ranked)
        return TYTO_ERR_NOMEM;
    for (size_t i = 0, n; i < num; i += n) {
        n = tie(ranked, num, i, &num_true);
        hits += num_true;
        area += (double)num_true * (double)hits / (double)(i + n);
    }
    free(ranked);
    *ret_ap = hits > 0 ? area / (double)hits : (double)NAN;
    return TYTO_OK;
}

enum tyto_err tyto_auroc(const float *scores, const bool *truth, size_t num, double *ret_auroc)
{
    struct ranked *ranked = rank(scores, truth, num);
    double wins = 0;
    size_t hits = 0, num_true = 0;

    if (!ranked)
        return TYTO_ERR_NOMEM;
    for (size_t i = 0, n; i < num; i += n) {
        n = tie(ranked, num, i, &num_true);
        wins += (double)(n - num_true) * ((double)hits + (double)num_true / 2);
        hits += num_true;
    }
    free(ranked);
    *ret_auroc =
        hits > 0 && hits < num ? wins / ((double)hits * (double)(num - hits)) : (double)NAN;
    return TYTO_OK;
}
