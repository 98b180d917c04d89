/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>

#include "shaders/cosine_attn/cosine_attn.h"

static const double eps = 1e-12;

void tyto_cosine_attn_ref(const struct tyto_cosine_attn_shape *shape, const float *query,
                          const float *key, const uint32_t *rows, float scale, float *ret_scores)
{
    const size_t width = shape->width;

    for (size_t b = 0; b < shape->batch; b++)
        for (size_t l = 0; l < shape->num_places; l++) {
            float *score = &ret_scores[b * shape->num_places + l];
            const float *q = query + b * width;
            const float *k = NULL;
            double dot = 0.0;
            double qq = 0.0;
            double kk = 0.0;

            *score = 0.0f;
            if (rows[b] >= shape->num_rows)
                continue;
            k = key + (rows[b] * (size_t)shape->num_places + l) * width;
            for (size_t d = 0; d < width; d++) {
                dot += (double)q[d] * k[d];
                qq += (double)q[d] * q[d];
                kk += (double)k[d] * k[d];
            }
            *score = (float)(scale * dot / fmax(sqrt(qq), eps) / fmax(sqrt(kk), eps));
        }
}
