/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "shaders/info_nce/info_nce.h"

static double cosine(const float *a, const float *b, uint32_t width)
{
    double dot = 0, aa = 0, bb = 0;

    for (uint32_t c = 0; c < width; c++) {
        dot += (double)a[c] * (double)b[c];
        aa += (double)a[c] * (double)a[c];
        bb += (double)b[c] * (double)b[c];
    }
    return dot / (fmax(sqrt(aa), 1e-6) * fmax(sqrt(bb), 1e-6));
}

double tyto_info_nce_ref(const struct tyto_info_nce_shape *shape, const float *audio,
                         const float *visual, const float *weights)
{
    const uint32_t d = shape->width;
    double loss = 0;

    for (uint32_t i = 0; i < shape->rows; i++) {
        const double weight = (double)weights[(uint64_t)i * shape->weight_stride];
        double sums[2] = {0};

        for (uint32_t j = 0; j < shape->rows; j++) {
            if (i != j && (i / shape->segments == j / shape->segments ||
                           !(weights[(uint64_t)j * shape->weight_stride] > 0)))
                continue;
            sums[0] += exp(cosine(audio + i * d, visual + j * d, d) / (double)shape->temperature);
            sums[1] += exp(cosine(audio + j * d, visual + i * d, d) / (double)shape->temperature);
        }
        loss += weight / 2 *
                (log(sums[0]) + log(sums[1]) -
                 2 * cosine(audio + i * d, visual + i * d, d) / (double)shape->temperature);
    }
    return loss;
}
