/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "shaders/attn_pool/attn_pool.h"

void tyto_attn_pool_ref(const struct tyto_attn_pool_shape *shape, const float *weights,
                        const float *feats, const uint32_t *rows, float *ret_out)
{
    const size_t num_places = shape->num_places;
    const size_t width = shape->width;

    for (size_t b = 0; b < shape->batch; b++)
        for (size_t c = 0; c < width; c++) {
            double sum = 0.0;

            for (size_t l = 0; l < num_places && rows[b] < shape->num_rows; l++)
                sum += (double)weights[b * num_places + l] *
                       feats[(rows[b] * num_places + l) * width + c];
            ret_out[b * width + c] = (float)sum;
        }
}
