/* SPDX-License-Identifier: MIT */
/* The truth for pool: one output value at a time, in double. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "shaders/pool/pool.h"

static double pool_at(const struct tyto_pool_shape *shape, const float *in, uint32_t oy,
                      uint32_t ox, double mean, bool squares)
{
    double sum = 0.0, top = -INFINITY;
    uint32_t num = 0;

    for (uint32_t ky = 0; ky < shape->kernel_h; ky++)
        for (uint32_t kx = 0; kx < shape->kernel_w; kx++) {
            const int64_t y = (int64_t)oy * shape->stride_h + ky - shape->pad_top;
            const int64_t x = (int64_t)ox * shape->stride_w + kx - shape->pad_left;
            if (y < 0 || x < 0 || y >= shape->in_h || x >= shape->in_w)
                continue;
            const double v = (double)in[((size_t)y * shape->in_w + (size_t)x) * shape->channels];
            top = fmax(top, v);
            sum += squares ? (v - mean) * (v - mean) : v;
            num++;
        }
    return shape->mode == TYTO_POOL_MODE_MAX ? top : sum / num;
}

void tyto_pool_ref(const struct tyto_pool_shape *shape, const float *in, double *out)
{
    const size_t picture = (size_t)shape->in_h * shape->in_w * shape->channels;
    const size_t pitch = shape->out_pitch ? shape->out_pitch : shape->channels;

    for (uint32_t b = 0; b < shape->batch; b++)
        for (uint32_t oy = 0; oy < shape->out_h; oy++)
            for (uint32_t ox = 0; ox < shape->out_w; ox++)
                for (uint32_t c = 0; c < shape->channels; c++) {
                    const float *at = in + b * picture + c;
                    const size_t item = (size_t)shape->out_item + b;
                    const size_t place = (item * shape->out_h + oy) * shape->out_w + ox;
                    double result = pool_at(shape, at, oy, ox, 0.0, false);
                    if (shape->mode == TYTO_POOL_MODE_STD)
                        result = sqrt(pool_at(shape, at, oy, ox, result, true));
                    out[place * pitch + shape->out_first + c] = result;
                }
}
