/* SPDX-License-Identifier: MIT */
#include "trainer/eval/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float least_norm = 1e-12f; /* as cosine_attn */

/* Adapter and map of "where" as one: y = x W + b. */
struct map {
    uint32_t in, out;
    float *weight; /* (in, out): inputs first, so that the inner loop runs over outputs */
    float *bias;   /* (out) */
};

struct tyto_match {
    struct map maps[2];
    uint32_t num_places;
    float *keys;  /* (L, d) */
    float *query; /* (d) */
};

/* The adapter's weight of (row, column), or that of the identity. */
static double adapter_at(const float *adapt, size_t width, size_t row, size_t column)
{
    return adapt ? (double)adapt[row * width + column] : row == column;
}

static enum tyto_err fold(const struct tyto_cman_weights *head, bool is_visual, struct map *ret)
{
    const struct tyto_cman_dims *d = &head->dims;
    const size_t in = is_visual ? d->visual_in : d->audio_in;
    const size_t middle = is_visual ? d->visual_width : d->audio_width, out = d->match_width;
    const float *const *tensors = (const float *const *)head->tensors;
    const float *adapt =
        tensors[is_visual ? TYTO_CMAN_ADAPT_VISUAL_WEIGHT : TYTO_CMAN_ADAPT_AUDIO_WEIGHT];
    const float *offset =
        tensors[is_visual ? TYTO_CMAN_ADAPT_VISUAL_BIAS : TYTO_CMAN_ADAPT_AUDIO_BIAS];
    const float *weight =
        tensors[is_visual ? TYTO_CMAN_WHERE_VISUAL_WEIGHT : TYTO_CMAN_WHERE_AUDIO_WEIGHT];
    const float *bias =
        tensors[is_visual ? TYTO_CMAN_WHERE_VISUAL_BIAS : TYTO_CMAN_WHERE_AUDIO_BIAS];
    double *sums = calloc(in + 1, sizeof(*sums));

    ret->in = (uint32_t)in;
    ret->out = (uint32_t)out;
    ret->weight = calloc(in * out, sizeof(*ret->weight));
    ret->bias = calloc(out, sizeof(*ret->bias));
    if (!sums || !ret->weight || !ret->bias) {
        free(sums);
        return TYTO_ERR_NOMEM;
    }
    for (size_t o = 0; o < out; o++) {
        double sum = (double)bias[o];

        memset(sums, 0, in * sizeof(*sums));
        for (size_t m = 0; m < middle; m++) {
            const double w = (double)weight[o * middle + m];

            sum += offset ? w * (double)offset[m] : 0;
            for (size_t i = 0; i < in; i++)
                sums[i] += w * adapter_at(adapt, in, m, i);
        }
        for (size_t i = 0; i < in; i++)
            ret->weight[i * out + o] = (float)sums[i];
        ret->bias[o] = (float)sum;
    }
    free(sums);
    return TYTO_OK;
}

enum tyto_err tyto_match_create(const struct tyto_cman_weights *head, struct tyto_match **ret_match)
{
    struct tyto_match *match = calloc(1, sizeof(*match));

    if (!match)
        return TYTO_ERR_NOMEM;
    const size_t width = head->dims.match_width;
    match->num_places = head->dims.num_places;
    match->keys = calloc(match->num_places * width, sizeof(*match->keys));
    match->query = calloc(width, sizeof(*match->query));
    enum tyto_err err = match->keys && match->query ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = fold(head, false, &match->maps[0]);
    if (!err)
        err = fold(head, true, &match->maps[1]);
    if (err)
        tyto_match_destroy(&match);
    else
        *ret_match = match;
    return err;
}

void tyto_match_destroy(struct tyto_match **match)
{
    if (!match || !*match)
        return;
    for (int s = 0; s < 2; s++) {
        free((*match)->maps[s].weight);
        free((*match)->maps[s].bias);
    }
    free((*match)->keys);
    free((*match)->query);
    free(*match);
    *match = NULL;
}

/* ret (out) <- x W + b, made of length 1. */
static void apply(const struct map *map, const float *x, float *restrict ret)
{
    float norm = 0;

    memcpy(ret, map->bias, map->out * sizeof(*ret));
    for (size_t i = 0; i < map->in; i++) {
        const float value = x[i];
        const float *row = map->weight + i * map->out;

        for (size_t o = 0; o < map->out && value != 0; o++)
            ret[o] += value * row[o];
    }
    for (size_t o = 0; o < map->out; o++)
        norm += ret[o] * ret[o];
    norm = fmaxf(sqrtf(norm), least_norm);
    for (size_t o = 0; o < map->out; o++)
        ret[o] /= norm;
}

void tyto_match_clip(struct tyto_match *match, const struct tyto_dataset_clip *clip, uint32_t len,
                     uint32_t num_segments, float *ret_distances)
{
    const struct map *sound = &match->maps[0], *picture = &match->maps[1];
    const size_t width = picture->out, places = match->num_places;

    for (size_t i = 0; i < (size_t)num_segments * num_segments; i++)
        ret_distances[i] = 1;
    for (size_t k = 0; k < len; k++) {
        if (!clip->has_visual[k])
            continue;
        for (size_t l = 0; l < places; l++)
            apply(picture, clip->visual + (k * places + l) * picture->in, match->keys + l * width);
        for (size_t t = 0; t < len; t++) {
            float best = -1;

            if (!clip->has_audio[t])
                continue;
            apply(sound, clip->audio + t * sound->in, match->query);
            for (size_t l = 0; l < places; l++) {
                float cosine = 0;

                for (size_t o = 0; o < width; o++)
                    cosine += match->query[o] * match->keys[l * width + o];
                best = fmaxf(best, cosine);
            }
            ret_distances[t * num_segments + k] = 1 - best;
        }
    }
}
