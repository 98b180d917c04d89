/* SPDX-License-Identifier: MIT */
#include "trainer/step/discriminant.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/data/eigen.h"

static const double least = 1e-9; /* of the largest: an eigenvalue that is not 0 */

struct scatter {
    double *means;                     /* (num_classes, width) */
    double *mean;                      /* (width) */
    double *counts;                    /* (num_classes) */
    double *between, *within, *values; /* (width, width) twice, (width) */
    double num;                        /* rows that have a class */
    uint32_t num_present;              /* classes that have rows */
};

static bool make_scatter(const struct tyto_discriminant_params *p, struct scatter *ret)
{
    const size_t d = p->width;

    ret->means = calloc((size_t)p->num_classes * d, sizeof(double));
    ret->mean = calloc(d, sizeof(double));
    ret->counts = calloc(p->num_classes, sizeof(double));
    ret->between = calloc(d * d, sizeof(double));
    ret->within = calloc(d * d, sizeof(double));
    ret->values = calloc(d, sizeof(double));
    return ret->means && ret->mean && ret->counts && ret->between && ret->within && ret->values;
}

static void free_scatter(struct scatter *scatter)
{
    free(scatter->means);
    free(scatter->mean);
    free(scatter->counts);
    free(scatter->between);
    free(scatter->within);
    free(scatter->values);
}

static void find_means(const struct tyto_discriminant_params *p, const float *x, struct scatter *s)
{
    const size_t d = p->width;

    for (size_t i = 0; i < p->num_rows; i++) {
        const uint32_t c = p->classes[i];

        if (c >= p->num_classes)
            continue;
        s->num++;
        s->counts[c]++;
        for (size_t k = 0; k < d; k++)
            s->means[c * d + k] += (double)x[i * d + k];
    }
    for (size_t c = 0; c < p->num_classes; c++) {
        s->num_present += s->counts[c] > 0;
        for (size_t k = 0; k < d && s->counts[c] > 0; k++) {
            s->mean[k] += s->means[c * d + k] / s->num;
            s->means[c * d + k] /= s->counts[c];
        }
    }
}

/* The lower half of to += by * v v'. */
static void add_outer(double *to, const double *v, size_t d, double by)
{
    for (size_t k = 0; k < d; k++)
        for (size_t l = 0; l <= k; l++)
            to[k * d + l] += by * v[k] * v[l];
}

static void mirror(double *a, size_t d)
{
    for (size_t k = 0; k < d; k++)
        for (size_t l = 0; l < k; l++)
            a[l * d + k] = a[k * d + l];
}

/* row: room for width values. */
static void find_scatters(const struct tyto_discriminant_params *p, const float *x,
                          struct scatter *s, double *row)
{
    const size_t d = p->width;

    for (size_t i = 0; i < p->num_rows; i++) {
        if (p->classes[i] >= p->num_classes)
            continue;
        for (size_t k = 0; k < d; k++)
            row[k] = (double)x[i * d + k] - s->means[p->classes[i] * d + k];
        add_outer(s->within, row, d, 1 / s->num);
    }
    for (size_t c = 0; c < p->num_classes; c++) {
        for (size_t k = 0; k < d; k++)
            row[k] = s->means[c * d + k] - s->mean[k];
        if (s->counts[c] > 0)
            add_outer(s->between, row, d, s->counts[c] / s->num);
    }
    for (size_t k = 0; k < d; k++)
        s->within[k * d + k] += p->regular;
    mirror(s->within, d);
    mirror(s->between, d);
}

/* Adds 1/num times the derivative of eigenvalue number idx. */
static void add_grads(const struct tyto_discriminant_params *p, const float *x,
                      const struct scatter *s, size_t idx, double num, double *grads)
{
    const size_t d = p->width;
    const double *v = s->between + idx * d; /* eigenvectors by now */

    for (size_t i = 0; i < p->num_rows; i++) {
        const double *own = s->means + (p->classes[i] < p->num_classes ? p->classes[i] : 0) * d;
        double apart = 0, astray = 0;

        if (p->classes[i] >= p->num_classes)
            continue;
        for (size_t k = 0; k < d; k++) {
            apart += v[k] * (own[k] - s->mean[k]);
            astray += v[k] * ((double)x[i * d + k] - own[k]);
        }
        for (size_t k = 0; k < d; k++)
            grads[i * d + k] += 2 / (s->num * num) * (apart - s->values[idx] * astray) * v[k];
    }
}

/* Of the eigenvalues that are not 0 by construction, how many of the smallest count. */
static size_t num_chosen(const struct tyto_discriminant_params *p, const struct scatter *s,
                         size_t num)
{
    size_t chosen = p->num_smallest;

    if (chosen == 0)
        while (chosen < num && s->values[num - 1 - chosen] <= s->values[num - 1] + 1)
            chosen++;
    return chosen < num ? chosen : num;
}

enum tyto_err tyto_discriminant(const struct tyto_discriminant_params *params, const float *x,
                                double *ret_value, double *ret_grads)
{
    const size_t d = params->width;
    struct scatter scatter = {0};
    double *row = calloc(d, sizeof(*row)), value = 0;
    enum tyto_err err = row && make_scatter(params, &scatter) ? TYTO_OK : TYTO_ERR_NOMEM;

    memset(ret_grads, 0, params->num_rows * d * sizeof(*ret_grads));
    if (!err)
        find_means(params, x, &scatter);
    if (!err && scatter.num_present > 1) {
        const size_t most = scatter.num_present - 1;
        size_t num = most < d ? most : d;

        find_scatters(params, x, &scatter, row);
        err = tyto_eigen_definite(params->width, scatter.between, scatter.within, scatter.values);
        while (!err && num > 0 && !(scatter.values[num - 1] > least * scatter.values[0]))
            num--; /* columns that are constant, or no more than mixtures of others */
        const size_t chosen = err ? 0 : num_chosen(params, &scatter, num);

        for (size_t i = num - chosen; i < num; i++) {
            value += scatter.values[i] / (double)chosen;
            add_grads(params, x, &scatter, i, (double)chosen, ret_grads);
        }
    }
    free_scatter(&scatter);
    free(row);
    if (!err)
        *ret_value = value;
    return err;
}
