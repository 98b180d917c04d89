/* SPDX-License-Identifier: MIT */
#include "trainer/data/basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "trainer/data/eigen.h"

/* So many places tell the covariance of 1280 channels well, and cost seconds. */
enum { MAX_ROWS = 65536, DEFAULT_CLIPS = 2000, DEFAULT_VISUAL = 128, MAX_VISUAL_IN = 8192 };

/* Below this share of the largest variance a component is rounding. */
#define RANK_SHARE 1e-10

struct fit {
    const struct tyto_basis_params *params;
    struct tyto_dataset *dataset;
    uint32_t num_clips, rows_per_clip;
    uint32_t *clips;                      /* those looked at */
    float *audio, *visual;                /* a clip */
    bool *has_audio, *has_visual;         /* (T) */
    double *rows;                         /* (rows_per_clip, V) */
    double *gram;                         /* (V, V), lower half */
    double *visual_sum;                   /* (V) */
    double *values;                       /* (V) */
    double *audio_sum, *audio_square_sum; /* (A) */
    uint64_t num_rows, num_segments;
    uint64_t random;
};

static void finish(struct fit *fit)
{
    free(fit->clips);
    free(fit->audio);
    free(fit->visual);
    free(fit->has_audio);
    free(fit->has_visual);
    free(fit->rows);
    free(fit->gram);
    free(fit->visual_sum);
    free(fit->values);
    free(fit->audio_sum);
    free(fit->audio_square_sum);
}

static enum tyto_err init(struct fit *fit)
{
    const struct tyto_dataset_shape *s = &fit->dataset->shape;
    const size_t t = s->num_segments, places = t * s->num_places, v = s->visual_in;
    const uint32_t max = fit->params->max_clips ? fit->params->max_clips : DEFAULT_CLIPS;
    fit->num_clips = s->num_clips < max ? s->num_clips : max;
    fit->rows_per_clip = MAX_ROWS / fit->num_clips;
    if (fit->rows_per_clip > places)
        fit->rows_per_clip = (uint32_t)places;
    if (fit->rows_per_clip == 0)
        fit->rows_per_clip = 1;
    fit->random = fit->params->seed;
    fit->clips = malloc(s->num_clips * sizeof(*fit->clips));
    fit->audio = malloc(t * s->audio_in * sizeof(*fit->audio) + 1);
    fit->visual = malloc(places * v * sizeof(*fit->visual) + 1);
    fit->has_audio = calloc(t, sizeof(*fit->has_audio));
    fit->has_visual = calloc(t, sizeof(*fit->has_visual));
    fit->rows = malloc(fit->rows_per_clip * v * sizeof(*fit->rows) + 1);
    fit->gram = calloc(v * v + 1, sizeof(*fit->gram));
    fit->visual_sum = calloc(v + 1, sizeof(*fit->visual_sum));
    fit->values = calloc(v + 1, sizeof(*fit->values));
    fit->audio_sum = calloc(s->audio_in + 1, sizeof(*fit->audio_sum));
    fit->audio_square_sum = calloc(s->audio_in + 1, sizeof(*fit->audio_square_sum));
    if (!fit->clips || !fit->audio || !fit->visual || !fit->has_audio || !fit->has_visual ||
        !fit->rows || !fit->gram || !fit->visual_sum || !fit->values || !fit->audio_sum ||
        !fit->audio_square_sum)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < s->num_clips; i++)
        fit->clips[i] = i;
    for (uint32_t i = 0; i < fit->num_clips && s->num_clips > fit->num_clips; i++) {
        const uint32_t other = i + tyto_random_below(&fit->random, s->num_clips - i);
        const uint32_t clip = fit->clips[i];
        fit->clips[i] = fit->clips[other];
        fit->clips[other] = clip;
    }
    return TYTO_OK;
}

static void add_audio(struct fit *fit)
{
    const struct tyto_dataset_shape *s = &fit->dataset->shape;
    for (uint32_t t = 0; t < s->num_segments; t++) {
        if (!fit->has_audio[t])
            continue;
        const float *row = fit->audio + (size_t)t * s->audio_in;
        for (uint32_t i = 0; i < s->audio_in; i++) {
            fit->audio_sum[i] += row[i];
            fit->audio_square_sum[i] += (double)row[i] * row[i];
        }
        fit->num_segments++;
    }
}

/* Places of this clip, drawn without a bias; those of missing pictures drop out. */
static void add_visual(struct fit *fit)
{
    const struct tyto_dataset_shape *s = &fit->dataset->shape;
    const uint32_t num_places = s->num_segments * s->num_places, v = s->visual_in;
    const bool all = fit->rows_per_clip == num_places;
    uint32_t num_rows = 0;
    for (uint32_t i = 0; i < fit->rows_per_clip && v > 0; i++) {
        const uint32_t place = all ? i : tyto_random_below(&fit->random, num_places);
        if (!fit->has_visual[place / s->num_places])
            continue;
        const float *from = fit->visual + (size_t)place * v;
        double *to = fit->rows + (size_t)num_rows++ * v;
        for (uint32_t c = 0; c < v; c++) {
            to[c] = from[c];
            fit->visual_sum[c] += to[c];
        }
    }
    if (num_rows > 0)
        tyto_eigen_gram(num_rows, v, fit->rows, fit->gram);
    fit->num_rows += num_rows;
}

static enum tyto_err read_all(struct fit *fit)
{
    const struct tyto_basis_params *params = fit->params;
    const struct tyto_dataset_clip clip = {.audio = fit->audio,
                                           .visual = fit->visual,
                                           .has_audio = fit->has_audio,
                                           .has_visual = fit->has_visual};
    for (uint32_t i = 0; i < fit->num_clips; i++) {
        if (params->should_stop && params->should_stop(params->user))
            return TYTO_ERR_CLOSED;
        const enum tyto_err err = tyto_dataset_read(fit->dataset, fit->clips[i], &clip);
        if (err)
            return err;
        add_audio(fit);
        add_visual(fit);
        if (params->on_progress)
            params->on_progress(params->user, i + 1, fit->num_clips);
    }
    return TYTO_OK;
}

static void make_audio(const struct fit *fit, struct tyto_basis *basis)
{
    const double num = (double)fit->num_segments;
    for (uint32_t i = 0; i < basis->audio_in && num > 0; i++) {
        const double mean = fit->audio_sum[i] / num;
        const double variance = fit->audio_square_sum[i] / num - mean * mean;
        if (!(variance > 1e-12 * (1 + mean * mean)))
            continue; /* always the same: tells nothing */
        const double scale = 1 / sqrt(variance);
        basis->audio_weight[(size_t)i * basis->audio_in + i] = (float)scale;
        basis->audio_bias[i] = (float)(-mean * scale);
    }
}

static enum tyto_err make_visual(struct fit *fit, struct tyto_basis *basis)
{
    const uint32_t v = basis->visual_in;
    const double num = (double)fit->num_rows;
    if (fit->num_rows == 0 || v == 0)
        return TYTO_OK;
    double *gram = fit->gram, *mean = fit->visual_sum;
    for (uint32_t i = 0; i < v; i++)
        mean[i] /= num;
    for (uint32_t i = 0; i < v; i++) {
        for (uint32_t j = 0; j <= i; j++)
            gram[(size_t)i * v + j] = gram[(size_t)i * v + j] / num - mean[i] * mean[j];
    }
    const enum tyto_err err = tyto_eigen_symmetric(v, gram, fit->values);
    if (err)
        return err;
    const double *values = fit->values;
    double sum = 0, kept = 0, scaled = 0;
    uint32_t num_out = 0;
    for (uint32_t i = 0; i < v; i++) {
        sum += values[i] > 0 ? values[i] : 0;
        if (i < basis->visual_out && values[i] > values[0] * RANK_SHARE && values[0] > 0) {
            kept += values[i];
            scaled += pow(values[i], 1 - (double)fit->params->whitening);
            num_out++;
        }
    }
    basis->kept = sum > 0 ? kept / sum : 0;
    /* The mean variance of what comes out is 1 whatever the whitening. */
    for (uint32_t i = 0; i < num_out; i++) {
        const double scale =
            pow(values[i], -0.5 * (double)fit->params->whitening) / sqrt(scaled / num_out);
        double bias = 0;
        for (uint32_t j = 0; j < v; j++) {
            const double weight = scale * gram[(size_t)i * v + j];
            basis->visual_weight[(size_t)i * v + j] = (float)weight;
            bias -= weight * mean[j];
        }
        basis->visual_bias[i] = (float)bias;
    }
    return TYTO_OK;
}

static enum tyto_err alloc(const struct tyto_dataset_shape *s, uint32_t visual_out,
                           struct tyto_basis *basis)
{
    *basis = (struct tyto_basis){
        .audio_in = s->audio_in,
        .audio_out = (s->audio_in + 3) / 4 * 4,
        .visual_in = s->visual_in,
        .visual_out = visual_out,
    };
    basis->audio_weight = calloc((size_t)basis->audio_out * s->audio_in + 1, sizeof(float));
    basis->audio_bias = calloc(basis->audio_out + 1, sizeof(float));
    basis->visual_weight = calloc((size_t)visual_out * s->visual_in + 1, sizeof(float));
    basis->visual_bias = calloc(visual_out + 1, sizeof(float));
    return basis->audio_weight && basis->audio_bias && basis->visual_weight && basis->visual_bias
               ? TYTO_OK
               : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_basis_fit(struct tyto_dataset *dataset, const struct tyto_basis_params *params,
                             struct tyto_basis *ret_basis)
{
    const uint32_t visual_out = params->visual_out ? params->visual_out : DEFAULT_VISUAL;
    if (visual_out % 4 != 0 || visual_out > MAX_VISUAL_IN ||
        dataset->shape.visual_in > MAX_VISUAL_IN ||
        !(params->whitening >= 0 && params->whitening <= 1))
        return TYTO_ERR_SHAPE;
    struct fit fit = {.params = params, .dataset = dataset};
    struct tyto_basis basis = {0};
    enum tyto_err err = init(&fit);
    if (!err)
        err = alloc(&dataset->shape, visual_out, &basis);
    if (!err)
        err = read_all(&fit);
    if (!err)
        err = make_visual(&fit, &basis);
    if (!err) {
        make_audio(&fit, &basis);
        *ret_basis = basis;
    } else {
        tyto_basis_finish(&basis);
    }
    finish(&fit);
    return err;
}

void tyto_basis_finish(struct tyto_basis *basis)
{
    free(basis->audio_weight);
    free(basis->audio_bias);
    free(basis->visual_weight);
    free(basis->visual_bias);
    *basis = (struct tyto_basis){0};
}
