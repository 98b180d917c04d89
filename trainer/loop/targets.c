/* SPDX-License-Identifier: MIT */
#include "trainer/loop/targets.h"

#include <math.h>
#include <string.h>

uint32_t tyto_targets_class(const uint8_t *truth, uint32_t num_classes)
{
    for (uint32_t k = 0; k < num_classes; k++)
        if (truth[k] != 0)
            return k;
    return num_classes;
}

static void put(const struct tyto_targets *targets, uint32_t logit, bool is, float share,
                float *yes, float *no)
{
    if (is)
        yes[logit] += share * (targets->weights ? targets->weights[logit] : 1);
    else
        no[logit] += share;
}

void tyto_targets_add(const struct tyto_targets *targets, const uint8_t *truth, uint32_t num,
                      const int32_t *sounds, const float *shares, float *yes, float *no)
{
    const uint32_t classes = targets->num_classes;

    const float heard = targets->heard > 0 ? targets->heard : 1;
    const float seen = targets->seen > 0 ? targets->seen : 1;

    for (uint32_t t = 0; t < num; t++) {
        const uint8_t *bits = truth + (size_t)t * classes;
        const int32_t sound = sounds ? sounds[t] : (int32_t)t;
        float *y = yes + (size_t)t * targets->stride, *n = no + (size_t)t * targets->stride;

        if (targets->head == TYTO_HEAD_SOFTMAX) {
            put(targets, tyto_targets_class(bits, classes), true, shares[t], y, n);
            continue;
        }
        for (uint32_t k = 0; k < classes; k++) {
            put(targets, k, bits[k] == TYTO_TRUTH_BOTH, shares[t], y, n);
            put(targets, 2 * classes + k, bits[k] & TYTO_TRUTH_SEEN, seen * shares[t], y, n);
            if (sound >= 0)
                put(targets, classes + k, truth[(size_t)sound * classes + k] & TYTO_TRUTH_HEARD,
                    heard * shares[sound], y, n);
        }
    }
}

/* --- class weights --------------------------------------------------------------------------- */

static void count_row(const uint8_t *truth, uint32_t classes, enum tyto_head_kind head,
                      float *counts)
{
    if (head == TYTO_HEAD_SOFTMAX) {
        counts[tyto_targets_class(truth, classes)]++;
        return;
    }
    for (uint32_t k = 0; k < classes; k++) {
        counts[k] += truth[k] == TYTO_TRUTH_BOTH;
        counts[classes + k] += (truth[k] & TYTO_TRUTH_HEARD) != 0;
        counts[2 * classes + k] += (truth[k] & TYTO_TRUTH_SEEN) != 0;
    }
}

/* counts (num) become weights. */
static void weigh(float *counts, uint32_t num, float cap)
{
    double sum = 0;
    uint32_t num_there = 0;

    for (uint32_t i = 0; i < num; i++) {
        sum += (double)counts[i];
        num_there += counts[i] > 0;
    }
    for (uint32_t i = 0; i < num; i++)
        counts[i] =
            counts[i] > 0 ? fminf(cap, fmaxf(1 / cap, (float)(sum / num_there) / counts[i])) : 1;
}

void tyto_targets_balance(const struct tyto_dataset *data, enum tyto_head_kind head, bool of_clips,
                          float cap, float *ret_weights)
{
    const struct tyto_dataset_shape *shape = &data->shape;
    const uint32_t classes = shape->num_classes, num = shape->num_segments;
    const uint32_t groups = head == TYTO_HEAD_SOFTMAX ? 1 : 3;
    const uint32_t width = head == TYTO_HEAD_SOFTMAX ? classes + 1 : classes;

    memset(ret_weights, 0, (size_t)groups * width * sizeof(*ret_weights));
    for (size_t c = 0; c < shape->num_clips; c++) {
        if (of_clips)
            count_row(data->clip_truth + c * classes, classes, head, ret_weights);
        for (size_t t = 0; t < data->len[c] && !of_clips; t++)
            count_row(data->truth + (c * num + t) * classes, classes, head, ret_weights);
    }
    for (uint32_t g = 0; g < groups; g++)
        weigh(ret_weights + (size_t)g * width, width, cap);
}
