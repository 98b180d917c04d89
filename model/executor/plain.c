/* SPDX-License-Identifier: MIT */
#include "model/executor/plain.h"

#include <math.h>
#include <string.h>

void tyto_plain_copy_rows(const float *in, size_t width, float *out, size_t pitch, size_t num_rows)
{
    for (size_t row = 0; row < num_rows; row++)
        memcpy(out + row * pitch, in + row * width, width * sizeof(float));
}

/* Places under output place i, and the share of the second. */
static float place_under(enum tyto_resize resize, uint32_t i, uint32_t n_in, uint32_t n_out,
                         uint32_t under[2])
{
    double at = (double)((uint64_t)i * n_in / n_out);
    if (resize == TYTO_RESIZE_BILINEAR)
        at = fmin(fmax(((double)i + 0.5) * n_in / n_out - 0.5, 0.0), (double)n_in - 1.0);
    else if (resize == TYTO_RESIZE_CORNERS)
        at = n_out > 1 ? (double)i * (n_in - 1) / (n_out - 1) : 0.0;
    under[0] = (uint32_t)at;
    under[1] = under[0] + 1 < n_in ? under[0] + 1 : under[0];
    return (float)(at - under[0]);
}

void tyto_plain_resize(enum tyto_resize resize, const struct tyto_value *in_shape,
                       const struct tyto_value *out_shape, const float *in, float *out,
                       size_t batch)
{
    const uint32_t w = in_shape->w, c = in_shape->c;
    const size_t row_floats = (size_t)w * c;
    for (size_t b = 0; b < batch; b++, in += in_shape->h * row_floats)
        for (uint32_t y = 0; y < out_shape->h; y++) {
            uint32_t row[2], col[2];
            const float below = place_under(resize, y, in_shape->h, out_shape->h, row);
            for (uint32_t x = 0; x < out_shape->w; x++, out += c) {
                const float right = place_under(resize, x, w, out_shape->w, col);
                const float *at[4];
                for (int i = 0; i < 4; i++)
                    at[i] = in + row[i / 2] * row_floats + (size_t)col[i % 2] * c;
                for (uint32_t k = 0; k < c; k++)
                    out[k] = (at[0][k] * (1.0f - right) + at[1][k] * right) * (1.0f - below) +
                             (at[2][k] * (1.0f - right) + at[3][k] * right) * below;
            }
        }
}
