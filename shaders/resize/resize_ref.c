/* SPDX-License-Identifier: MIT */
/* The truth for resize: one output value at a time, in double. */
#include <math.h>
#include <stddef.h>

#include "shaders/resize/resize.h"

static double under(enum tyto_resize_mode mode, uint32_t i, uint32_t n_in, uint32_t n_out)
{
    switch (mode) {
    case TYTO_RESIZE_MODE_BILINEAR:
        return fmin(fmax((i + 0.5) * n_in / n_out - 0.5, 0.0), n_in - 1.0);
    case TYTO_RESIZE_MODE_CORNERS:
        return n_out > 1 ? (double)i * (n_in - 1) / (n_out - 1) : 0.0;
    case TYTO_RESIZE_MODE_NEAREST:
        break;
    }
    return (double)((uint64_t)i * n_in / n_out);
}

/* Neighbours' weights along one axis are 1 - distance. */
static double weight_of(uint32_t place, double at)
{
    return fmax(0.0, 1.0 - fabs((double)place - at));
}

void tyto_resizer_ref(const struct tyto_resize_shape *shape, const float *in, double *out)
{
    const size_t row = (size_t)shape->in_w * shape->channels;

    for (uint32_t b = 0; b < shape->batch; b++)
        for (uint32_t y = 0; y < shape->out_h; y++)
            for (uint32_t x = 0; x < shape->out_w; x++)
                for (uint32_t c = 0; c < shape->channels; c++) {
                    const double v = under(shape->mode, y, shape->in_h, shape->out_h);
                    const double u = under(shape->mode, x, shape->in_w, shape->out_w);
                    double sum = 0.0;
                    for (uint32_t i = 0; i < shape->in_h; i++)
                        for (uint32_t j = 0; j < shape->in_w; j++)
                            sum += weight_of(i, v) * weight_of(j, u) *
                                   (double)in[((size_t)b * shape->in_h + i) * row +
                                              (size_t)j * shape->channels + c];
                    *out++ = sum;
                }
}
