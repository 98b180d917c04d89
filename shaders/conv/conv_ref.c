/* SPDX-License-Identifier: MIT */
#include "shaders/conv/conv.h"

static double sum_at(const struct tyto_conv_ref_args *args, size_t b, size_t oy, size_t ox,
                     size_t n)
{
    const struct tyto_conv_shape *s = &args->shape;
    double sum = args->bias ? (double)args->bias[n] : 0;

    for (size_t i = 0; i < s->kernel_h; i++) {
        for (size_t j = 0; j < s->kernel_w; j++) {
            size_t y = oy * s->stride_h + i - s->pad_top; /* wraps to huge when negative */
            size_t x = ox * s->stride_w + j - s->pad_left;

            if (y >= s->in_h || x >= s->in_w)
                continue;
            const float *from = args->x + ((b * s->in_h + y) * s->in_w + x) * s->in_c;
            const float *w = args->weight + ((n * s->kernel_h + i) * s->kernel_w + j) * s->in_c;
            for (size_t c = 0; c < s->in_c; c++)
                sum += (double)from[c] * (double)w[c];
        }
    }
    return sum;
}

void tyto_conv_ref(const struct tyto_conv_ref_args *args, float *ret_y)
{
    const struct tyto_conv_shape *s = &args->shape;

    for (size_t b = 0; b < args->num_batches; b++) {
        for (size_t oy = 0; oy < s->out_h; oy++) {
            for (size_t ox = 0; ox < s->out_w; ox++) {
                size_t at = ((b * s->out_h + oy) * s->out_w + ox) * s->out_c;

                for (size_t n = 0; n < s->out_c; n++) {
                    double sum = sum_at(args, b, oy, ox, n);

                    if (args->residual)
                        sum += (double)args->residual[at + n];
                    sum = tyto_act_ref(args->act, (double)args->act_slope, sum);
                    if (args->has_clamp_min && sum < (double)args->clamp_min)
                        sum = (double)args->clamp_min;
                    ret_y[at + n] = (float)sum;
                }
            }
        }
    }
}
