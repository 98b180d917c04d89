/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "shaders/softmax/softmax.h"

void tyto_softmax_ref(uint32_t rows, uint32_t width, const float *in, float *ret_out)
{
    for (uint32_t r = 0; r < rows; r++) {
        const float *x = in + (size_t)r * width;
        float *y = ret_out + (size_t)r * width;
        double top = x[0];
        double sum = 0.0;

        for (uint32_t i = 1; i < width; i++)
            top = x[i] > top ? x[i] : top;
        for (uint32_t i = 0; i < width; i++)
            sum += exp(x[i] - top);
        for (uint32_t i = 0; i < width; i++)
            y[i] = (float)(exp(x[i] - top) / sum);
    }
}
