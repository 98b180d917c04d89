/* SPDX-License-Identifier: MIT */
#include "trainer/adapt/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/data/eigen.h"

enum { MEMORY = 8, ITERATIONS_A_ROUND = 5, MAX_HALVINGS = 20 };
static const double enough_decrease = 1e-4; /* Armijo's, of what the slope promises */

struct fit {
    const struct tyto_fit_params *p;
    size_t num;    /* outputs x width */
    float *logits; /* (rows of the largest part, outputs); owned, like all that follows */
    float *inputs; /* (width, rows) of a part, turned */
    float *rests;  /* (outputs, rows) of a part, turned */
    float *at, *gradient, *next, *next_gradient, *direction;
    float *steps[MEMORY], *turns[MEMORY]; /* the last changes of at, and of gradient */
    double curves[MEMORY];                /* 1 / <steps, turns> */
    uint32_t num_kept;
};

static double dot(size_t num, const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < num; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Cross-entropy of a log-odds with a share of "it is", and its slope. */
static double entropy(double x, double target, double *ret_slope)
{
    const double e = exp(-fabs(x));
    const double p = x >= 0 ? 1 / (1 + e) : e / (1 + e);
    *ret_slope = p - target;
    return fmax(x, 0) - x * target + log1p(e);
}

/* Adds a part's loss, and its gradient. */
static double add_part(struct fit *fit, const struct tyto_fit_part *part, const float *changes,
                       float *gradient)
{
    const uint32_t width = fit->p->width, outputs = fit->p->outputs, num = part->num;
    const double share = part->weight / num;
    double loss = 0;
    memcpy(fit->logits, part->starts, (size_t)num * outputs * sizeof(float));
    tyto_eigen_product(num, outputs, width, part->inputs, changes, 1, fit->logits);
    for (size_t r = 0; r < num; r++)
        for (size_t k = 0; k < outputs; k++) {
            double slope;
            loss += share * entropy((double)fit->logits[r * outputs + k],
                                    (double)part->targets[r * outputs + k], &slope);
            fit->rests[k * num + r] = (float)(share * slope);
        }
    for (size_t r = 0; r < num; r++)
        for (size_t i = 0; i < width; i++)
            fit->inputs[i * num + r] = part->inputs[r * width + i];
    tyto_eigen_product(outputs, width, num, fit->rests, fit->inputs, 1, gradient);
    return loss;
}

/* The loss without what holds goes to *ret_loss; gives all of it. */
static double measure(struct fit *fit, const float *changes, float *gradient, double *ret_loss)
{
    const double hold = fit->p->hold;
    for (size_t i = 0; i < fit->num; i++)
        gradient[i] = (float)(2 * hold * (double)changes[i]);
    *ret_loss = 0;
    for (uint32_t i = 0; i < fit->p->num_parts; i++)
        if (fit->p->parts[i].num > 0)
            *ret_loss += add_part(fit, &fit->p->parts[i], changes, gradient);
    return *ret_loss + hold * dot(fit->num, changes, changes);
}

/* direction <- minus the inverse curvature, as the last steps show it, times the gradient. */
static void aim(struct fit *fit)
{
    double shares[MEMORY];
    const uint32_t kept = fit->num_kept < MEMORY ? fit->num_kept : MEMORY;
    float *d = fit->direction;
    for (size_t i = 0; i < fit->num; i++)
        d[i] = -fit->gradient[i];
    for (uint32_t back = 0; back < kept; back++) {
        const uint32_t m = (fit->num_kept - 1 - back) % MEMORY;
        shares[m] = fit->curves[m] * dot(fit->num, fit->steps[m], d);
        for (size_t i = 0; i < fit->num; i++)
            d[i] -= (float)(shares[m] * (double)fit->turns[m][i]);
    }
    if (kept > 0) {
        const uint32_t m = (fit->num_kept - 1) % MEMORY;
        const double scale = 1 / (fit->curves[m] * dot(fit->num, fit->turns[m], fit->turns[m]));
        for (size_t i = 0; i < fit->num; i++)
            d[i] = (float)(scale * (double)d[i]);
    }
    for (uint32_t on = kept; on-- > 0;) {
        const uint32_t m = (fit->num_kept - 1 - on) % MEMORY;
        const double share = shares[m] - fit->curves[m] * dot(fit->num, fit->turns[m], d);
        for (size_t i = 0; i < fit->num; i++)
            d[i] += (float)(share * (double)fit->steps[m][i]);
    }
}

static void keep_step(struct fit *fit)
{
    const uint32_t m = fit->num_kept % MEMORY;
    for (size_t i = 0; i < fit->num; i++) {
        fit->steps[m][i] = fit->next[i] - fit->at[i];
        fit->turns[m][i] = fit->next_gradient[i] - fit->gradient[i];
    }
    const double curve = dot(fit->num, fit->steps[m], fit->turns[m]);
    if (curve > 1e-12) {
        fit->curves[m] = 1 / curve;
        fit->num_kept++;
    }
}

/* One step down the slope, as long as it lowers the whole. False: there is none. */
static bool descend(struct fit *fit, double *whole, double *loss)
{
    aim(fit);
    double slope = dot(fit->num, fit->gradient, fit->direction);
    if (!(slope < 0)) { /* rounding has bent the curvature */
        fit->num_kept = 0;
        aim(fit);
        slope = dot(fit->num, fit->gradient, fit->direction);
    }
    double length = fit->num_kept == 0 ? 1 / fmax(1, sqrt(-slope)) : 1;
    for (int i = 0; i < MAX_HALVINGS; i++, length /= 2) {
        for (size_t k = 0; k < fit->num; k++)
            fit->next[k] = fit->at[k] + (float)(length * (double)fit->direction[k]);
        double next_loss;
        const double next = measure(fit, fit->next, fit->next_gradient, &next_loss);
        if (!(next <= *whole + enough_decrease * length * slope))
            continue;
        keep_step(fit);
        float *const at = fit->at, *const gradient = fit->gradient;
        fit->at = fit->next;
        fit->next = at;
        fit->gradient = fit->next_gradient;
        fit->next_gradient = gradient;
        *whole = next;
        *loss = next_loss;
        return true;
    }
    return false;
}

static enum tyto_err run(struct fit *fit)
{
    const struct tyto_fit_params *p = fit->p;
    double loss, whole = measure(fit, fit->at, fit->gradient, &loss);
    bool goes_down = true;
    if (!isfinite(whole))
        return TYTO_ERR_INVALID;
    for (uint32_t round = 1; round <= p->num_rounds; round++) {
        for (int i = 0; i < ITERATIONS_A_ROUND && goes_down; i++)
            goes_down = descend(fit, &whole, &loss);
        const struct tyto_fit_progress progress = {
            .round = round, .num_rounds = p->num_rounds, .loss = loss};
        if (p->on_round && !p->on_round(p->user, &progress, fit->at))
            return TYTO_ERR_CLOSED;
    }
    return TYTO_OK;
}

enum tyto_err tyto_fit(const struct tyto_fit_params *params, float *ret_changes)
{
    struct fit fit = {.p = params, .num = (size_t)params->outputs * params->width};
    uint32_t most = 1;
    for (uint32_t i = 0; i < params->num_parts; i++)
        most = params->parts[i].num > most ? params->parts[i].num : most;
    float **const rows[] = {&fit.at, &fit.gradient, &fit.next, &fit.next_gradient, &fit.direction};
    enum tyto_err err = TYTO_OK;
    fit.logits = malloc((size_t)most * params->outputs * sizeof(float));
    fit.rests = malloc((size_t)most * params->outputs * sizeof(float));
    fit.inputs = malloc((size_t)most * params->width * sizeof(float));
    if (!fit.logits || !fit.rests || !fit.inputs)
        err = TYTO_ERR_NOMEM;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (!(*rows[i] = calloc(fit.num, sizeof(float))))
            err = TYTO_ERR_NOMEM;
    for (int i = 0; i < MEMORY; i++) {
        fit.steps[i] = calloc(fit.num, sizeof(float));
        fit.turns[i] = calloc(fit.num, sizeof(float));
        if (!fit.steps[i] || !fit.turns[i])
            err = TYTO_ERR_NOMEM;
    }
    if (!err)
        err = run(&fit);
    if (!err)
        memcpy(ret_changes, fit.at, fit.num * sizeof(float));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        free(*rows[i]);
    for (int i = 0; i < MEMORY; i++) {
        free(fit.steps[i]);
        free(fit.turns[i]);
    }
    free(fit.logits);
    free(fit.rests);
    free(fit.inputs);
    return err;
}
