/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>

#include "shaders/self_attn/self_attn.h"

static uint32_t num_visible(uint32_t t, uint32_t len, uint32_t look_ahead)
{
    return look_ahead >= len - t ? len : t + look_ahead + 1;
}

static void attend(const struct tyto_self_attn_shape *shape, const float *qkv, const float *x,
                   uint32_t t, uint32_t num_keys, float *ret_row)
{
    const size_t stride = 2 * (size_t)shape->key_width + shape->width;
    double w[TYTO_SELF_ATTN_MAX_SEGMENTS];
    double top = -INFINITY;
    double sum = 0.0;

    for (uint32_t k = 0; k < num_keys; k++) {
        w[k] = 0.0;
        for (uint32_t d = 0; d < shape->key_width; d++)
            w[k] += (double)qkv[t * stride + d] * qkv[k * stride + shape->key_width + d];
        w[k] *= shape->scale;
        top = fmax(top, w[k]);
    }
    for (uint32_t k = 0; k < num_keys; k++) {
        w[k] = exp(w[k] - top);
        sum += w[k];
    }
    for (uint32_t c = 0; c < shape->width; c++) {
        double acc = 0.0;

        for (uint32_t k = 0; k < num_keys; k++)
            acc += w[k] / sum * qkv[k * stride + 2 * (size_t)shape->key_width + c];
        ret_row[c] = (float)(x[(size_t)t * shape->width + c] + acc);
    }
}

void tyto_self_attn_ref(const struct tyto_self_attn_shape *shape, const float *qkv, const float *x,
                        const uint32_t *len, float *ret_out)
{
    const size_t stride = 2 * (size_t)shape->key_width + shape->width;

    for (size_t b = 0; b < shape->batch; b++)
        for (uint32_t t = 0; t < len[b]; t++) {
            const size_t row0 = b * shape->num_segments;

            attend(shape, qkv + row0 * stride, x + row0 * shape->width, t,
                   num_visible(t, len[b], shape->look_ahead), ret_out + (row0 + t) * shape->width);
        }
}
