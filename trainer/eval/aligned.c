/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "trainer/eval/predict.h"

#define STAYS 2.0 /* segments of a certain event that speak for the sound as it came */

/* Segments of a clip in which something is heard and seen at once, as the head expects. */
static double evidence(const struct tyto_predictions *p, uint32_t clip, uint32_t len)
{
    double sum = 0;

    for (uint32_t t = 0; t < len && t < p->num_segments; t++) {
        const float *scores = p->scores + ((size_t)clip * p->num_segments + t) * p->num_logits;
        float most = 0;

        for (uint32_t k = 0; k < p->num_classes; k++) /* softmax: background comes after them */
            most = fmaxf(most, scores[k]);
        sum += (double)most;
    }
    return sum;
}

enum tyto_err tyto_aligned_init(struct tyto_predictions *first, const uint32_t *len,
                                struct tyto_aligned *ret_aligned)
{
    struct tyto_aligned aligned = {
        .mean = first,
        .most = calloc(first->num_clips, sizeof(*aligned.most)),
        .weight = calloc(first->num_clips, sizeof(*aligned.weight)),
    };

    if (first->num_clips > 0 && (!aligned.most || !aligned.weight)) {
        tyto_aligned_finish(&aligned);
        return TYTO_ERR_NOMEM;
    }
    for (uint32_t c = 0; c < first->num_clips; c++) {
        aligned.most[c] = evidence(first, c, len[c]) + STAYS;
        aligned.weight[c] = 1;
    }
    *ret_aligned = aligned;
    return TYTO_OK;
}

/* ret <- ret + share (from - ret), num of them */
static void approach(float *ret, const float *from, size_t num, float share)
{
    for (size_t i = 0; i < num; i++)
        ret[i] += share * (from[i] - ret[i]);
}

enum tyto_err tyto_aligned_add(struct tyto_aligned *aligned, const struct tyto_predictions *other,
                               const uint32_t *len)
{
    struct tyto_predictions *mean = aligned->mean;
    const size_t segments = mean->num_segments, wide = segments * mean->num_logits;

    if (mean->num_clips != other->num_clips || mean->head != other->head ||
        mean->num_segments != other->num_segments || mean->num_logits != other->num_logits)
        return TYTO_ERR_SHAPE;
    for (uint32_t c = 0; c < mean->num_clips; c++) {
        const double found = evidence(other, c, len[c]), most = fmax(aligned->most[c], found);
        const double own = exp(found - most);

        aligned->weight[c] = aligned->weight[c] * exp(aligned->most[c] - most) + own;
        aligned->most[c] = most;
        const float share = (float)(own / aligned->weight[c]);
        approach(mean->scores + c * wide, other->scores + c * wide, wide, share);
        approach(mean->weight_audio + c * segments, other->weight_audio + c * segments, segments,
                 share);
    }
    return TYTO_OK;
}

void tyto_aligned_finish(struct tyto_aligned *aligned)
{
    free(aligned->most);
    free(aligned->weight);
    *aligned = (struct tyto_aligned){0};
}
